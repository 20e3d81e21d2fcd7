"""Manifests: what they say, the settings that win over them, and each mistake with its line and its fix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from beth_sdk import schema
from beth_sdk.errors import InvalidMessage, ManifestError, SettingError
from beth_sdk.manifest import (
    Manifest,
    effective_limits,
    effective_model,
    effective_queues,
    load_manifest,
    parse_manifest,
    role_of_topic,
)
from beth_sdk.manifest_check import _example, _keys, _table_of
from beth_sdk.settings import Settings

HEAD = """\
manifest_version = 1
role = "developer"
description = "Writes code"
"""
LEAST = HEAD + 'class = "package.agent:Developer"\n'
"""Four lines: what follows begins on line 5."""

FULL = """\
manifest_version = 1
role = "developer"
description = "Implements features in the request's workspace"
class = "beth_agent_developer.agent:Developer"
model = {provider = "anthropic", name = "claude-sonnet-4-20250514"}
network = "packages"
limits = {attempts = 5, lease = "90s", concurrency = 2, steps = 100, cost_usd = 3.0, wall = "4h", timeout = "30m"}
topics = ["tasks.documentation"]
aliases = ["tasks.dev"]
skills = ["skills/git.md"]
tools = ["bash"]
mcp = [{name = "docs", command = ["docs-server"]}]
environment = ["GITHUB_TOKEN"]
repeat = "safe"
[task_types.implement]
prompt = "prompts/implement.md"
input = "schemas/implement.input.json"
output = "schemas/implement.output.json"
[deploy]
replicas = 2
min = 0
max = 8
memory = "4G"
cpus = 1.5
apt = ["git", "ripgrep"]
image = "dev"
"""


def environment(**variables: str) -> Settings:
    return Settings.from_environment(variables)


def least(extra: str = "") -> Manifest:
    return parse_manifest(LEAST + extra)


# -- what a manifest says ---------------------------------------------------------------------


def test_the_least_manifest_has_the_defaults() -> None:
    manifest = least()
    assert (manifest.role, manifest.class_, manifest.command) == ("developer", "package.agent:Developer", None)
    assert manifest.queues == ("tasks.developer",)
    assert (manifest.network, manifest.repeat, manifest.model) == ("none", "never", None)
    limits = manifest.limits
    assert (limits.attempts, limits.lease_seconds, limits.concurrency, limits.steps) == (3, 60, 1, 250)
    assert (limits.cost_usd, limits.wall_seconds, limits.timeout_seconds) == (None, None, None)
    assert (manifest.deploy.replicas, manifest.deploy.min, manifest.deploy.max) == (1, 0, None)


def test_a_full_manifest_says_everything() -> None:
    manifest = parse_manifest(FULL)
    assert manifest.model is not None
    assert (manifest.model.provider, manifest.model.name) == ("anthropic", "claude-sonnet-4-20250514")
    limits = manifest.limits
    assert (limits.lease_seconds, limits.wall_seconds, limits.timeout_seconds) == (90, 14_400, 1800)
    assert manifest.task_types["implement"].output == "schemas/implement.output.json"
    assert manifest.deploy.apt == ["git", "ripgrep"]
    assert manifest.to_json()["mcp"] == [{"name": "docs", "command": ["docs-server"]}]


def test_the_role_has_its_own_queue_its_aliases_and_further_topics() -> None:
    manifest = parse_manifest(FULL)
    assert manifest.own_queues == ("tasks.developer", "tasks.dev")
    assert manifest.queues == ("tasks.developer", "tasks.dev", "tasks.documentation")


def test_a_command_plays_a_role_too() -> None:
    manifest = parse_manifest(HEAD + 'command = ["./agent.sh", "--fast"]')
    assert (manifest.command, manifest.class_) == (["./agent.sh", "--fast"], None)


def test_a_manifest_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        least().role = "tester"  # type: ignore[misc]


def test_a_loaded_manifest_knows_where_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(LEAST)
    for manifest in (load_manifest(tmp_path / "agent.toml"), load_manifest(str(tmp_path))):
        assert manifest.directory == tmp_path
    installed = manifest.located(tmp_path / "x", distribution="beth-agent-developer", package_version="1.2")
    assert (installed.directory, installed.distribution) == (tmp_path / "x", "beth-agent-developer")
    assert installed.package_version == "1.2"
    assert manifest.package_version is None


def test_a_manifest_that_was_only_parsed_has_no_directory() -> None:
    assert parse_manifest(FULL).directory is None


# -- settings win -----------------------------------------------------------------------------

MODEL = 'model = {provider = "anthropic", name = "claude-sonnet-4-20250514"}'


@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({}, ("anthropic", "claude-sonnet-4-20250514")),
        ({"LLM_PROVIDER": "openai", "LLM_MODEL": "gpt-4o"}, ("openai", "gpt-4o")),
        ({"LLM_MODEL": "claude-opus-4"}, ("anthropic", "claude-opus-4")),
        ({"LLM_PROVIDER": "bedrock"}, ("bedrock", "claude-sonnet-4-20250514")),
    ],
)
def test_llm_variables_win_over_the_manifest(variables: dict[str, str], chosen: tuple[str, str]) -> None:
    model = effective_model(least(MODEL), environment(**variables))
    assert model is not None
    assert (model.provider, model.name) == chosen


def test_llm_variables_choose_a_model_where_the_manifest_has_none() -> None:
    model = effective_model(least(), environment(LLM_PROVIDER="openai", LLM_MODEL="gpt-4o"))
    assert model is not None
    assert (model.provider, model.name) == ("openai", "gpt-4o")


def test_without_any_model_there_is_none() -> None:
    assert effective_model(least(), environment()) is None


@pytest.mark.parametrize(
    ("variables", "missing"), [({"LLM_PROVIDER": "openai"}, "LLM_MODEL"), ({"LLM_MODEL": "gpt-4o"}, "LLM_PROVIDER")]
)
def test_half_a_model_is_refused_with_the_missing_half_named(variables: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingError, match="the manifest names none") as caught:
        effective_model(least(), environment(**variables))
    assert caught.value.variable == missing


SECURITY = """\
manifest_version = 1
role = "security-reviewer"
description = "Reviews"
class = "package.agent:Reviewer"
aliases = ["tasks.security"]
"""


@pytest.mark.parametrize(
    ("subscribe", "queues"),
    [
        ("", ("tasks.security-reviewer", "tasks.security")),
        ("tasks.security", ("tasks.security-reviewer", "tasks.security")),
        ("tasks.security-reviewer", ("tasks.security-reviewer", "tasks.security")),
        ("tasks.night", ("tasks.night",)),
        ("tasks.night, tasks.security", ("tasks.night", "tasks.security-reviewer", "tasks.security")),
        ("tasks.security, tasks.security-reviewer", ("tasks.security-reviewer", "tasks.security")),
    ],
)
def test_subscribe_topics_win_and_an_alias_means_the_same_queue(subscribe: str, queues: tuple[str, ...]) -> None:
    assert effective_queues(parse_manifest(SECURITY), environment(SUBSCRIBE_TOPICS=subscribe)) == queues


def test_subscribe_topics_replace_the_further_topics() -> None:
    manifest = parse_manifest(FULL)
    assert effective_queues(manifest, environment(SUBSCRIBE_TOPICS="tasks.dev")) == ("tasks.developer", "tasks.dev")


def test_variables_win_over_the_limits() -> None:
    limits = effective_limits(
        parse_manifest(FULL), environment(BETH_LEASE="5s", BETH_CONCURRENCY="7", BETH_MAX_ATTEMPTS="9")
    )
    assert (limits.lease_seconds, limits.concurrency, limits.attempts) == (5, 7, 9)
    assert (limits.steps, limits.cost_usd, limits.wall_seconds, limits.timeout_seconds) == (100, 3.0, 14_400, 1800)


def test_without_variables_the_manifest_has_the_limits() -> None:
    limits = effective_limits(parse_manifest(FULL), environment())
    assert (limits.lease_seconds, limits.concurrency, limits.attempts) == (90, 2, 5)


@pytest.mark.parametrize(
    ("topic", "role"),
    [
        ("tasks.security", "security-reviewer"),
        ("tasks.security-reviewer", "security-reviewer"),
        ("tasks.tester", "tester"),
        ("tasks.developer.dead", None),
        ("results.beth", None),
        ("tasks.", None),
    ],
)
def test_a_topic_tells_its_role(topic: str, role: str | None) -> None:
    assert role_of_topic(topic, [parse_manifest(SECURITY)]) == role


# -- mistakes ---------------------------------------------------------------------------------

MISTAKES: list[tuple[str, int, str, str]] = [
    # unknown keys
    (LEAST + 'mdoel = "x"', 5, "unknown key mdoel", "did you mean model?"),
    (LEAST + "\n[limits]\nsteps = 1\nleese = '60s'", 8, "unknown key limits.leese", "did you mean lease?"),
    (LEAST + "limits.leese = '60s'", 5, "unknown key limits.leese", "did you mean lease?"),
    (LEAST + "limits = {steps = 1, leese = '60s'}", 5, "unknown key limits.leese", "did you mean lease?"),
    (LEAST + "[task_types.a]\n\npromt = 'x'", 7, "unknown key task_types.a.promt", "did you mean prompt?"),
    (LEAST + "attempts = 3", 5, "unknown key attempts", "attempts belongs in the table [limits]"),
    (LEAST + "[deploy]\nskills = []", 6, "unknown key deploy.skills", "skills belongs at the top of the file"),
    (LEAST + "[zzz]\na = 1", 5, "unknown key zzz", "remove it; known keys here: manifest_version, role,"),
    (LEAST + "class_ = 'a.b:C'", 5, "unknown key class_", "did you mean class?"),
    (LEAST.replace("role", "rol"), 2, "unknown key rol", "did you mean role?"),
    # missing keys
    ("", 1, "manifest_version is missing", "add manifest_version = 1"),
    (LEAST.replace('role = "developer"', ""), 1, "role is missing", 'add role = "developer"'),
    (LEAST + "\n[model]\nprovider = 'x'", 6, "model.name is missing", 'add name = "claude-sonnet-4-20250514"'),
    (HEAD, 1, "exactly one of class and command", 'write class = "package.module:Class" or command = ["./agent.sh"]'),
    (LEAST + "\ncommand = ['x']", 6, "exactly one of class and command", "write class ="),
    # wrong types
    (LEAST + "limits = {lease = 60}", 5, "limits.lease = 60: input should be a valid string", 'lease = "60s"'),
    (LEAST + "[limits]\nsteps = '9'", 6, 'limits.steps = "9": input should be a valid integer', "steps = 250"),
    (LEAST + "[limits]\nsteps = true", 6, "limits.steps = true: input should be a valid integer", "steps = 250"),
    (LEAST + "limits = 3", 5, "limits = 3: it should be a table", 'limits = {attempts = 3, lease = "60s"}'),
    (LEAST + "task_types = {a = 1}", 5, "task_types.a = 1: it should be a table", "task_types = {implement ="),
    (LEAST + "skills = 'a.md'", 5, 'skills = "a.md": input should be a valid list', 'skills = ["skills/testing.md"]'),
    (LEAST + "skills = [\n'a.md',\n3]", 7, "skills[1] = 3: input should be a valid string", "skills = ["),
    (LEAST + "mcp = [{a = 1},\n{b = 1979-05-27}]", 6, 'mcp[1].b = "1979-05-27": it should be text', "mcp = ["),
    (LEAST + "mcp = [\n{b = {c = nan}}]", 6, "mcp[0].b.c = NaN: input should be a finite number", "mcp = ["),
    # wrong values
    ("manifest_version = 2\n" + LEAST[21:], 1, "manifest_version 2 is not known", "update beth-sdk"),
    (LEAST.replace("developer", "De v"), 2, 'role = "De v": it should be lower-case', 'role = "developer"'),
    (LEAST.replace("package.agent:", ""), 4, 'class = "Developer": it should be package.module:Class', "class ="),
    (
        LEAST + "network = 'some'",
        5,
        "network = \"some\": input should be 'none', 'packages' or 'open'",
        'network = "none"',
    ),
    (LEAST + "limits.wall = 'soon'", 5, 'limits.wall = "soon": it should be a duration such as', 'wall = "4h"'),
    (LEAST + "limits.wall = '0s'", 5, 'limits.wall = "0s": it should be over zero', 'wall = "4h"'),
    (LEAST + "limits.attempts = 0", 5, "limits.attempts = 0: input should be greater than", "attempts = 3"),
    (LEAST + "skills = ['../x']", 5, 'skills[0] = "../x": it should be a path below', "skills = ["),
    (LEAST + "skills = ['/etc/passwd']", 5, 'skills[0] = "/etc/passwd": it should be a path below', "skills = ["),
    (LEAST + "task_types.a.prompt = 'a/../../x'", 5, "task_types.a.prompt", "prompt ="),
    (LEAST + "[task_types.'A b']", 5, 'task_types.A b = "A b": it should be lower-case', "task_types ="),
    (
        LEAST + "aliases = ['tasks..a']",
        5,
        'aliases[0] = "tasks..a": it should be letters',
        'aliases = ["tasks.security"]',
    ),
    (LEAST + "environment = ['A=B']", 5, 'environment[0] = "A=B": it should be the name of', "environment ="),
    (LEAST + "deploy.memory = '4 GB'", 5, 'deploy.memory = "4 GB": it should be a number', 'memory = "4G"'),
    (LEAST + "deploy.apt = ['git; rm']", 5, 'deploy.apt[0] = "git; rm": it should be the name', "apt ="),
    (LEAST + "[deploy]\nmin = 3\nmax = 2", 6, "deploy.min = 3 is over deploy.max = 2", "raise max or lower min"),
    (LEAST + "[deploy]\nmax = 2\nreplicas = 3", 7, "deploy.replicas = 3 is over deploy.max = 2", "raise max or lower"),
    (HEAD + "command = []", 4, "command = []: list should have at least 1 item", 'command = ["./agent.sh"]'),
    # not TOML
    (LEAST + "x =", 5, "not TOML (Invalid value)", "correct the line"),
    (LEAST + "role = 'again'", 5, "not TOML (Cannot overwrite a value)", "correct the line"),
    (LEAST + "skills = [", 5, "not TOML", "correct the line"),
    (LEAST + "x = '\x00'", 5, "not TOML", "correct the line"),
]


@pytest.mark.parametrize(("text", "line", "problem", "fix"), MISTAKES)
def test_a_mistake_is_told_with_file_line_and_fix(text: str, line: int, problem: str, fix: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, "some/agent.toml")
    assert (caught.value.file, caught.value.line) == ("some/agent.toml", line)
    assert problem in caught.value.problem
    assert fix in caught.value.fix
    assert str(caught.value).startswith(f"some/agent.toml:{line}: ")
    assert "\n" not in str(caught.value)


def test_of_several_mistakes_the_first_is_told() -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(LEAST + "tools = 1\nskills = 2\n")
    assert caught.value.line == 5


def test_a_document_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ManifestError, match="nested too deeply"):
        parse_manifest("a = " + "[" * 100_000)


def test_a_number_too_long_for_python_is_refused() -> None:
    with pytest.raises(ManifestError, match="not TOML"):
        parse_manifest(LEAST + "limits.steps = " + "9" * 5000)


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file") as caught:
        load_manifest(tmp_path / "agent.toml")
    assert (caught.value.file, caught.value.line) == (str(tmp_path / "agent.toml"), None)
    assert "beside the package's __init__.py" in caught.value.fix


def test_a_file_that_is_not_text_is_refused_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_bytes(b'role = "x"\n\n# \xff\n')
    with pytest.raises(ManifestError, match="not UTF-8") as caught:
        load_manifest(tmp_path)
    assert caught.value.line == 3


# -- files that a manifest names --------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "line", "key"),
    [
        ("[task_types.a]\nprompt = 'prompts/b.md'", 6, "task_types.a.prompt"),
        ("[task_types.a]\n\ninput = 'prompts'", 7, "task_types.a.input"),
        ("task_types = {a = {output = 'c.json'}}", 5, "task_types.a.output"),
        ("skills = ['prompts/a.md',\n'prompts/b.md']", 6, "skills[1]"),
    ],
)
def test_a_file_that_is_named_must_exist(tmp_path: Path, extra: str, line: int, key: str) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "a.md").touch()
    (tmp_path / "agent.toml").write_text(LEAST + extra)
    with pytest.raises(ManifestError, match="does not exist") as caught:
        load_manifest(tmp_path)
    assert caught.value.line == line
    assert caught.value.problem.startswith(f"{key} names ")


def test_the_nearest_file_is_proposed(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "implement.md").touch()
    (tmp_path / "agent.toml").write_text(LEAST + "task_types.a.prompt = 'prompts/implment.md'")
    with pytest.raises(ManifestError) as caught:
        load_manifest(tmp_path)
    assert caught.value.fix == "did you mean prompts/implement.md?"


def test_a_skill_may_be_a_directory(tmp_path: Path) -> None:
    (tmp_path / "skills" / "git").mkdir(parents=True)
    (tmp_path / "agent.toml").write_text(LEAST + "skills = ['skills/git']")
    assert load_manifest(tmp_path).skills == ["skills/git"]


def test_a_command_beside_the_manifest_must_exist_and_be_executable(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(HEAD + 'command = ["./agent.sh"]')
    with pytest.raises(ManifestError, match="does not exist") as caught:
        load_manifest(tmp_path)
    assert caught.value.line == 4
    (tmp_path / "agent.sh").touch(mode=0o644)
    with pytest.raises(ManifestError, match="not executable") as caught:
        load_manifest(tmp_path)
    assert caught.value.fix == f"run chmod +x {tmp_path}/agent.sh"
    (tmp_path / "agent.sh").chmod(0o755)
    assert load_manifest(tmp_path).command == ["./agent.sh"]


def test_a_script_given_to_a_program_must_exist_but_need_not_be_executable(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(HEAD + 'command = ["{python}",\n"./agent.py", "--x"]')
    with pytest.raises(ManifestError, match=r"command\[1\] names './agent.py', which does not exist") as caught:
        load_manifest(tmp_path)
    assert caught.value.line == 5
    (tmp_path / "agent.py").touch(mode=0o644)
    assert load_manifest(tmp_path).command == ["{python}", "./agent.py", "--x"]


# -- examples and the schema ------------------------------------------------------------------


def every_key(table: type[BaseModel] = Manifest, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, info in _keys(table).items():
        yield (*path, key)
        inner = _table_of(info.annotation)
        if inner is not None:
            yield from every_key(inner, (*path, key, "some-type") if key == "task_types" else (*path, key))


@pytest.mark.parametrize("path", list(every_key()), ids=".".join)
def test_the_example_of_every_key_is_itself_right(path: tuple[str, ...]) -> None:
    needed = {"manifest_version": "1", "role": '"a"', "description": '"a"', "class": '"a.b:C"'}
    tables = {"model": {"provider": '"a"', "name": '"a"'}}
    if path == ("command",):
        del needed["class"]
    needed.pop(path[0] if len(path) == 1 else "", None)
    beside = tables.get(path[0], {}) if len(path) > 1 else {}
    lines = [f"{key} = {value}" for key, value in needed.items()]
    lines += [f"[{'.'.join(path[:-1])}]"] if len(path) > 1 else []
    lines += [f"{key} = {value}" for key, value in beside.items() if key != path[-1]]
    example = _example(path)
    assert example.startswith(f"{path[-1]} = ")
    parse_manifest("\n".join([*lines, example]))


def accepted_by_model(document: Any) -> bool:
    try:
        Manifest.model_validate(document)
    except ValidationError:
        return False
    return True


def accepted_by_schema(document: Any) -> bool:
    try:
        schema.check("manifest", document)
    except InvalidMessage:
        return False
    return True


DOCUMENT = parse_manifest(FULL).to_json()
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    1.5,
    1001,
    10**6,
    "",
    "x",
    "a/b",
    "../a",
    "./a",
    "..a",
    "a\n",
    "1s",
    "0",
]
ODD += [
    "1h30m",
    "1m1h1m1h1m1h",
    "A",
    "a-b",
    "a--b",
    "a.b:C",
    "4G",
    "tasks.a",
    [],
    [1],
    ["a"],
    [""],
    {},
    {"a": 1},
    {"a": {}},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("path", list(places(DOCUMENT)), ids=str)
def test_model_and_schema_accept_the_same_manifests(path: tuple[Any, ...]) -> None:
    for odd in ODD:
        document = replaced(DOCUMENT, path, odd)
        assert accepted_by_model(document) == accepted_by_schema(document), odd


@pytest.mark.parametrize("path", [path for path in places(DOCUMENT) if path and isinstance(path[-1], str)], ids=str)
def test_model_and_schema_agree_on_which_keys_may_be_left_out(path: tuple[Any, ...]) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    table = document
    for key in path[:-1]:
        table = table[key]
    del table[path[-1]]
    assert accepted_by_model(document) == accepted_by_schema(document)


def test_model_and_schema_know_the_same_keys() -> None:
    document = schema.schema("manifest")
    tables: dict[str, Any] = {"": document, **document["$defs"]}
    for name in ("", "task_type", "model", "limits", "deploy"):
        table = {"": Manifest, "task_type": _table_of(Manifest.model_fields["task_types"].annotation)}.get(name)
        table = table or _table_of(Manifest.model_fields[name].annotation)
        assert table is not None
        assert set(tables[name]["properties"]) == set(_keys(table))
