"""The security reviewer: what it may end with, what it is told otherwise, its tools, and what its package holds."""

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

from beth_agent_security_reviewer.agent import SecurityReviewer
from beth_kit.frame.rules import PLACEHOLDERS
from beth_kit.frame.skill_files import own_skills
from beth_kit.model.prices import price_of
from beth_kit.testing import LLMAgentConformance, Stage
from beth_kit.workspace.repository import RequestRepository
from beth_sdk import schema
from beth_sdk.manifest import Manifest, load_manifest
from beth_sdk.messages import Payload, Task

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "beth_agent_security_reviewer"
OFF = {"BETH_SANDBOX": "off"}

# Put together here, so that no scanner takes this file for a place where keys are kept.
LIVE = "sk_live_" + "q7Rk2ZpX9vTn4LsW8bYd3HfJ"
FILES = {
    "app.py": "import jwt\n\nSECRET = read()\n",
    "requirements.txt": "pyjwt==2.10.1\nflask>=3\n",
    "web/package.json": '{"dependencies": {"react": "^19.0.0"}}\n',
    "web/package-lock.json": "{}\n",
    "logo.bin": "\0\0",
}
DOCUMENT = "docs/requests/request-1/security.md"
CHECKED = [
    {"area": "secrets", "outcome": "clean", "note": "find_secrets: nothing"},
    {"area": "dependencies", "outcome": "clean"},
    {"area": "A07", "outcome": "clean"},
]
FOUND = [CHECKED[0], CHECKED[1], {"area": "A07", "outcome": "finding"}]
HOLE = {
    "title": "Any algorithm is accepted",
    "severity": "high",
    "place": "app.py:3",
    "detail": "Whoever sends alg none is anybody. Pass algorithms=['HS256'].",
}

APPROVED: dict[str, Any] = {
    "summary": "Nothing found.",
    "verdict": {"decision": "approved"},
    "checked": CHECKED,
    "document": DOCUMENT,
}
REFUSED: dict[str, Any] = {
    "summary": "Tokens can be forged.",
    "verdict": {"decision": "changes_requested", "findings": [HOLE]},
    "checked": FOUND,
    "document": DOCUMENT,
}
AUDITED: dict[str, Any] = {
    "summary": "One hole.",
    "findings": [HOLE, {**HOLE, "title": "Old", "severity": "critical", "place": "app.py:1-3"}],
    "checked": FOUND,
    "document": DOCUMENT,
}
RESULTS = {"review": REFUSED, "audit": AUDITED}
PAYLOADS: dict[str, dict[str, Any]] = {
    "review": {"description": "Build user authentication with JWT", "acceptance_criteria": ["Rotation"]},
    "audit": {"description": "Where do we stand?"},
}


def manifest() -> Manifest:
    return load_manifest(PACKAGE)


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"calls": [{"name": name, "arguments": arguments}]}


def put(path: str, text: str) -> dict[str, Any]:
    return call("bash", command=f"mkdir -p $(dirname {path}) && cat > {path} <<'END'\n{text}END")


def committed(message: str = "Report") -> dict[str, Any]:
    return call("commit", message=message)


def ends(result: Mapping[str, Any]) -> dict[str, Any]:
    return call("finish", result=dict(result))


PAST = "not in the files any more, but in the history"
REPORT = put(DOCUMENT, "# Security\n\nNothing leaves with `alg: none`.\n")


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def repository(folder: Path, files: Mapping[str, str] = FILES) -> str:
    """Make a repository; returns its commit."""
    write(folder, files)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    return git(folder, "rev-parse", "HEAD")


async def staged(tmp_path: Path, task_type: str, *turns: dict[str, Any], **payload: Any) -> Stage:
    """A task in a repository that has `FILES`, or what is at `tmp_path / "source"` already."""
    source, home = tmp_path / "source", tmp_path / "home"
    if not source.exists():
        repository(source)
    await RequestRepository.open(home, "request-1", repo=str(source))
    return playing(home, task_type, *turns, **payload)


def playing(home: Path, task_type: str, *turns: dict[str, Any], **payload: Any) -> Stage:
    task = Task(
        id="request-1.6",
        type=task_type,
        agent="security-reviewer",
        request_id="request-1",
        payload=Payload.model_validate({**PAYLOADS[task_type], **payload}),
        timestamp="2026-01-30T10:00:00Z",
    )
    transcript = json.dumps({"roles": {"security-reviewer": {task_type: list(turns)}}})
    return Stage(SecurityReviewer(), manifest(), task, transcript, home, environ=OFF)


def changed(result: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A result with one value replaced, at a path such as `checked.0.outcome`."""
    result = copy.deepcopy(result)
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    at: Any = result
    for part in way:
        at = at[part]
    at[last] = value
    return result


class TestConformance(LLMAgentConformance):
    """What is promised of every agent with a model."""

    role = "security-reviewer"
    distribution = "beth-agent-security-reviewer"
    payloads = PAYLOADS
    transcript = json.dumps(
        {
            "roles": {
                "security-reviewer": {
                    "review": [call("find_secrets"), call("dependencies"), REPORT, committed(), ends(APPROVED)],
                    "audit": [REPORT, committed(), ends({**AUDITED, "findings": [], "checked": CHECKED})],
                }
            }
        }
    )


# -- what is right ----------------------------------------------------------------------------


@pytest.mark.parametrize("task_type", ["review", "audit"])
async def test_findings_that_can_be_gone_to_end_the_task(tmp_path: Path, task_type: str) -> None:
    stage = await staged(tmp_path, task_type, REPORT, committed(), ends(RESULTS[task_type]))
    result = await stage.deliver()
    assert (result.status, result.result) == ("complete", RESULTS[task_type])
    assert await stage.told("finish") == ["finished"]
    assert sorted(await stage.files()) == sorted([*FILES, DOCUMENT])


async def test_a_clean_review_is_approved(tmp_path: Path) -> None:
    stage = await staged(tmp_path, "review", REPORT, committed(), ends(APPROVED))
    result = await stage.deliver()
    assert result.verdict is not None
    assert result.verdict.decision == "approved"


@pytest.mark.parametrize(
    ("decision", "severity"),
    [
        ("approved", "medium"),
        ("approved", "low"),
        ("approved", "info"),
        ("changes_requested", "critical"),
        ("changes_requested", "medium"),
    ],
)
async def test_a_verdict_that_fits_its_severities_goes_through(tmp_path: Path, decision: str, severity: str) -> None:
    told = {**REFUSED, "verdict": {"decision": decision, "findings": [{**HOLE, "severity": severity}]}}
    stage = await staged(tmp_path, "review", REPORT, committed(), ends(told))
    assert (await stage.deliver()).result == told


async def test_a_place_that_only_the_history_has_is_named_with_its_commit(tmp_path: Path) -> None:
    old = repository(tmp_path / "source", {**FILES, "old.env": "A=1\nB=2\n"})
    git(tmp_path / "source", "rm", "-q", "old.env")
    git(tmp_path / "source", "commit", "-q", "-m", "Remove it")
    right, wrong = (changed(AUDITED, "findings.0.place", f"old.env:2{at}") for at in (f"@{old[:12]}", ""))
    stage = await staged(tmp_path, "audit", REPORT, committed(), ends(wrong), ends(right))
    assert (await stage.deliver()).result == right
    assert "there is no file 'old.env'" in (await stage.told("finish"))[0]


async def test_a_report_of_an_earlier_round_may_stay_as_it_is(tmp_path: Path) -> None:
    repository(tmp_path / "source", {**FILES, DOCUMENT: "# Security\n"})
    stage = await staged(tmp_path, "review", ends(APPROVED))
    assert (await stage.deliver()).status == "complete"


# -- what does not fit ------------------------------------------------------------------------

OBJECTIONS = [
    ("review", REFUSED, "verdict.decision", "approved", "critical or high:\n- Any algorithm is accepted (high)"),
    ("review", REFUSED, "verdict.findings.0.severity", "low", "no finding is medium or above: approve"),
    ("review", REFUSED, "verdict.findings", [], "no finding is medium or above: approve"),
    ("review", REFUSED, "verdict.findings.0.place", "app.py:9", "app.py:9: app.py has 3 lines"),
    ("review", REFUSED, "verdict.findings.0.place", "main.py:1", "main.py:1: there is no file 'main.py'"),
    ("review", REFUSED, "verdict.findings.0.place", "the login", "'the login' is no `path:line`"),
    ("review", REFUSED, "verdict.findings.0.place", "app.py:1@0123abcd", "no file 'app.py' at commit 0123abcd"),
    ("review", REFUSED, "checked", [*CHECKED], "no area in `checked` has the outcome `finding`"),
    ("review", APPROVED, "checked", [*FOUND], "has the outcome `finding`, and there are no findings"),
    ("review", APPROVED, "checked", CHECKED[1:], "`checked` does not speak of secrets:"),
    ("review", APPROVED, "checked", [CHECKED[0], CHECKED[2]], "`checked` does not speak of dependencies:"),
    ("review", APPROVED, "document", "security.md", "'security.md' is not where reports are"),
    (
        "review",
        APPROVED,
        "document",
        "docs/requests/request-1/s.md",
        "the document 'docs/requests/request-1/s.md' is not",
    ),
    ("audit", AUDITED, "findings.1.place", "app.py", "Old: 'app.py' is no `path:line`"),
    ("audit", AUDITED, "checked", [*CHECKED], "no area in `checked` has the outcome `finding`"),
]


@pytest.mark.parametrize(
    ("task_type", "result", "path", "value", "told"), OBJECTIONS, ids=[one[4][:60] for one in OBJECTIONS]
)
async def test_what_does_not_fit_is_told_and_can_be_put_right(
    tmp_path: Path, task_type: str, result: dict[str, Any], path: str, value: Any, told: str
) -> None:
    stage = await staged(tmp_path, task_type, REPORT, committed(), ends(changed(result, path, value)), ends(result))
    assert (await stage.deliver()).result == result
    objection, accepted = await stage.told("finish")
    assert told in objection
    assert accepted == "finished"


async def test_a_change_beside_the_report_is_named_and_can_be_put_back(tmp_path: Path) -> None:
    spoil, back = put("app.py", "import jwt\n"), put("app.py", FILES["app.py"])
    turns = [REPORT, spoil, committed(), ends(APPROVED), back, committed("Put it back"), ends(APPROVED)]
    stage = await staged(tmp_path, "review", *turns)
    assert (await stage.deliver()).status == "complete"
    objection, accepted = await stage.told("finish")
    assert "you changed files besides your document:\n- app.py" in objection
    assert accepted == "finished"


async def test_a_report_that_quotes_a_secret_comes_back_without_its_value(tmp_path: Path) -> None:
    quoting = put(DOCUMENT, f"# Security\n\nThe key {LIVE} is in app.py.\n")
    stage = await staged(
        tmp_path, "review", quoting, committed(), ends(APPROVED), REPORT, committed("Hide it"), ends(APPROVED)
    )
    assert (await stage.deliver()).status == "complete"
    objection, accepted = await stage.told("finish")
    assert f"{DOCUMENT}:3: Stripe key" in objection
    assert LIVE not in objection
    assert accepted == "finished"


# -- its tools --------------------------------------------------------------------------------


async def test_secrets_are_found_in_files_and_in_what_the_request_took_out_again(tmp_path: Path) -> None:
    source, home = tmp_path / "source", tmp_path / "home"
    repository(source, {**FILES, "tests/data.py": 'password = "tr0ub4dor&3x"\n', "old.py": f'A = "{LIVE[::-1]}"\n'})
    made = await RequestRepository.open(home, "request-1", repo=str(source))
    base = await made.head()
    write(source, {"config.py": f'\nKEY = "{LIVE}"\n'})
    git(source, "add", ".")
    git(source, "commit", "-q", "-m", "Add a key")
    with_key = git(source, "rev-parse", "HEAD")
    git(source, "rm", "-q", "config.py")
    git(source, "commit", "-q", "-m", "Take it out")
    objects = home / "repositories" / "request-1.git"
    git(source, "push", "-q", str(objects), "HEAD:refs/beth/test")
    await made.move_branch(git(source, "rev-parse", "HEAD"), base)
    stage = playing(home, "audit", call("find_secrets"), REPORT, committed(), ends(AUDITED))
    await stage.deliver()
    (told,) = await stage.told("find_secrets")
    head, *lines = told.splitlines()
    assert head.startswith("7 files and the request's commits looked through, 3 places found")
    assert lines == [
        "tests/data.py:1: value of password, … (12 characters); in a file of the tests",
        "old.py:1: random text, JfH3… (32 characters); perhaps no secret",
        f"config.py:2@{with_key[:12]}: Stripe key, sk_l… (32 characters); {PAST}",
    ]
    assert LIVE not in told


async def test_a_project_without_secrets_says_how_much_was_looked_at(tmp_path: Path) -> None:
    stage = await staged(tmp_path, "review", call("find_secrets"), REPORT, committed(), ends(APPROVED))
    await stage.deliver()
    assert await stage.told("find_secrets") == ["5 files and the request's commits looked through, 0 places found"]


async def test_dependencies_are_listed_with_their_places_and_locks(tmp_path: Path) -> None:
    repository(tmp_path / "source", {**FILES, "broken/package.json": "{"})
    stage = await staged(tmp_path, "review", call("dependencies"), REPORT, committed(), ends(APPROVED))
    await stage.deliver()
    (told,) = await stage.told("dependencies")
    first, broken, *lines = told.splitlines()
    assert first == "broken/package.json (node; no lock file)"
    assert broken.startswith("  cannot be read: ")
    assert lines == [
        "requirements.txt (python; no lock file)",
        "  pyjwt ==2.10.1: pinned (requirements.txt:1)",
        "  flask >=3: not pinned (requirements.txt:2)",
        "web/package.json (node; locked by web/package-lock.json)",
        "  react ^19.0.0: not pinned (web/package.json:1)",
    ]


async def test_a_project_without_manifests_has_no_dependencies(tmp_path: Path) -> None:
    repository(tmp_path / "source", {"README.md": "# Shop\n"})
    stage = await staged(tmp_path, "review", call("dependencies"), REPORT, committed(), ends(APPROVED))
    await stage.deliver()
    assert await stage.told("dependencies") == ["no manifest found"]


# -- schemas and package ----------------------------------------------------------------------


def rules(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PACKAGE / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("task_type", ["review", "audit"])
def test_the_schemas_accept_what_the_tests_play(task_type: str) -> None:
    assert schema.violations(rules(f"{task_type}.output"), RESULTS[task_type], what="result") == []
    assert schema.violations(rules(f"{task_type}.input"), PAYLOADS[task_type], what="payload") == []


@pytest.mark.parametrize(
    ("task_type", "path", "value"),
    [
        ("review", "summary", "x" * 601),
        ("review", "verdict.decision", "maybe"),
        ("review", "verdict.findings.0.severity", "grave"),
        ("review", "verdict.findings.0.place", ""),
        ("review", "checked", []),
        ("review", "checked.0.area", "A11"),
        ("audit", "findings.0", {"title": "x", "severity": "low", "detail": "no place"}),
        ("audit", "verdict", {"decision": "approved"}),
    ],
)
def test_the_output_schemas_refuse_what_nobody_could_go_on_with(task_type: str, path: str, value: Any) -> None:
    assert schema.violations(rules(f"{task_type}.output"), changed(RESULTS[task_type], path, value), what="r") != []


@pytest.mark.parametrize("task_type", ["review", "audit"])
def test_nothing_that_the_output_schemas_require_can_be_left_out(task_type: str) -> None:
    for key in rules(f"{task_type}.output")["required"]:
        less = {name: value for name, value in RESULTS[task_type].items() if name != key}
        assert schema.violations(rules(f"{task_type}.output"), less, what="result") != [], key


@pytest.mark.parametrize("prompt", sorted((PACKAGE / "prompts").iterdir()), ids=lambda path: path.name)
def test_a_prompt_has_only_placeholders_that_there_are_and_names_its_document(prompt: Path) -> None:
    text = prompt.read_text(encoding="utf-8")
    assert set(re.findall(r"\{\{\s*([^{}]*?)\s*\}\}", text)) <= set(PLACEHOLDERS)
    assert "docs/requests/{{request.id}}/security.md" in text


def test_what_is_known_of_sign_in_is_told_where_the_task_is_about_it() -> None:
    skills = {skill.name: skill for skill in own_skills(manifest())}
    assert set(skills) == {"dependencies", "owasp", "secrets", "stride", "web-auth"}
    applies = skills.pop("web-auth").applies
    assert applies is not None
    assert {"jwt", "session", "cookie", "password"} <= set(applies.words)
    assert all(skill.applies is None for skill in skills.values())


def test_its_queue_has_the_name_by_which_others_know_it() -> None:
    assert manifest().own_queues == ("tasks.security-reviewer", "tasks.security")
    assert manifest().deploy.image == "security"


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
