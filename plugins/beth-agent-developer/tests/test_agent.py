"""The developer: what it may end with, what it is told otherwise, and that its package holds what it needs."""

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

from beth_agent_developer.agent import Developer
from beth_kit.frame.rules import PLACEHOLDERS
from beth_kit.frame.skill_files import own_skills
from beth_kit.model.prices import price_of
from beth_kit.testing import LLMAgentConformance, Stage
from beth_kit.workspace.repository import RequestRepository
from beth_sdk import schema
from beth_sdk.manifest import Manifest, load_manifest
from beth_sdk.messages import Payload, Task

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "beth_agent_developer"
OFF = {"BETH_SANDBOX": "off"}

CRITERIA = ["JWT access tokens with 15min expiry", "Refresh token rotation"]
FINDINGS = [
    {"title": "A used refresh token is taken", "severity": "high", "place": "app.py:2", "detail": "pytest: 1 failed"},
    {"title": "The cookie lacks Secure", "severity": "medium", "place": "app.py:1", "detail": "curl -i"},
]

IMPLEMENT: dict[str, Any] = {
    "summary": "Tokens are issued for 15 minutes and rotated.",
    "changes": [{"path": "app.py", "what": "issues tokens"}],
    "criteria": [
        {"criterion": "JWT access tokens with 15min expiry", "done": True, "how": "app.py; test_it_ends"},
        {"criterion": "refresh token rotation.", "done": False, "how": "left: there is no store"},
    ],
    "runs": [{"command": "pytest -q", "exit_code": 0, "outcome": "2 passed"}],
}
FIX: dict[str, Any] = {
    "summary": "A used token is refused.",
    "answers": [
        {"finding": "A used refresh token is taken", "done": True, "how": "marked in one step; test_twice shows it"},
        {"finding": "The cookie lacks Secure", "done": False, "how": "it has it: curl -i shows Secure"},
    ],
    "runs": [{"command": "pytest -q", "exit_code": 0}],
}
RESULTS = {"implement": IMPLEMENT, "fix": FIX}
PAYLOADS: dict[str, dict[str, Any]] = {
    "implement": {"description": "Build user authentication with JWT", "acceptance_criteria": CRITERIA},
    "fix": {"description": "Put right what was found", "findings": FINDINGS, "round": 1, "gate": "verification"},
}
TESTS = """\
def test_it_ends():
    assert 1 + 1 == 2


def test_it_begins():
    assert 2 + 2 == 4
"""
FILES = {"app.py": "x = 1\n", "tests/test_app.py": TESTS, "pyproject.toml": "[tool.coverage.report]\nfail_under = 90\n"}


def manifest() -> Manifest:
    return load_manifest(PACKAGE)


def run(command: str) -> dict[str, Any]:
    return {"calls": [{"name": "bash", "arguments": {"command": command}}]}


def committed(message: str = "Build it") -> dict[str, Any]:
    return {"calls": [{"name": "commit", "arguments": {"message": message}}]}


def ends(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"calls": [{"name": "finish", "arguments": {"result": dict(result)}}]}


def put(path: str, text: str) -> dict[str, Any]:
    return run(f"mkdir -p $(dirname {path}) && cat > {path} <<'END'\n{text}END")


def repository(folder: Path) -> str:
    """Make a repository with `FILES`; returns its commit."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "Begin")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return told.stdout.strip()


async def staged(tmp_path: Path, task_type: str, *turns: dict[str, Any], **payload: Any) -> Stage:
    """A task in a repository that has `FILES`."""
    source, home = tmp_path / "source", tmp_path / "home"
    if not source.exists():
        repository(source)
    await RequestRepository.open(home, "request-1", repo=str(source))
    task = Task(
        id="request-1.4",
        type=task_type,
        agent="developer",
        request_id="request-1",
        payload=Payload.model_validate({**PAYLOADS[task_type], **payload}),
        timestamp="2026-01-30T10:00:00Z",
    )
    transcript = json.dumps({"roles": {"developer": {task_type: list(turns)}}})
    return Stage(Developer(), manifest(), task, transcript, home, environ=OFF)


def changed(task_type: str, path: str, value: Any) -> dict[str, Any]:
    """A result with one value replaced, at a path such as `runs.0.exit_code`."""
    result = copy.deepcopy(RESULTS[task_type])
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    at: Any = result
    for part in way:
        at = at[part]
    at[last] = value
    return result


class TestConformance(LLMAgentConformance):
    """What is promised of every agent with a model."""

    role = "developer"
    distribution = "beth-agent-developer"
    payloads = PAYLOADS
    transcript = json.dumps(
        {
            "roles": {
                "developer": {
                    name: [put("app.py", "x = 2\n"), committed(), ends(result)] for name, result in RESULTS.items()
                }
            }
        }
    )


# -- what is right ----------------------------------------------------------------------------


@pytest.mark.parametrize("task_type", ["implement", "fix"])
async def test_work_that_is_told_truly_ends_the_task(tmp_path: Path, task_type: str) -> None:
    more = put("tests/test_app.py", TESTS + "\n\ndef test_twice():\n    assert 3 + 3 == 6\n")
    stage = await staged(tmp_path, task_type, put("app.py", "x = 2\n"), more, committed(), ends(RESULTS[task_type]))
    result = await stage.deliver()
    assert (result.status, result.result) == ("complete", RESULTS[task_type])
    assert [artifact.kind for artifact in result.artifacts] == ["git"]
    assert await stage.told("finish") == ["finished"]


async def test_a_test_that_moved_and_changed_its_name_is_no_objection(tmp_path: Path) -> None:
    moved = TESTS.replace("test_it_ends", "test_a_token_ends")
    turns = [run("rm tests/test_app.py"), put("tests/unit/test_tokens.py", moved), committed(), ends(IMPLEMENT)]
    stage = await staged(tmp_path, "implement", *turns)
    await stage.deliver()
    assert await stage.told("finish") == ["finished"]


async def test_a_bug_without_findings_is_answered_as_a_whole(tmp_path: Path) -> None:
    answer = {"finding": "Names lose their apostrophe", "done": True, "how": "escaped once, not twice"}
    stage = await staged(
        tmp_path, "fix", put("app.py", "x = 2\n"), committed(), ends({**FIX, "answers": [answer]}), findings=[]
    )
    assert (await stage.deliver()).status == "complete"


async def test_a_commit_may_be_named_that_is_there_in_whole_or_in_part(tmp_path: Path) -> None:
    commit = repository(tmp_path / "source")
    for name in (commit, commit[:12]):
        answered = changed("fix", "answers.0.commit", name)
        stage = await staged(tmp_path, "fix", put("app.py", "x = 2\n"), committed(), ends(answered))
        assert (await stage.deliver()).result == answered


# -- tests that are weakened ------------------------------------------------------------------

REMOVED = "sed -i '3,$d' tests/test_app.py"
WEAKER = [
    (REMOVED, "tests/test_app.py:5: the test 'test_it_begins' is gone", "tests/test_app.py::test_it_begins"),
    ("rm tests/test_app.py", "tests/test_app.py:1: the file is gone, and 2 tests with it", "tests/test_app.py"),
    (
        "sed -i '1i import pytest\\n\\n\\n@pytest.mark.skip' tests/test_app.py",
        "tests/test_app.py:4: a test is skipped: @pytest.mark.skip",
        "tests/test_app.py: skip",
    ),
    (
        "sed -i 's/assert 1 + 1 == 2/assert True/' tests/test_app.py",
        "tests/test_app.py:2: an assertion that always holds: assert True",
        "tests/test_app.py, test_it_ends",
    ),
    (
        "sed -i 's/    assert 1 + 1 == 2/    print(2)/' tests/test_app.py",
        "tests/test_app.py:1: the test 'test_it_ends' asserts nothing any more",
        "test_it_ends",
    ),
    ("sed -i 's/90/50/' pyproject.toml", "pyproject.toml:2: the limit fail_under is 50, and was 90", "pyproject.toml"),
    ("echo 'y = 2  # type: ignore' >> app.py", "app.py:2: a type error is ignored: y = 2 # type: ignore", "app.py:2"),
]


@pytest.mark.parametrize("task_type", ["implement", "fix"])
@pytest.mark.parametrize(("command", "told", "name"), WEAKER, ids=[one[1][:45] for one in WEAKER])
async def test_a_check_that_is_weakened_is_named_and_can_be_put_back(
    tmp_path: Path, task_type: str, command: str, told: str, name: str
) -> None:
    del name
    back = run("git checkout HEAD~1 -- . 2>/dev/null || true; git status --short")
    right = [put(path, text) for path, text in FILES.items()]
    turns = [run(command), committed("Make it pass"), ends(RESULTS[task_type]), back, *right, committed("Put it back")]
    stage = await staged(tmp_path, task_type, *turns, ends(RESULTS[task_type]))
    assert (await stage.deliver()).status == "complete"
    objection, accepted = await stage.told("finish")
    assert f"- {told}" in objection
    assert accepted == "finished"


@pytest.mark.parametrize(("command", "told", "name"), WEAKER, ids=[one[1][:45] for one in WEAKER])
async def test_a_check_that_is_rightly_gone_is_declared_and_goes_through(
    tmp_path: Path, command: str, told: str, name: str
) -> None:
    declared = {**IMPLEMENT, "removed_tests": [{"test": name, "reason": "criterion 2 drops what it tested"}]}
    stage = await staged(tmp_path, "implement", run(command), committed(), ends(IMPLEMENT), ends(declared))
    result = await stage.deliver()
    assert result.result == declared
    objection, accepted = await stage.told("finish")
    assert told in objection
    assert accepted == "finished"


# -- what is left unsaid ----------------------------------------------------------------------

OBJECTIONS = [
    ("implement", "criteria", IMPLEMENT["criteria"][:1], "leaves out these of the task's criteria:\n- Refresh token"),
    ("implement", "criteria.0.criterion", "Tokens", "- JWT access tokens with 15min expiry"),
    ("implement", "runs.0.exit_code", 1, "these ended in failure:\n- pytest -q (exit code 1)"),
    ("fix", "answers", FIX["answers"][:1], "leaves out these findings:\n- The cookie lacks Secure"),
    ("fix", "answers.1.finding", "The cookie", "- The cookie lacks Secure"),
    ("fix", "answers.0.commit", "0123456789ab", "no commit of this repository is called 0123456789ab"),
    ("fix", "runs.0.exit_code", 2, "these ended in failure:\n- pytest -q (exit code 2)"),
]


@pytest.mark.parametrize(("task_type", "path", "value", "told"), OBJECTIONS, ids=[one[3][:45] for one in OBJECTIONS])
async def test_what_is_left_unsaid_is_told_and_can_be_said(
    tmp_path: Path, task_type: str, path: str, value: Any, told: str
) -> None:
    turns = [put("app.py", "x = 2\n"), committed(), ends(changed(task_type, path, value)), ends(RESULTS[task_type])]
    stage = await staged(tmp_path, task_type, *turns)
    assert (await stage.deliver()).result == RESULTS[task_type]
    objection, accepted = await stage.told("finish")
    assert told in objection
    assert accepted == "finished"


async def test_a_fix_without_findings_or_answers_is_told(tmp_path: Path) -> None:
    empty = {**FIX, "answers": []}
    stage = await staged(tmp_path, "fix", ends(empty), ends(FIX), findings=[])
    await stage.deliver()
    assert "`answers` is empty" in (await stage.told("finish"))[0]


async def test_a_failure_that_is_told_goes_through(tmp_path: Path) -> None:
    told = {**changed("implement", "runs.0.exit_code", 1), "left": ["test_old failed before: it needs a printer"]}
    stage = await staged(tmp_path, "implement", put("app.py", "x = 2\n"), committed(), ends(told))
    assert (await stage.deliver()).result == told


async def test_two_findings_of_one_title_need_two_answers(tmp_path: Path) -> None:
    twice = [FINDINGS[0], FINDINGS[0]]
    once, both = {**FIX, "answers": FIX["answers"][:1]}, {**FIX, "answers": [FIX["answers"][0]] * 2}
    stage = await staged(tmp_path, "fix", ends(once), ends(both), findings=twice)
    assert (await stage.deliver()).result == both
    assert "leaves out these findings" in (await stage.told("finish"))[0]


# -- schemas and package ----------------------------------------------------------------------


def rules(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PACKAGE / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("task_type", ["implement", "fix"])
def test_the_schemas_accept_what_the_tests_play(task_type: str) -> None:
    assert schema.violations(rules(f"{task_type}.output"), RESULTS[task_type], what="result") == []
    assert schema.violations(rules(f"{task_type}.input"), PAYLOADS[task_type], what="payload") == []


@pytest.mark.parametrize(
    ("task_type", "path", "value"),
    [
        ("implement", "summary", "x" * 601),
        ("implement", "summary", ""),
        ("implement", "criteria.0.done", "yes"),
        ("implement", "runs.0.exit_code", "0"),
        ("implement", "removed_tests", [{"test": "test_a"}]),
        ("fix", "answers.0.how", ""),
        ("fix", "answers.0.commit", "HEAD"),
        ("fix", "verdict", {"decision": "approved"}),
    ],
)
def test_the_output_schemas_refuse_what_nobody_could_go_on_with(task_type: str, path: str, value: Any) -> None:
    assert schema.violations(rules(f"{task_type}.output"), changed(task_type, path, value), what="result") != []


@pytest.mark.parametrize("task_type", ["implement", "fix"])
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
        "javascript": False,
        "migrations": False,
        "python": False,
        "tests": True,
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
