"""The researcher: evidence is looked up before a task ends, and the package holds what it needs."""

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

from beth_agent_researcher.agent import Researcher
from beth_agent_researcher.evidence import is_quoted
from beth_kit.frame.rules import PLACEHOLDERS
from beth_kit.frame.skill_files import own_skills
from beth_kit.model.prices import price_of
from beth_kit.testing import LLMAgentConformance, Stage
from beth_sdk import schema
from beth_sdk.manifest import Manifest, load_manifest
from beth_sdk.messages import Payload, Task

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "beth_agent_researcher"
OFF = {"BETH_SANDBOX": "off"}
DOCUMENT = "docs/requests/request-1/research.md"

RESEARCH: dict[str, Any] = {
    "summary": "Sign tokens with PyJWT, which is installed.",
    "document": DOCUMENT,
    "questions": [
        {
            "id": "Q1",
            "question": "What signs tokens here?",
            "why": "a second library for the same thing is a second set of holes",
            "answer": "PyJWT 2.9.0",
            "confidence": "high",
            "evidence": ["E1", "E2"],
        },
        {
            "id": "Q2",
            "question": "How long may a refresh token live?",
            "why": "it is a column or a setting",
            "answer": "30 days are usual",
            "confidence": "low",
            "evidence": ["E3"],
        },
    ],
    "evidence": [
        {"id": "E1", "claim": "it is pinned", "kind": "file", "source": "lock.txt:2", "quote": "PyJWT==2.9.0"},
        {"id": "E2", "claim": "it imports", "kind": "command", "source": "python -c 'import jwt'", "quote": "2.9.0"},
        {"id": "E3", "claim": "it is usual", "kind": "knowledge", "source": "guides on sessions", "quote": "30 days"},
    ],
    "recommendation": {
        "choice": "Use PyJWT 2.9.0 with HS256",
        "because": "it is there (Q1)",
        "confidence": "high",
        "changes_if": "tokens are read by others, who need a public key",
    },
    "alternatives": [{"name": "signing by hand", "rejected_because": "errors in it are not seen"}],
    "open_questions": [],
}

PAYLOAD: dict[str, Any] = {
    "description": "Build user authentication with JWT",
    "acceptance_criteria": ["JWT access tokens with 15min expiry"],
    "upstream": [{"task_id": "request-1.1", "name": "requirements", "agent": "product-manager", "type": "prd"}],
}

PAYLOADS = {"research": PAYLOAD}

WRITE = f"""mkdir -p {Path(DOCUMENT).parent}
printf 'requests==2.32\\nPyJWT==2.9.0\\n    # via  app\\n' > lock.txt
echo 'Use PyJWT. Q1: it is there. Q2: open.' > {DOCUMENT}"""
WRITES: list[dict[str, Any]] = [
    {"calls": [{"name": "bash", "arguments": {"command": WRITE}}]},
    {"calls": [{"name": "commit", "arguments": {"message": "Recommend PyJWT"}}]},
]


def manifest(network: str = "none") -> Manifest:
    read = load_manifest(PACKAGE)
    return Manifest.model_validate({**read.to_json(), "network": network}).located(read.directory)


def ends(result: dict[str, Any]) -> dict[str, Any]:
    return {"calls": [{"name": "finish", "arguments": {"result": result}}]}


def staged(*turns: dict[str, Any], network: str = "none") -> Stage:
    task = Task(
        id="request-1.2",
        type="research",
        agent="researcher",
        request_id="request-1",
        payload=Payload.model_validate(PAYLOAD),
        timestamp="2026-01-30T10:00:00Z",
    )
    transcript = json.dumps({"roles": {"researcher": {"research": list(turns)}}})
    return Stage(Researcher(), manifest(network), task, transcript, environ=OFF)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The result with one value replaced, at a path such as `evidence.0.source`."""
    result = copy.deepcopy(RESEARCH)
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    at: Any = result
    for part in way:
        at = at[part]
    at[last] = value
    return result


PAGE = {"id": "E2", "claim": "it is safe", "kind": "url", "source": "https://jwt.example/docs", "quote": "signed"}


class TestConformance(LLMAgentConformance):
    """What is promised of every agent with a model."""

    role = "researcher"
    distribution = "beth-agent-researcher"
    payloads = PAYLOADS
    transcript = json.dumps({"roles": {"researcher": {"research": [*WRITES, ends(RESEARCH)]}}})


# -- what is right, and what is told otherwise ------------------------------------------------


async def test_evidence_that_stands_where_it_should_ends_the_task() -> None:
    stage = staged(*WRITES, ends(RESEARCH))
    result = await stage.deliver()
    assert (result.status, result.result) == ("complete", RESEARCH)


OBJECTIONS = [
    ("document", "research.md", f"`document` is to be {DOCUMENT}, not research.md"),
    ("questions.1.id", "Q3", "research.md does not mention Q3"),
    ("questions.1.id", "Q1", "`questions` has Q1 several times"),
    ("evidence.1.id", "E1", "`evidence` has E1 several times"),
    ("questions.0.evidence", ["E1", "E2", "E9"], "Q1 rests on E9, which `evidence` does not have"),
    ("questions.0.evidence", ["E1"], "E2 supports nothing"),
    ("questions.0.evidence", ["E3"], "Q1: confidence is high, but nothing was looked up"),
    ("questions.0.evidence", [], "Q1: confidence is high, but nothing was looked up"),
    ("questions.1", {**RESEARCH["questions"][1], "confidence": "medium", "evidence": []}, "Q2: confidence is medium"),
    ("recommendation.because", "it is there", "`recommendation.because` names nothing it rests on"),
    ("questions.0.confidence", "medium", "confidence is high, that of the surest answer medium"),
    ("evidence.0.source", "lock.txt", "E1: lock.txt names no lines"),
    ("evidence.0.source", "lock.txt:4", "E1: lock.txt:4: the file has the lines 1 to 3"),
    ("evidence.0.source", "locks.txt:2", "E1: locks.txt is not committed; did you mean lock.txt?"),
    ("evidence.0.source", "lock.txt:1", "E1: the quote does not stand in lock.txt:1; there it says: 'requests==2.32'"),
    ("evidence.0.quote", "PyJWT==2.8.0", "E1: the quote does not stand in lock.txt:2"),
    ("evidence.1", PAGE, "E2: you cannot have read https://jwt.example/docs, the network is closed"),
]


@pytest.mark.parametrize(("path", "value", "told"), OBJECTIONS, ids=[one[2][:50] for one in OBJECTIONS])
async def test_what_does_not_hold_is_told_and_can_be_put_right(path: str, value: Any, told: str) -> None:
    stage = staged(*WRITES, ends(changed(path, value)), ends(RESEARCH))
    assert (await stage.deliver()).result == RESEARCH
    objection, accepted = await stage.told("finish")
    assert told in objection
    assert accepted == "finished"


async def test_a_document_that_is_not_there_is_told() -> None:
    stage = staged(ends(RESEARCH), *WRITES, ends(RESEARCH))
    await stage.deliver()
    assert f"{DOCUMENT} is not committed" in (await stage.told("finish"))[0]


async def test_evidence_may_support_the_recommendation_alone() -> None:
    result = changed("questions.0.evidence", ["E1"])
    result["recommendation"]["because"] = "it is there (Q1) and it imports (E2)"
    assert (await staged(*WRITES, ends(result)).deliver()).status == "complete"


async def test_a_quote_may_reach_over_lines_and_leave_out_what_is_between() -> None:
    result = changed("evidence.0.source", "lock.txt:1-3")
    result["evidence"][0]["quote"] = "requests==2.32 … # via app"
    assert (await staged(*WRITES, ends(result)).deliver()).status == "complete"


async def test_pages_are_evidence_where_the_network_is_open() -> None:
    page = changed("evidence.1", PAGE)
    no_page = changed("evidence.1", {**PAGE, "source": "lock.txt:2"})
    stage = staged(*WRITES, ends(no_page), ends(page), network="open")
    assert (await stage.deliver()).result == page
    assert "E2: 'lock.txt:2' is no URL" in (await stage.told("finish"))[0]


@pytest.mark.parametrize(
    ("server", "status"),
    [
        ({"command": "no-such-program", "network": "open", "roles": ["researcher"]}, "complete"),
        ({"url": "http://127.0.0.1:9/mcp"}, "complete"),
        ({"command": "no-such-program"}, "failed"),
        ({"command": "no-such-program", "network": "open", "roles": ["developer"]}, "failed"),
    ],
)
async def test_pages_are_evidence_where_a_server_of_the_user_may_fetch_them(
    server: dict[str, Any], status: str
) -> None:
    stage = staged(*WRITES, *[ends(changed("evidence.1", PAGE))] * 30)
    (stage.home / "mcp.json").write_text(json.dumps({"mcpServers": {"fetch": server}}), encoding="utf-8")
    assert (await stage.deliver()).status == status


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("b  c", True),
        ("a … d", True),
        ("a [...] d", True),
        ("d … a", False),
        ("a c", False),
        ("…", False),
        ("A b", False),
    ],
)
def test_a_quote_is_in_a_text_word_for_word_and_in_order(quote: str, found: bool) -> None:
    assert is_quoted(quote, "a b\n  c d") is found


# -- schemas ----------------------------------------------------------------------------------


def rules(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PACKAGE / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_the_schemas_accept_what_the_tests_play() -> None:
    assert schema.violations(rules("research.output"), RESEARCH, what="result") == []
    assert schema.violations(rules("research.input"), PAYLOAD, what="payload") == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("summary", "x" * 601),
        ("questions", []),
        ("questions.0.id", "1"),
        ("questions.0.confidence", "certain"),
        ("evidence.0.kind", "memory"),
        ("evidence.0.quote", ""),
        ("recommendation.changes_if", ""),
        ("alternatives", []),
        ("verdict", {"decision": "approved"}),
    ],
)
def test_the_output_schema_refuses_what_nobody_could_go_on_with(path: str, value: Any) -> None:
    assert schema.violations(rules("research.output"), changed(path, value), what="result") != []


def test_nothing_that_the_output_schema_requires_can_be_left_out() -> None:
    for key in rules("research.output")["required"]:
        less = {name: value for name, value in RESEARCH.items() if name != key}
        assert schema.violations(rules("research.output"), less, what="result") != [], key


# -- the package ------------------------------------------------------------------------------


def test_the_prompt_has_only_placeholders_that_there_are_and_names_its_document() -> None:
    text = (PACKAGE / "prompts" / "research.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\{\{\s*([^{}]*?)\s*\}\}", text)) <= set(PLACEHOLDERS)
    assert "docs/requests/{{request.id}}/research.md" in text


def test_how_to_compare_is_told_only_where_something_is_to_be_chosen() -> None:
    skills = {skill.name: skill.applies for skill in own_skills(manifest())}
    assert {name for name, applies in skills.items() if applies is None} == {"codebase", "sources"}
    task = staged().task
    comparing = skills["comparing"]
    assert comparing is not None
    assert not comparing.to(task, ())
    assert comparing.to(task.with_(payload={"description": "Which library should sign tokens?"}), ())


def test_no_network_is_open_by_default_and_the_default_model_has_a_known_price() -> None:
    model = manifest().model
    assert model is not None
    assert load_manifest(PACKAGE).network == "none"
    assert (model.provider, price_of(model.provider, model.name) is not None) == ("gemini", True)


def test_the_wheel_holds_every_file_the_agent_reads_and_no_tests(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*command, "-w", tmp_path, ROOT], check=True, timeout=100)
    (wheel,) = tmp_path.glob("*.whl")
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = {path.relative_to(ROOT).as_posix() for path in files}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted
