"""Which servers there are, and what is said of entries that are wrong."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from beth_kit.mcp.config import configured, expanded, from_user
from beth_sdk.errors import ConfigurationError
from beth_sdk.manifest_model import Manifest


def manifest(*mcp: dict[str, Any], role: str = "developer") -> Manifest:
    return Manifest.model_validate(
        {"manifest_version": 1, "role": role, "description": "x", "class": "x.y:Z", "mcp": list(mcp)}
    )


def written(home: Path, servers: Any) -> Path:
    path = home / "mcp.json"
    path.write_text(json.dumps({"mcpServers": servers}))
    return path


def test_without_entries_there_are_no_servers(tmp_path: Path) -> None:
    assert configured(manifest(), {}, tmp_path) == ()


def test_the_usual_file_is_read(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "git": {"command": "uvx", "args": ["mcp-server-git"], "env": {"A": "b", "C": "${C}"}},
            "web": {"type": "http", "url": "https://example.org/mcp", "headers": {"Authorization": "Bearer ${T}"}},
        },
    )
    git, web = configured(manifest(), {}, tmp_path)
    assert (git.argv, git.network, git.required) == (("uvx", "mcp-server-git"), "none", False)
    assert git.entry.env == {"A": "b", "C": "${C}"}
    assert git.folder == tmp_path
    assert (web.argv, web.entry.url) == ((), "https://example.org/mcp")


def test_a_manifest_names_servers_that_are_required(tmp_path: Path) -> None:
    (one,) = configured(manifest({"name": "docs", "command": ["./docs", "-v"], "timeout": "90s"}), {}, tmp_path)
    assert (one.argv, one.required, one.entry.timeout) == (("./docs", "-v"), True, 90.0)
    (other,) = configured(manifest({"name": "docs", "command": "docs", "required": False}), {}, tmp_path)
    assert not other.required


def test_a_list_of_variables_passes_them_on(tmp_path: Path) -> None:
    (one,) = configured(manifest({"name": "x", "command": "x", "env": ["A", "B"]}), {}, tmp_path)
    assert one.entry.env == {"A": "${A}", "B": "${B}"}


def test_the_users_file_says_which_roles_get_a_server(tmp_path: Path) -> None:
    written(tmp_path, {"all": {"command": "a"}, "some": {"command": "b", "roles": ["tester"]}})
    assert [one.name for one in configured(manifest(), {}, tmp_path)] == ["all"]
    assert [one.name for one in configured(manifest(role="tester"), {}, tmp_path)] == ["all", "some"]


def test_the_users_server_replaces_the_manifests_and_may_turn_it_off(tmp_path: Path) -> None:
    declared = manifest({"name": "docs", "command": "docs"})
    written(tmp_path, {"docs": {"url": "http://localhost/mcp"}})
    assert [one.entry.url for one in configured(declared, {}, tmp_path)] == ["http://localhost/mcp"]
    written(tmp_path, {"docs": {"command": "docs", "disabled": True}})
    assert configured(declared, {}, tmp_path) == ()


def test_a_file_may_be_named_and_must_then_be_there(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    with pytest.raises(ConfigurationError, match=r"BETH_MCP_CONFIG=.*other.json: there is no such file"):
        from_user({"BETH_MCP_CONFIG": str(path)}, tmp_path)
    path.write_text('{"mcpServers": {"a": {"command": "a"}}}')
    assert [one.name for one in from_user({"BETH_MCP_CONFIG": str(path)}, tmp_path)] == ["a"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({}, "x: exactly one of command and url says what the server is"),
        ({"command": "a", "url": "http://a"}, "x: exactly one of command and url"),
        ({"command": "a", "comand": "b"}, "x.comand: there is no such key; accepted: type, command, args, url"),
        ({"command": "a", "timeout": 0}, "x.timeout: input should be greater than 0"),
        ({"command": "a", "timeout": "soon"}, "x.timeout: 'soon' is not a duration"),
        ({"command": "a", "network": "some"}, "x.network: input should be 'none', 'packages' or 'open'"),
        ({"command": "a", "args": ["b", 3]}, r"x.args\[1\]: input should be a valid string"),
        ({"command": []}, "x.command: value should have at least 1 item"),
        ({"command": "a", "headers": {"A": "b"}}, "x: headers are for a server with url"),
        ({"url": "http://a", "env": ["A"], "readable": ["/x"]}, "x: env, readable are for a server with command"),
        ({"url": "ftp://a"}, "x: url must be http:// or https://"),
        ({"url": "https://me:pw@a/mcp"}, "x: url must hold no password"),
        ({"type": "http", "command": "a"}, "x: type http does not go with command"),
        ({"type": "sse", "url": "http://a"}, "x.type: input should be 'stdio', 'http' or 'streamable-http'"),
        ({"command": "a", "env": {"A-B": "c"}}, "x.env.A-B: string should match pattern"),
    ],
)
def test_a_wrong_entry_is_one_line_with_file_and_key(tmp_path: Path, entry: dict[str, Any], said: str) -> None:
    path = written(tmp_path, {"x": entry})
    with pytest.raises(ConfigurationError, match=said) as caught:
        from_user({}, tmp_path)
    assert str(caught.value).startswith(f"{path}: mcpServers.x")
    assert "\n" not in str(caught.value)
    assert "pw" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=said.removeprefix("x")) as caught:
        configured(manifest({"name": "x", **entry}), {}, tmp_path / "none")
    assert "agent.toml: mcp[0]" in str(caught.value)


def test_other_wrong_files_are_told_apart(tmp_path: Path) -> None:
    for body, said in (
        ("{", "mcp.json"),
        ("[]", "it must be one object"),
        ('{"servers": {}}', "it must be one object"),
        ('{"mcpServers": {"a": 1}}', "mcpServers.a: it must be an object"),
        ('{"mcpServers": {"a b": {"command": "a"}}}', "must be 1 to 32 letters"),
        ('{"mcpServers": {"a": {"command": "a"}, "a": {"command": "b"}}}', "mcp.json"),
    ):
        (tmp_path / "mcp.json").write_text(body)
        with pytest.raises(ConfigurationError, match=said):
            from_user({}, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a file that is there and no file")
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "mcp.json").mkdir()
    with pytest.raises(ConfigurationError, match="it cannot be read"):
        from_user({}, tmp_path)


def test_a_manifests_entry_needs_a_name_of_its_own_and_no_roles(tmp_path: Path) -> None:
    for entries, said in (
        ([{"command": "a"}], r"mcp\[0\].name: it must be there"),
        ([{"name": "a", "command": "a", "roles": ["x"]}], r"mcp\[0\].roles: "),
        ([{"name": "a", "command": "a"}, {"name": "a", "command": "b"}], r"mcp\[1\].name: there is another server a"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            configured(manifest(*entries), {}, tmp_path)


def test_another_command_is_another_identity(tmp_path: Path) -> None:
    names = set()
    for entry in ({"command": "a"}, {"command": "a", "args": ["b"]}, {"url": "http://a"}, {"command": "a"}):
        (one,) = configured(manifest({"name": "x", **entry}), {}, tmp_path)
        names.add(one.identity)
    assert len(names) == 3


def test_values_are_expanded_or_missed_without_being_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k\r\n")
    environ = {"A": "1", "EMPTY": "", "K_FILE": str(tmp_path / "key"), "L_FILE": str(tmp_path / "absent")}
    assert expanded("${A}-${K} $A ${", environ, "w") == "1-k $A ${"
    for name in ("B", "EMPTY", "L"):
        with pytest.raises(ConfigurationError, match=f"w: .*{name}"):
            expanded(f"secret ${{{name}}}", environ, "w")
