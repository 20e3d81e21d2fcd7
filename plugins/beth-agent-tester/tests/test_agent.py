"""The tester: what it may end with, what it is told otherwise, and that its package holds what it needs."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from beth_agent_tester import again
from beth_agent_tester.agent import Tester
from beth_kit.frame.rules import PLACEHOLDERS
from beth_kit.frame.skill_files import own_skills
from beth_kit.model.prices import price_of
from beth_kit.testing import LLMAgentConformance, Stage
from beth_kit.workspace.repository import RequestRepository
from beth_sdk import schema
from beth_sdk.manifest import Manifest, load_manifest
from beth_sdk.messages import Payload, Task

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "beth_agent_tester"
OFF = {"BETH_SANDBOX": "off"}

FILES = {"app.sh": "echo 900\n", "tests/check.sh": "test $(sh app.sh) = 900\n"}
CHECK = "sh tests/check.sh"
CRITERIA = ["Tokens end after 15 minutes", "A used token is refused"]

APPROVED: dict[str, Any] = {
    "summary": "Both criteria hold.",
    "verdict": {"decision": "approved", "findings": []},
    "criteria": [
        {"criterion": "Tokens end after 15 minutes", "status": "met", "evidence": CHECK},
        {"criterion": "- a used token is refused.", "status": "untestable", "evidence": "there is no store here"},
    ],
    "runs": [{"command": CHECK, "exit_code": 0, "outcome": "900"}],
    "tests_added": ["tests/more.sh"],
}
REFUSED: dict[str, Any] = {
    "summary": "A used token is taken a second time.",
    "verdict": {
        "decision": "changes_requested",
        "findings": [
            {
                "title": "A used token is taken a second time",
                "severity": "high",
                "place": "app.sh:1",
                "detail": "`sh tests/more.sh` prints `900`; it should refuse (criterion 2)",
            }
        ],
    },
    "criteria": [
        {"criterion": "Tokens end after 15 minutes", "status": "met", "evidence": CHECK},
        {"criterion": "A used token is refused", "status": "unmet", "evidence": "tests/more.sh"},
    ],
    "runs": [{"command": CHECK, "exit_code": 0}, {"command": "sh tests/more.sh", "exit_code": 1, "outcome": "900"}],
    "tests_added": ["tests/more.sh"],
}
REPRODUCED: dict[str, Any] = {
    "summary": "It says 900 where it should say 901.",
    "reproduced": True,
    "test": {
        "path": "tests/more.sh",
        "name": "a used token",
        "command": "sh tests/more.sh",
        "fails_with": "got 900, not 901",
    },
    "runs": [{"command": "sh tests/more.sh", "exit_code": 1, "outcome": "got 900, not 901"}],
}
ASSESSED: dict[str, Any] = {
    "summary": "Nothing tests the refusal.",
    "document": "docs/requests/request-1/tests.md",
    "findings": [
        {"title": "No test of the refusal", "severity": "high", "place": "tests/check.sh:1", "detail": "all pass"}
    ],
    "runs": [{"command": CHECK, "exit_code": 0}],
}
RESULTS = {"verify": REFUSED, "reproduce": REPRODUCED, "assess": ASSESSED}
PAYLOADS: dict[str, dict[str, Any]] = {
    "verify": {"description": "Build tokens", "acceptance_criteria": CRITERIA},
    "reproduce": {"description": "A used token is taken"},
    "assess": {"description": "How good are the tests?"},
}


def manifest() -> Manifest:
    return load_manifest(PACKAGE)


def put(path: str, text: str) -> dict[str, Any]:
    command = f"mkdir -p $(dirname {path}) && cat > {path} <<'END'\n{text}END"
    return {"calls": [{"name": "bash", "arguments": {"command": command}}]}


def committed(message: str = "Test it") -> dict[str, Any]:
    return {"calls": [{"name": "commit", "arguments": {"message": message}}]}


def ends(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"calls": [{"name": "finish", "arguments": {"result": dict(result)}}]}


PASSING = put("tests/more.sh", "# a used token\nexit 0\n")
FAILING = put("tests/more.sh", "# a used token\necho got 900, not 901\nexit 1\n")
REPORT = put("docs/requests/request-1/tests.md", "# The tests\n\nNothing tests the refusal.\n")
TURNS = {"verify": [FAILING], "reproduce": [FAILING], "assess": [REPORT]}


def repository(folder: Path) -> None:
    """Make a repository with `FILES`."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "Begin")):
        subprocess.run(["git", *words], cwd=folder, check=True)


async def staged(tmp_path: Path, task_type: str, *turns: dict[str, Any], **payload: Any) -> Stage:
    """A task in a repository that has `FILES`."""
    source, home = tmp_path / "source", tmp_path / "home"
    repository(source)
    await RequestRepository.open(home, "request-1", repo=str(source))
    task = Task(
        id="request-1.5",
        type=task_type,
        agent="tester",
        request_id="request-1",
        payload=Payload.model_validate({**PAYLOADS[task_type], **payload}),
        timestamp="2026-01-30T10:00:00Z",
    )
    transcript = json.dumps({"roles": {"tester": {task_type: list(turns)}}})
    return Stage(Tester(), manifest(), task, transcript, home, environ=OFF)


def changed(result: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A result with one value replaced, at a path such as `runs.0.exit_code`."""
    result = copy.deepcopy(result)
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    at: Any = result
    for part in way:
        at = at[part]
    at[last] = value
    return result


class TestConformance(LLMAgentConformance):
    """What is promised of every agent with a model."""

    role = "tester"
    distribution = "beth-agent-tester"
    payloads = PAYLOADS
    transcript = json.dumps(
        {
            "roles": {
                "tester": {
                    "verify": [
                        put("tests/check.sh", "exit 0\n"),
                        FAILING,
                        committed(),
                        ends(REFUSED),
                    ],
                    "reproduce": [FAILING, committed(), ends(REPRODUCED)],
                    "assess": [REPORT, put("tests/check.sh", "exit 0\n"), committed(), ends(ASSESSED)],
                }
            }
        }
    )


# -- what is right ----------------------------------------------------------------------------


@pytest.mark.parametrize("task_type", ["verify", "reproduce", "assess"])
async def test_what_can_be_seen_again_ends_the_task(tmp_path: Path, task_type: str) -> None:
    stage = await staged(tmp_path, task_type, *TURNS[task_type], committed(), ends(RESULTS[task_type]))
    result = await stage.deliver()
    assert (result.status, result.result) == ("complete", RESULTS[task_type])
    assert await stage.told("finish") == ["finished"]


async def test_a_verdict_is_what_a_gate_goes_by(tmp_path: Path) -> None:
    stage = await staged(tmp_path, "verify", PASSING, committed(), ends(APPROVED))
    result = await stage.deliver()
    assert result.verdict is not None
    assert (result.verdict.decision, list(result.verdict.findings)) == ("approved", [])
    assert await stage.told("finish") == ["finished"]


async def test_an_approval_may_have_remarks(tmp_path: Path) -> None:
    remark = {"title": "The help text has a typo", "severity": "low", "detail": "`sh app.sh --help`"}
    told = changed(APPROVED, "verdict.findings", [remark])
    stage = await staged(tmp_path, "verify", PASSING, committed(), ends(told))
    assert (await stage.deliver()).result == told


async def test_of_a_command_that_failed_and_was_put_right_the_last_run_counts(tmp_path: Path) -> None:
    runs = [{"command": "sh tests/more.sh", "exit_code": 2}, {"command": "sh tests/more.sh", "exit_code": 0}]
    told = {**APPROVED, "runs": runs}
    stage = await staged(tmp_path, "verify", PASSING, committed(), ends(told))
    assert (await stage.deliver()).result == told


async def test_tests_their_setup_and_reports_may_be_changed(tmp_path: Path) -> None:
    allowed = ["pytest.ini", ".gitignore", "src/a.test.ts", "pkg/a_test.go", "docs/requests/request-1/notes.md"]
    turns = [put(path, "# new\n") for path in allowed]
    stage = await staged(tmp_path, "verify", PASSING, *turns, committed(), ends(APPROVED))
    assert (await stage.deliver()).status == "complete"
    assert await stage.told("finish") == ["finished"]


async def test_a_bug_that_no_test_can_show_is_described(tmp_path: Path) -> None:
    for seen in (True, False):
        told = {"summary": "s", "reproduced": seen, "steps": ["open the page in Safari"], "runs": []}
        stage = await staged(tmp_path / str(seen), "reproduce", ends(told))
        assert (await stage.deliver()).result == told


# -- what speaks against it -------------------------------------------------------------------

LOW = [{"title": "A typo", "severity": "info", "detail": CHECK}]
WITHOUT_TEST = {name: value for name, value in REPRODUCED.items() if name != "test"}
OBJECTIONS = [
    # an approval that its own result speaks against
    (
        "verify",
        APPROVED,
        "runs.0.exit_code",
        1,
        "is `approved`, and these ended in failure:\n- sh tests/check.sh (exit code 1)",
    ),
    ("verify", APPROVED, "criteria.0.status", "unmet", "these criteria are unmet:\n- Tokens end after 15 minutes"),
    (
        "verify",
        APPROVED,
        "criteria",
        APPROVED["criteria"][:1],
        "leaves out these of the task's criteria:\n- A used token",
    ),
    ("verify", APPROVED, "criteria.0.criterion", "Tokens", "- Tokens end after 15 minutes"),
    (
        "verify",
        APPROVED,
        "verdict.findings",
        REFUSED["verdict"]["findings"],
        "critical or high:\n- A used token is taken",
    ),
    # changes that nobody could follow
    ("verify", REFUSED, "verdict.findings", [], "no finding can be reproduced"),
    ("verify", REFUSED, "verdict.findings.0.detail", "It is taken.", "no finding can be reproduced"),
    ("verify", REFUSED, "criteria", REFUSED["criteria"][1:], "leaves out these of the task's criteria:\n- Tokens end"),
    # what does not happen again
    ("verify", REFUSED, "runs.1.exit_code", 0, "`sh tests/more.sh` ended with 0, as your result says, and with 1"),
    ("verify", REFUSED, "runs.0.exit_code", 1, "`sh tests/check.sh` ended with 1, as your result says, and with 0"),
    # bugs
    ("reproduce", REPRODUCED, "reproduced", False, "a test that fails because of the bug is the bug reproduced"),
    ("reproduce", REPRODUCED, "test.path", "tests/check.sh", "tests/check.sh is not among the files you committed"),
    ("reproduce", REPRODUCED, "test.name", "test_it", "there is no test 'test_it' in tests/more.sh"),
    ("reproduce", REPRODUCED, "test.command", "sh tests/other.sh", "does not show that 'sh tests/other.sh' fails"),
    ("reproduce", REPRODUCED, "runs.0.exit_code", 0, "does not show that 'sh tests/more.sh' fails"),
    (
        "reproduce",
        REPRODUCED,
        "test.fails_with",
        "KeyError",
        "`fails_with` ('KeyError') is not in what it prints:\ngot 900",
    ),
    ("reproduce", WITHOUT_TEST, "summary", "s", "there is no `test`: say in `steps`, one by one, how to see the bug"),
    ("reproduce", WITHOUT_TEST, "reproduced", False, "say in `steps`, one by one, what was tried"),
    # reports
    ("assess", ASSESSED, "document", "docs/requests/request-1/other.md", "other.md' is not committed"),
]


@pytest.mark.parametrize(
    ("task_type", "result", "path", "value", "told"), OBJECTIONS, ids=[one[4][:60] for one in OBJECTIONS]
)
async def test_what_speaks_against_a_result_is_told_and_can_be_put_right(
    tmp_path: Path, task_type: str, result: dict[str, Any], path: str, value: Any, told: str
) -> None:
    right = APPROVED if result is APPROVED else RESULTS[task_type]
    turns = [PASSING] if right is APPROVED else TURNS[task_type]
    stage = await staged(tmp_path, task_type, *turns, committed(), ends(changed(result, path, value)), ends(right))
    assert (await stage.deliver()).result == right
    objection, accepted = await stage.told("finish")
    assert told in objection
    assert accepted == "finished"


async def test_changes_for_remarks_alone_are_told(tmp_path: Path) -> None:
    told = {**APPROVED, "verdict": {"decision": "changes_requested", "findings": LOW}}
    stage = await staged(tmp_path, "verify", PASSING, committed(), ends(told), ends(APPROVED))
    await stage.deliver()
    assert "nothing in the result is wrong" in (await stage.told("finish"))[0]


async def test_a_test_that_passes_when_it_is_run_again_does_not_show_the_bug(tmp_path: Path) -> None:
    turns = [PASSING, committed(), ends(REPRODUCED), FAILING, committed(), ends(REPRODUCED)]
    stage = await staged(tmp_path, "reproduce", *turns)
    assert (await stage.deliver()).result == REPRODUCED
    assert "passed when it was run again just now" in (await stage.told("finish"))[0]


async def test_what_takes_too_long_to_run_again_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(again, "TOGETHER", 0.0)
    told = changed(REFUSED, "runs.0.exit_code", 1)
    stage = await staged(tmp_path, "verify", FAILING, committed(), ends(told))
    assert (await stage.deliver()).result == told


async def test_a_file_that_is_no_test_is_named_and_can_be_put_back(tmp_path: Path) -> None:
    spoil = put("app.sh", "echo 901\n")
    back = put("app.sh", FILES["app.sh"])
    turns = [PASSING, spoil, committed(), ends(APPROVED), back, committed("Put it back"), ends(APPROVED)]
    stage = await staged(tmp_path, "verify", *turns)
    assert (await stage.deliver()).status == "complete"
    objection, accepted = await stage.told("finish")
    assert "you changed files that are no tests:\n- app.sh" in objection
    assert accepted == "finished"


PYTEST = "def test_it():\n    assert 1 + 1 == 2\n\n\ndef test_more():\n    assert 2 + 2 == 4\n"


async def test_a_test_that_was_there_is_not_weakened_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FILES, "tests/test_app.py", PYTEST)
    less = put("tests/test_app.py", PYTEST.partition("\n\n\n")[0] + "\n")
    declared = {**APPROVED, "removed_tests": [{"test": "test_more", "reason": "it tested Python"}]}
    stage = await staged(tmp_path, "verify", PASSING, less, committed(), ends(APPROVED), ends(declared))
    assert (await stage.deliver()).result == declared
    assert "tests/test_app.py:5: the test 'test_more' is gone" in (await stage.told("finish"))[0]


async def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    wrong = changed(changed(APPROVED, "runs.0.exit_code", 1), "criteria", [])
    stage = await staged(tmp_path, "verify", PASSING, put("app.sh", "echo 900 \n"), committed(), ends(wrong))
    with pytest.raises(Exception, match="no answer for role"):
        await stage.deliver()
    (objection,) = await stage.told("finish")
    for part in ("no tests", "leaves out", "ended in failure", "run again"):
        assert part in objection


# -- schemas and package ----------------------------------------------------------------------


def rules(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PACKAGE / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("task_type", ["verify", "reproduce", "assess"])
def test_the_schemas_accept_what_the_tests_play(task_type: str) -> None:
    assert schema.violations(rules(f"{task_type}.output"), RESULTS[task_type], what="result") == []
    assert schema.violations(rules(f"{task_type}.input"), PAYLOADS[task_type], what="payload") == []


@pytest.mark.parametrize(
    ("task_type", "path", "value"),
    [
        ("verify", "summary", "x" * 601),
        ("verify", "runs", []),
        ("verify", "verdict.decision", "maybe"),
        ("verify", "verdict.findings.0.severity", "grave"),
        ("verify", "criteria.0.status", "partly"),
        ("reproduce", "test.fails_with", ""),
        ("assess", "runs", []),
        ("assess", "verdict", {"decision": "approved"}),
    ],
)
def test_the_output_schemas_refuse_what_nobody_could_go_on_with(task_type: str, path: str, value: Any) -> None:
    assert schema.violations(rules(f"{task_type}.output"), changed(RESULTS[task_type], path, value), what="r") != []


@pytest.mark.parametrize("task_type", ["verify", "reproduce", "assess"])
def test_nothing_that_the_output_schemas_require_can_be_left_out(task_type: str) -> None:
    for key in rules(f"{task_type}.output")["required"]:
        less = {name: value for name, value in RESULTS[task_type].items() if name != key}
        assert schema.violations(rules(f"{task_type}.output"), less, what="result") != [], key


@pytest.mark.parametrize("prompt", sorted((PACKAGE / "prompts").iterdir()), ids=lambda path: path.name)
def test_a_prompt_has_only_placeholders_that_there_are(prompt: Path) -> None:
    text = prompt.read_text(encoding="utf-8")
    assert set(re.findall(r"\{\{\s*([^{}]*?)\s*\}\}", text)) <= set(PLACEHOLDERS)


def test_a_skill_applies_where_its_subject_is() -> None:
    assert {skill.name: skill.applies is None for skill in own_skills(manifest())} == {
        "flaky": False,
        "from-criteria": False,
        "python": False,
    }


def test_the_default_model_has_a_known_price() -> None:
    model = manifest().model
    assert model is not None
    assert (model.provider, price_of(model.provider, model.name) is not None) == ("anthropic", True)


def test_the_wheel_holds_every_file_the_agent_reads_and_no_tests(tmp_path: Path) -> None:
    options = ["--no-deps", "--no-build-isolation", "-q", "-w", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True, timeout=100)
    (wheel,) = tmp_path.glob("*.whl")
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == {path.relative_to(ROOT).as_posix() for path in files}
