"""The product manager: what it may end with, what it is told otherwise, and that its package holds what it needs."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from beth_agent_product_manager.agent import ProductManager
from beth_kit.frame.rules import PLACEHOLDERS
from beth_kit.frame.skill_files import own_skills
from beth_kit.model.prices import price_of
from beth_kit.testing import LLMAgentConformance, Stage
from beth_sdk import schema
from beth_sdk.manifest import Manifest, load_manifest
from beth_sdk.messages import Payload, Task

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "beth_agent_product_manager"
OFF = {"BETH_SANDBOX": "off"}

CRITERIA = ["JWT access tokens with 15min expiry", "Refresh token rotation", "Secure httpOnly cookies"]

RICE = {"reach": 120, "impact": 2, "confidence": 0.8, "effort": 3, "score": 64, "basis": "README: 40 shops"}
SMALL = {"reach": 120, "impact": 0.5, "confidence": 0.8, "effort": 2, "score": 24, "basis": "README: 40 shops"}

PRD: dict[str, Any] = {
    "summary": "Shop owners stay signed in without a password in every hour.",
    "document": "docs/requests/request-1/prd.md",
    "problem": "Shop owners sign in again with each page (assumed: the request gives no reason).",
    "stories": [
        {
            "id": "S1",
            "title": "Sign in",
            "as_a": "shop owner",
            "i_want": "to sign in once",
            "so_that": "I am not asked in every hour",
            "rice": RICE,
            "criteria": [
                {"id": "S1.1", "given": "a token of 14:59 minutes", "when": "it is sent", "then": "200"},
                {"id": "S1.2", "given": "a token of 15:01 minutes", "when": "it is sent", "then": "401"},
            ],
        },
        {
            "id": "S2",
            "title": "Stay signed in",
            "as_a": "shop owner",
            "i_want": "my session renewed",
            "so_that": "a stolen token is worth little",
            "rice": SMALL,
            "criteria": [
                {"id": "S2.1", "given": "a refresh token used once", "when": "it is sent again", "then": "401"},
                {"id": "S2.2", "given": "a login", "when": "it answers", "then": "cookies are Secure; HttpOnly"},
            ],
        },
    ],
    "coverage": [
        {"criterion": "JWT access tokens with 15min expiry", "covered_by": ["S1.1", "S1.2"]},
        {"criterion": "refresh token rotation.", "covered_by": ["S2.1"]},
        {"criterion": "Secure httpOnly cookies", "covered_by": ["S2.2"]},
    ],
    "metrics": [{"name": "logins", "baseline": "unknown", "target": "below 2 a day", "measured_by": "the access log"}],
    "out_of_scope": ["Signing in with another service"],
    "open_questions": [{"question": "How long does a refresh token live?", "assumption": "30 days"}],
}

UPSTREAM = [
    {
        "task_id": "request-1.1",
        "name": "security-audit",
        "agent": "security-reviewer",
        "type": "audit",
        "result": {
            "summary": "One hole",
            "findings": [
                {"title": "No rate limit on login", "severity": "high", "place": "app.py:3", "detail": "Guess"},
                {"title": "Debug pages are on", "severity": "medium", "place": "app.py:1", "detail": "Leaks"},
            ],
            "checked": [{"area": "secrets", "outcome": "clean"}],
        },
    },
    {
        "task_id": "request-1.2",
        "name": "assessment",
        "agent": "tester",
        "type": "assess",
        "result": {
            "summary": "Thin",
            "findings": [{"title": "Login has no test", "severity": "low", "detail": "None"}],
        },
    },
    {"task_id": "request-1.3", "name": "survey", "agent": "researcher", "type": "research", "result_left_out": "long"},
]

REPORT: dict[str, Any] = {
    "summary": "Limit logins first: two days.",
    "document": "docs/requests/request-1/report.md",
    "findings": [
        {
            "id": "F1",
            "title": "Passwords can be guessed",
            "severity": "high",
            "place": "app.py:3",
            "sources": [
                {"task": "security-audit", "title": "No rate limit on login"},
                {"task": "request-1.2", "title": "Login has no test"},
                {"task": "survey", "title": "What nobody can look up here"},
            ],
            "consequence": "anyone may try every password of a known name",
            "action": "answer 429 after five failures in a minute, with a test",
            "rice": RICE,
        },
        {
            "id": "F2",
            "title": "There is no README",
            "severity": "info",
            "sources": [{"task": "own", "title": "There is no README"}],
            "consequence": "new people ask",
            "action": "write one",
            "rice": SMALL,
        },
    ],
    "set_aside": [{"task": "security-audit", "title": "Debug pages are on", "reason": "off in production.cfg:2"}],
    "answers": [
        {"criterion": "The login is safe", "holds": "no", "because": "F1"},
        {"criterion": "The tests are enough", "holds": "unknown", "because": "only the login was looked at"},
    ],
    "not_covered": ["the payment pages"],
}

PAYLOADS: dict[str, dict[str, Any]] = {
    "prd": {"description": "Build user authentication with JWT", "acceptance_criteria": CRITERIA},
    "report": {
        "description": "Audit the login",
        "acceptance_criteria": ["The login is safe", "The tests are enough"],
        "upstream": UPSTREAM,
    },
}
RESULTS = {"prd": PRD, "report": REPORT}
DOCUMENTS = {
    "prd": "# Sign in\n\nS1.1, S1.2: expiry. S2.1: rotation. S2.2: cookies.",
    "report": "# Login\n\nF1 first, then F2.",
}


def manifest() -> Manifest:
    return load_manifest(PACKAGE)


def writes(task_type: str, text: str | None = None) -> list[dict[str, Any]]:
    """The turns in which a document is written and committed."""
    path = RESULTS[task_type]["document"]
    command = (
        f"mkdir -p {Path(path).parent} && cat > {path} <<'END'\n{DOCUMENTS[task_type] if text is None else text}\nEND"
    )
    return [
        {"calls": [{"name": "bash", "arguments": {"command": command}}]},
        {"calls": [{"name": "commit", "arguments": {"message": f"Write the {task_type}"}}]},
    ]


def ends(result: dict[str, Any]) -> dict[str, Any]:
    return {"calls": [{"name": "finish", "arguments": {"result": result}}]}


def staged(task_type: str, *turns: dict[str, Any], **payload: Any) -> Stage:
    task = Task(
        id="request-1.9",
        type=task_type,
        agent="product-manager",
        request_id="request-1",
        payload=Payload.model_validate({**PAYLOADS[task_type], **payload}),
        timestamp="2026-01-30T10:00:00Z",
    )
    transcript = json.dumps({"roles": {"product-manager": {task_type: list(turns)}}})
    return Stage(ProductManager(), manifest(), task, transcript, environ=OFF)


def changed(task_type: str, path: str, value: Any) -> dict[str, Any]:
    """A result with one value replaced, at a path such as `stories.0.id`."""
    result = copy.deepcopy(RESULTS[task_type])
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    at: Any = result
    for part in way:
        at = at[part]
    at[last] = value
    return result


class TestConformance(LLMAgentConformance):
    """What is promised of every agent with a model."""

    role = "product-manager"
    distribution = "beth-agent-product-manager"
    payloads = PAYLOADS
    transcript = json.dumps(
        {"roles": {"product-manager": {name: [*writes(name), ends(RESULTS[name])] for name in RESULTS}}}
    )


# -- what is right, and what is told otherwise ------------------------------------------------


@pytest.mark.parametrize("task_type", ["prd", "report"])
async def test_a_result_that_adds_up_ends_the_task(task_type: str) -> None:
    stage = staged(task_type, *writes(task_type), ends(RESULTS[task_type]))
    result = await stage.deliver()
    assert (result.status, result.result) == ("complete", RESULTS[task_type])
    assert list(await stage.files()) == [RESULTS[task_type]["document"]]
    assert result.verdict is None


OBJECTIONS = [
    # the document
    ("prd", "document", "docs/prd.md", "`document` is to be docs/requests/request-1/prd.md"),
    ("prd", "stories.0.criteria.0.id", "S1.7", "prd.md does not mention S1.7"),
    ("report", "findings.0.id", "F7", "report.md does not mention F7"),
    # ids
    ("prd", "stories.1.id", "S1", "several stories have the id S1"),
    ("prd", "stories.0.criteria.1.id", "S1.1", "several criteria have the id S1.1"),
    ("prd", "stories.1.criteria.0.id", "S3.1", "criterion S3.1 stands in story S2"),
    ("report", "findings.1.id", "F1", "several findings have the id F1"),
    # coverage
    ("prd", "coverage", PRD["coverage"][:2], "lacks the task's criterion 'Secure httpOnly cookies'"),
    ("prd", "coverage.0.criterion", "Tokens", "`coverage` has 'Tokens' twice, or it is no criterion of the task"),
    ("prd", "coverage.1.covered_by", ["S2.9"], "is covered by S2.9, which no story has"),
    ("report", "answers", REPORT["answers"][:1], "`answers` lacks the task's criterion 'The tests are enough'"),
    ("report", "answers.0.criterion", "It works", "`answers` has 'It works' twice, or it is no criterion"),
    ("report", "answers.0.because", "the first finding", "'The login is safe' does not hold: name the findings"),
    # criteria that can be tested
    ("prd", "stories.0.criteria.0.then", "it works Properly", "S1.1: nobody can test 'Properly'"),
    # priorities
    ("prd", "stories.0.rice.score", 65, "S1: the score of 120 x 2 x 0.8 / 3 is 64, not 65"),
    ("prd", "stories.0.rice", {**RICE, "impact": 2.5, "score": 80}, "S1: impact is one of 0.25, 0.5, 1, 2, 3, not 2.5"),
    (
        "prd",
        "stories.0.rice",
        {**RICE, "confidence": 0.9, "score": 72},
        "S1: confidence is one of 0.5, 0.8, 1, not",
    ),
    ("prd", "stories.0.rice", {**RICE, "effort": 30, "score": 6.4}, "S2 scores more than S1 before it"),
    ("report", "findings.1.rice.score", 1, "F2: the score of 120 x 0.5 x 0.8 / 2 is 24, not 1"),
    # nothing lost on the way
    ("report", "set_aside", [], "security-audit found 'Debug pages are on'"),
    ("report", "set_aside.0.title", "Debug", "security-audit has no finding 'Debug'"),
    ("report", "set_aside.0.task", "assessment", "assessment has no finding 'Debug pages are on'"),
    ("report", "findings.0.severity", "low", "F1 is low, its sources are high"),
]


@pytest.mark.parametrize(("task_type", "path", "value", "told"), OBJECTIONS, ids=[one[3][:50] for one in OBJECTIONS])
async def test_what_does_not_add_up_is_told_and_can_be_put_right(
    task_type: str, path: str, value: Any, told: str
) -> None:
    wrong, right = changed(task_type, path, value), RESULTS[task_type]
    stage = staged(task_type, *writes(task_type), ends(wrong), ends(right))
    assert (await stage.deliver()).result == right
    objection, accepted = await stage.told("finish")
    assert told in objection
    assert accepted == "finished"


async def test_a_document_that_is_not_there_or_empty_is_told() -> None:
    stage = staged("prd", ends(PRD), *writes("prd", ""), ends(PRD), *writes("prd"), ends(PRD))
    assert (await stage.deliver()).status == "complete"
    missing, empty, _ = await stage.told("finish")
    assert "docs/requests/request-1/prd.md is not committed" in missing
    assert "docs/requests/request-1/prd.md is empty" in empty


async def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = changed("prd", "stories.0.rice.score", 65)
    wrong["coverage"] = []
    stage = staged("prd", *writes("prd"), ends(wrong), ends(PRD))
    await stage.deliver()
    assert len((await stage.told("finish"))[0].splitlines()) == 1 + 1 + 3


async def test_a_task_without_criteria_may_cover_what_its_description_says() -> None:
    stage = staged("prd", *writes("prd"), ends(PRD), acceptance_criteria=[])
    assert (await stage.deliver()).status == "complete"


async def test_a_severity_may_be_another_one_with_a_reason() -> None:
    rated = changed("report", "findings.0.severity", "low")
    rated["findings"][0]["rerated"] = "the login answers only inside the office"
    stage = staged("report", *writes("report"), ends(rated))
    assert (await stage.deliver()).status == "complete"


async def test_a_report_needs_no_audits() -> None:
    own = changed("report", "findings.0.sources", [{"task": "own", "title": "It can be guessed"}])
    own["set_aside"] = []
    stage = staged("report", *writes("report"), ends(own), upstream=[])
    assert (await stage.deliver()).status == "complete"


# -- schemas ----------------------------------------------------------------------------------


def rules(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PACKAGE / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("task_type", ["prd", "report"])
def test_the_schemas_accept_what_the_tests_play(task_type: str) -> None:
    assert schema.violations(rules(f"{task_type}.output"), RESULTS[task_type], what="result") == []
    assert schema.violations(rules(f"{task_type}.input"), PAYLOADS[task_type], what="payload") == []


@pytest.mark.parametrize(
    ("task_type", "path", "value"),
    [
        ("prd", "summary", "x" * 601),
        ("prd", "stories", []),
        ("prd", "stories.0.id", "1"),
        ("prd", "stories.0.criteria", []),
        ("prd", "stories.0.criteria.0.id", "S1"),
        ("prd", "stories.0.criteria.0.then", ""),
        ("prd", "stories.0.rice.effort", 0),
        ("prd", "stories.0.rice.reach", "many"),
        ("prd", "coverage.0.covered_by", []),
        ("prd", "metrics", []),
        ("prd", "out_of_scope", []),
        ("prd", "verdict", {"decision": "approved"}),
        ("report", "findings.0.severity", "grave"),
        ("report", "findings.0.sources", []),
        ("report", "answers.0.holds", "partly"),
    ],
)
def test_the_output_schemas_refuse_what_nobody_could_go_on_with(task_type: str, path: str, value: Any) -> None:
    assert schema.violations(rules(f"{task_type}.output"), changed(task_type, path, value), what="result") != []


@pytest.mark.parametrize("task_type", ["prd", "report"])
def test_nothing_that_the_output_schemas_require_can_be_left_out(task_type: str) -> None:
    for key in rules(f"{task_type}.output")["required"]:
        less = {name: value for name, value in RESULTS[task_type].items() if name != key}
        assert schema.violations(rules(f"{task_type}.output"), less, what="result") != [], key


# -- the package ------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", sorted((PACKAGE / "prompts").iterdir()), ids=lambda path: path.name)
def test_a_prompt_has_only_placeholders_that_there_are_and_names_its_document(prompt: Path) -> None:
    text = prompt.read_text(encoding="utf-8")
    assert set(re.findall(r"\{\{\s*([^{}]*?)\s*\}\}", text)) <= set(PLACEHOLDERS)
    assert f"docs/requests/{{{{request.id}}}}/{prompt.stem}.md" in text


def test_each_task_type_is_told_only_the_skills_it_needs() -> None:
    assert {skill.name: set(skill.applies.task_types) for skill in own_skills(manifest()) if skill.applies} == {
        "acceptance-criteria": {"prd"},
        "metrics": {"prd"},
        "rice": {"prd", "report"},
    }


def test_the_default_model_has_a_known_price() -> None:
    model = manifest().model
    assert model is not None
    assert (model.provider, price_of(model.provider, model.name) is not None) == ("openai", True)


def test_the_wheel_holds_every_file_the_agent_reads_and_no_tests(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*command, "-w", tmp_path, ROOT], check=True, timeout=100)
    (wheel,) = tmp_path.glob("*.whl")
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = {path.relative_to(ROOT).as_posix() for path in files}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted
