"""`beth schema`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from beth_sdk.asyncapi import document
from beth_sdk.cli.conftest import Beth, add_agent
from beth_sdk.conftest import Site
from beth_sdk.plugins import discover_agents
from beth_sdk.schema import MESSAGES, schema_bytes

EXAMPLES = Path(__file__).parents[2] / "schemas" / "v1" / "examples"
SEEDS_TASK = EXAMPLES / "valid" / "task.seed.json"
EXPECTED: dict[str, dict[str, str]] = json.loads((EXAMPLES / "invalid" / "expected.json").read_bytes())

MANIFEST = """\
manifest_version = 1
role = "developer"
description = "Implements features"
command = ["./agent.sh"]
"""


def given_on_stdin(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))


def written(tmp_path: Path, name: str, content: str | bytes | dict[str, Any]) -> str:
    path = tmp_path / name
    body = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return str(path)


# -- show -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MESSAGES)
def test_a_schema_is_shown_as_it_is_packaged(beth: Beth, name: str) -> None:
    ran = beth("schema", "show", name)
    assert (ran.exit_code, ran.stdout.encode()) == (0, schema_bytes(name))


def test_an_unknown_schema_is_wrong_usage_and_the_known_ones_are_named(beth: Beth) -> None:
    ran = beth("schema", "show", "tusk")
    assert ran.exit_code == 2
    assert all(name in ran.stderr for name in MESSAGES)


# -- check ------------------------------------------------------------------------------------


def test_the_seeds_task_and_result_pass(beth: Beth) -> None:
    ran = beth("schema", "check", str(SEEDS_TASK), str(EXAMPLES / "valid" / "result.seed.json"))
    assert ran.exit_code == 0
    assert ran.stdout.splitlines() == [
        f"{SEEDS_TASK}: valid (task)",
        f"{EXAMPLES / 'valid' / 'result.seed.json'}: valid (result)",
        "2 files checked, 0 not valid",
    ]


def test_every_valid_example_passes_without_being_told_what_it_is(beth: Beth) -> None:
    ran = beth("schema", "check", "--json", *map(str, sorted((EXAMPLES / "valid").iterdir())))
    assert ran.exit_code == 0
    for one in ran.json["files"]:
        assert one["valid"]
        assert one["message"] == Path(one["file"]).name.partition(".")[0]
        assert one["problems"] == []


@pytest.mark.parametrize("name", EXPECTED)
def test_every_invalid_example_is_refused_with_its_path_and_reason(beth: Beth, name: str) -> None:
    file, expected = EXAMPLES / "invalid" / name, EXPECTED[name]
    ran = beth("schema", "check", "--json", "--as", name.partition(".")[0], str(file))
    assert ran.exit_code == 1
    (one,) = ran.json["files"]
    assert not one["valid"]
    assert one["problems"][0]["path"] == expected["path"]
    assert expected["contains"] in one["problems"][0]["accepted"] or "version" in name


def test_every_problem_is_printed_with_path_value_and_what_is_accepted(beth: Beth, tmp_path: Path) -> None:
    file = written(tmp_path, "result.json", {"task_id": "../x", "epoch": -1, "usage": {"cost_usd": "5"}})
    ran = beth("schema", "check", file)
    assert ran.exit_code == 1
    assert ran.stdout.splitlines() == [
        f"{file}: not valid (result)",
        "  $.epoch: -1; accepted: at least 0",
        "  $.status: nothing; accepted: a value: this field is required",
        """  $.task_id: "../x"; accepted: letters and digits in parts joined by '.', '-' or '_', such as task-abc123""",
        '  $.usage.cost_usd: "5"; accepted: a number',
    ]


def test_a_missing_value_is_no_value_in_json(beth: Beth, tmp_path: Path) -> None:
    ran = beth("schema", "check", "--json", written(tmp_path, "r.json", {"task_id": "t", "error": None}))
    problem = {"path": "$.status", "accepted": "a value: this field is required"}
    assert ran.json["files"][0]["problems"] == [problem]


def test_a_file_may_be_held_against_the_schema_of_ones_choice(beth: Beth) -> None:
    ran = beth("schema", "check", "--as", "event", str(SEEDS_TASK))
    assert ran.exit_code == 1
    assert "$.kind: nothing" in ran.stdout


def test_one_wrong_file_among_others_is_a_failure_and_all_are_checked(beth: Beth, tmp_path: Path) -> None:
    ran = beth("schema", "check", written(tmp_path, "a.json", "{"), str(SEEDS_TASK))
    assert ran.exit_code == 1
    assert f"{SEEDS_TASK}: valid (task)" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "2 files checked, 1 not valid"


@pytest.mark.parametrize("name", ["absent.json", ".", "a\0b"])
def test_a_file_that_cannot_be_read_exits_2_and_the_others_are_checked(beth: Beth, tmp_path: Path, name: str) -> None:
    ran = beth("schema", "check", str(tmp_path / name), str(SEEDS_TASK))
    assert ran.exit_code == 2
    assert "cannot be read: " in ran.stdout
    assert f"{SEEDS_TASK}: valid (task)" in ran.stdout


def test_an_unreadable_file_says_so_in_json(beth: Beth, tmp_path: Path) -> None:
    ran = beth("schema", "check", "--json", str(tmp_path / "absent.json"))
    (one,) = ran.json["files"]
    assert (one["valid"], one["message"], one["error"]) == (False, None, "No such file or directory")


def test_no_file_is_wrong_usage(beth: Beth) -> None:
    assert beth("schema", "check").exit_code == 2


def test_standard_input_is_checked(beth: Beth, monkeypatch: pytest.MonkeyPatch) -> None:
    given_on_stdin(monkeypatch, SEEDS_TASK.read_bytes())
    ran = beth("schema", "check", "-")
    assert (ran.exit_code, ran.stdout) == (0, "-: valid (task)\n")


@pytest.mark.parametrize("body", [MANIFEST, '{"manifest_version": 1, "role": "a", "description": "b", "class": "c:D"}'])
def test_a_manifest_on_standard_input_may_be_toml_or_json(
    beth: Beth, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    given_on_stdin(monkeypatch, body.encode())
    assert beth("schema", "check", "--as", "manifest", "-").exit_code == 0


def test_a_toml_file_is_a_manifest(beth: Beth, tmp_path: Path) -> None:
    ran = beth("schema", "check", written(tmp_path, "agent.toml", MANIFEST))
    assert ran.exit_code == 0
    assert "valid (manifest)" in ran.stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rolle = 1", "$.rolle: 1; accepted: a known field (did you mean role?)"),
        ("[limits]\nlease = 60", "$.limits.lease: 60; accepted: a string"),
        ("[limits]\ncost_usd = nan", '$.limits.cost_usd: "nan"; accepted: a finite number'),
        ("[model]\nprovider = 2026-01-30\nname = 'n'", '$.model.provider: "2026-01-30"; accepted: a JSON value; put'),
        ("role = 'twice'", "accepted: TOML (Cannot overwrite a value (at line 5"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_said(beth: Beth, tmp_path: Path, line: str, said: str) -> None:
    ran = beth("schema", "check", written(tmp_path, "agent.toml", MANIFEST + line + "\n"))
    assert ran.exit_code == 1
    assert said in ran.stdout


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("t.json", b"\xff\xfe"),
        ("t.toml", b"\xff\xfe"),
        ("t.json", b"\x1b[31m"),
        ("t.toml", b"\x1b[31m"),
        ("t.toml", b"a = " + b"[" * 100_000),
        ("t.json", b"[" * 100_000),
        ("t.json", b""),
        ("t.toml", b""),
        ("t.json", b'"\\ud800"'),
    ],
)
def test_garbage_is_refused_and_cannot_steer_the_terminal(beth: Beth, tmp_path: Path, name: str, body: bytes) -> None:
    file = written(tmp_path, name, body)
    text, as_json = beth("schema", "check", file), beth("schema", "check", "--json", file)
    assert (text.exit_code, as_json.exit_code) == (1, 1)
    assert "\x1b" not in text.stdout
    assert as_json.json["files"][0]["problems"]


def test_too_large_a_message_is_refused_with_its_size(beth: Beth, tmp_path: Path) -> None:
    ran = beth("schema", "check", written(tmp_path, "t.json", b'"' + b"x" * 262_143 + b'"'))
    assert ran.exit_code == 1
    assert '$: "262,145 bytes"; accepted: at most 262,144 bytes' in ran.stdout


# -- asyncapi ---------------------------------------------------------------------------------


def test_the_asyncapi_document_is_that_of_the_installed_agents(beth: Beth, site: Site) -> None:
    add_agent(site, "zz-echo", extra='aliases = ["tasks.zz-echoes"]\n')
    ran = beth("schema", "asyncapi")
    assert ran.exit_code == 0
    assert {"tasks.zz-echo", "tasks.zz-echo.dead", "tasks.zz-echoes", "control.zz-echo"} <= set(ran.json["channels"])
    sound = [agent.manifest for agent in discover_agents() if agent.manifest and agent.error is None]
    assert ran.json == document(sound)


def test_a_broken_agent_is_left_out_and_named(beth: Beth, site: Site) -> None:
    add_agent(site, "zz-echo")
    add_agent(site, "zz-broken", extra="rple = 1\n")
    ran = beth("schema", "asyncapi")
    assert ran.exit_code == 0
    assert "tasks.zz-echo" in ran.json["channels"]
    assert "tasks.zz-broken" not in ran.json["channels"]
    assert "left out, because it is broken: zz-zz-broken: " in ran.stderr
