"""The UX designer: what it may end with, what it is told otherwise, and that its package holds what it needs."""

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

from beth_agent_ux_designer.agent import UxDesigner
from beth_kit.frame.rules import PLACEHOLDERS
from beth_kit.frame.skill_files import own_skills
from beth_kit.model.prices import price_of
from beth_kit.testing import LLMAgentConformance, Stage
from beth_sdk import schema
from beth_sdk.manifest import Manifest, load_manifest
from beth_sdk.messages import Payload, Task

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "beth_agent_ux_designer"
OFF = {"BETH_SANDBOX": "off"}
DOCUMENT = "docs/requests/request-1/design.md"
TOKENS_FILE = "design/tokens.json"

ACCESSIBLE = [{"criterion": "1.4.3", "how": "see the contrasts", "test": "contrast of the built colours"}]
QUESTION = [{"question": "Is there a brand?", "assumption": "none"}]


def pair(foreground: str, background: str, ratio: float, kind: str = "text") -> dict[str, Any]:
    return {"foreground": foreground, "background": background, "kind": kind, "ratio": ratio, "use": "labels"}


DESIGN: dict[str, Any] = {
    "summary": "People sign in on one page and stay signed in.",
    "document": DOCUMENT,
    "flows": [
        {
            "id": "F1",
            "name": "An owner signs in",
            "steps": [{"does": "sends e-mail and password", "sees": "the shop's first page"}],
            "when_it_fails": "above the form: 'We could not sign you in.' The e-mail stays.",
        }
    ],
    "screens": [
        {
            "name": "Sign in",
            "states": {
                "empty": "two fields and a button",
                "loading": "after 300 ms the button says 'Signing in …'",
                "error": "'We could not sign you in.'",
                "success": "the first page",
                "locked": "'Too many tries. Again in one minute.'",
            },
        }
    ],
    "tokens": [
        {"name": "color.text.error", "value": "{color.red}", "use": "messages"},
        {"name": "color.red", "value": "#b00020", "use": "through color.text.error alone"},
    ],
    "accessibility": ACCESSIBLE,
    "contrast": [pair("color.text.error", "#ffffff", 7.32), pair("#949494", "#fff", 3.03, "non-text")],
    "open_questions": QUESTION,
}
SYSTEM: dict[str, Any] = {
    "summary": "Twelve tokens and one button.",
    "document": DOCUMENT,
    "tokens_file": TOKENS_FILE,
    "components": [
        {
            "name": "Button",
            "purpose": "what a person does; a link where they go",
            "variants": ["primary"],
            "states": ["default", "focus-visible"],
            "keyboard": "Enter and Space",
            "announced": "button, its text",
            "tokens": ["color.action.background", "color.action.text"],
        }
    ],
    "accessibility": ACCESSIBLE,
    "contrast": [pair("color.action.text", "color.action.background", 6.66)],
    "open_questions": QUESTION,
}
REVIEW: dict[str, Any] = {
    "summary": "Everybody can sign in; one text could be shorter.",
    "verdict": {
        "decision": "approved",
        "findings": [{"title": "Long text", "severity": "low", "place": "page.html:1", "detail": "Two lines do."}],
    },
    "checked": [
        {"subject": "An owner can sign in", "outcome": "pass", "how": "sent the form with curl"},
        {"subject": "F1", "outcome": "not_checked", "how": "no browser here"},
    ],
    "contrast": [pair("#b00020", "#ffffff", 7.32)],
}
GRAVE = {"title": "No label", "severity": "high", "place": "page.html:2", "detail": "WCAG 1.3.1: add one."}
REFUSED = {**REVIEW, "verdict": {"decision": "changes_requested", "findings": [GRAVE]}}

RESULTS = {"design": DESIGN, "design-system": SYSTEM, "review": REVIEW}
PAYLOADS: dict[str, dict[str, Any]] = {
    "design": {"description": "Build a login", "acceptance_criteria": ["An owner can sign in"]},
    "design-system": {"description": "Make a design system"},
    "review": {
        "description": "Build a login",
        "acceptance_criteria": ["An owner can sign in"],
        "upstream": [{"task_id": "request-1.1", "name": "design", "agent": "ux-designer", "result": DESIGN}],
        "round": 2,
        "gate": "design-review",
    },
}
TOKENS = {
    "color": {
        "$type": "color",
        "blue": {"$value": {"colorSpace": "srgb", "components": [0.043, 0.361, 0.678], "hex": "#0b5cad"}},
        "white": {"$value": "#ffffff"},
        "action": {"background": {"$value": "{color.blue}"}, "text": {"$value": "{color.white}"}},
    }
}
FILES: dict[str, dict[str, str]] = {
    "design": {DOCUMENT: "# Login\n\nF1: an owner signs in."},
    "design-system": {DOCUMENT: "# System\n\nButton: one.", TOKENS_FILE: json.dumps(TOKENS)},
    "review": {},
}


def manifest() -> Manifest:
    return load_manifest(PACKAGE)


def writes(files: dict[str, str]) -> list[dict[str, Any]]:
    """The turns in which files are written and committed."""
    lines = [f"mkdir -p {Path(path).parent} && cat > {path} <<'END'\n{text}\nEND" for path, text in files.items()]
    commit = {"calls": [{"name": "commit", "arguments": {"message": "Design it"}}]}
    return [{"calls": [{"name": "bash", "arguments": {"command": "\n".join(lines)}}]}, commit] if files else []


BUILT = writes({"page.html": "<form>\n<input name=email>"})
"""What a review finds; here it is made in the task itself, in place of what the branch would hold."""


def before(task_type: str) -> list[dict[str, Any]]:
    return BUILT if task_type == "review" else writes(FILES[task_type])


def ends(result: dict[str, Any]) -> dict[str, Any]:
    return {"calls": [{"name": "finish", "arguments": {"result": result}}]}


def staged(task_type: str, *turns: dict[str, Any]) -> Stage:
    task = Task(
        id="request-1.3",
        type=task_type,
        agent="ux-designer",
        request_id="request-1",
        payload=Payload.model_validate(PAYLOADS[task_type]),
        timestamp="2026-01-30T10:00:00Z",
    )
    transcript = json.dumps({"roles": {"ux-designer": {task_type: list(turns)}}})
    return Stage(UxDesigner(), manifest(), task, transcript, environ=OFF)


def changed(task_type: str, path: str, value: Any) -> dict[str, Any]:
    """A result with one value replaced, at a path such as `flows.0.id`."""
    result = copy.deepcopy(RESULTS[task_type])
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    at: Any = result
    for part in way:
        at = at[part]
    at[last] = value
    return result


class TestConformance(LLMAgentConformance):
    """What is promised of every agent with a model."""

    role = "ux-designer"
    distribution = "beth-agent-ux-designer"
    payloads = PAYLOADS
    transcript = json.dumps(
        {"roles": {"ux-designer": {name: [*before(name), ends(RESULTS[name])] for name in RESULTS}}}
    )


# -- what is right, and what is told otherwise ------------------------------------------------


@pytest.mark.parametrize("task_type", RESULTS)
async def test_a_result_that_adds_up_ends_the_task(task_type: str) -> None:
    result = await staged(task_type, *before(task_type), ends(RESULTS[task_type])).deliver()
    assert (result.status, result.result) == ("complete", RESULTS[task_type])


async def test_a_review_may_find_nothing() -> None:
    result = await staged("review", *BUILT, ends(changed("review", "verdict", {"decision": "approved"}))).deliver()
    assert result.verdict is not None
    assert result.verdict.decision == "approved"


async def test_a_review_is_a_verdict_and_may_ask_for_changes() -> None:
    result = await staged("review", *BUILT, ends(REFUSED)).deliver()
    assert result.verdict is not None
    assert result.verdict.to_json() == {"decision": "changes_requested", "findings": [GRAVE]}


OBJECTIONS = [
    # the document, ids
    ("design", "document", "design.md", f"`document` is to be {DOCUMENT}, not design.md"),
    ("design", "flows.0.id", "F2", "design.md does not mention F2"),
    ("design", "flows", DESIGN["flows"] * 2, "several flows have the id F1"),
    ("design", "tokens.1.name", "color.text.error", "`tokens` has color.text.error several times"),
    ("design-system", "components.0.name", "Link", "design.md does not mention Link"),
    ("design-system", "components", SYSTEM["components"] * 2, "several components are named Button"),
    # accessibility
    ("design", "accessibility.0.criterion", "1.4.6", "1.4.6 is no success criterion of WCAG 2.1, A or AA"),
    ("design-system", "accessibility.0.criterion", "4.1.4", "4.1.4 is no success criterion"),
    ("design", "contrast.0.ratio", 9.9, "contrast of color.text.error on #ffffff is 7.32, not 9.9"),
    ("design", "contrast.0", pair("#949494", "#fff", 3.03), "#949494 on #fff has a contrast of 3.03; text needs 4.5"),
    ("design", "contrast", [], "color.text.error, color.red are colours, but `contrast` has no pair"),
    ("design", "contrast.0.foreground", "color.text", "there is no colour token color.text"),
    ("design", "contrast.0.background", "#ffffff80", "the background '#ffffff80' is not opaque"),
    ("design-system", "contrast.0.ratio", 21, "contrast of color.action.text on color.action.background is 6.66"),
    ("design-system", "contrast.0.background", "color.white", "has a contrast of 1.00; text needs 4.5 (WCAG 1.4.3)"),
    # tokens
    ("design-system", "tokens_file", "tokens.json", "tokens_file: tokens.json is not committed; did you mean"),
    ("design-system", "tokens_file", DOCUMENT, "it is no JSON"),
    ("design-system", "components.0.tokens", ["color.red"], f"Button uses color.red, which {TOKENS_FILE} does not"),
    # the verdict
    ("review", "checked.0.subject", "Login", "`checked` lacks the task's criterion 'An owner can sign in'"),
    ("review", "checked.0.outcome", "fail", "approved, but 'An owner can sign in' failed"),
    ("review", "checked.0.outcome", "not_checked", "approved, but nothing was checked"),
    ("review", "verdict.findings.0.severity", "medium", "approved, but the finding 'Long text' is above low"),
    ("review", "verdict.decision", "changes_requested", "changes are requested, but no finding is above low"),
    ("review", "verdict.findings.0.place", "page.html:9", "finding 'Long text': page.html:9: the file has the lines"),
    ("review", "verdict.findings.0.place", "the page", "finding 'Long text': the page names no lines"),
    ("review", "contrast.0.ratio", 5, "contrast of #b00020 on #ffffff is 7.32, not 5"),
    ("review", "contrast.0", pair("#949494", "#fff", 3.03), "approved, but #949494 on #fff has a contrast of 3.03"),
]


@pytest.mark.parametrize(("task_type", "path", "value", "told"), OBJECTIONS, ids=[one[3][:50] for one in OBJECTIONS])
async def test_what_does_not_add_up_is_told_and_can_be_put_right(
    task_type: str, path: str, value: Any, told: str
) -> None:
    right = RESULTS[task_type]
    stage = staged(task_type, *before(task_type), ends(changed(task_type, path, value)), ends(right))
    assert (await stage.deliver()).result == right
    objection, accepted = await stage.told("finish")
    assert told in objection
    assert accepted == "finished"


async def test_changes_may_be_asked_for_because_a_contrast_is_too_low_or_a_check_failed() -> None:
    refused = {**REFUSED, "contrast": [pair("#949494", "#fff", 3.03)]}
    refused["checked"] = [{**REVIEW["checked"][0], "outcome": "fail"}]
    assert (await staged("review", *BUILT, ends(refused)).deliver()).status == "complete"


async def test_tokens_that_are_not_valid_are_told() -> None:
    broken = json.loads(json.dumps(TOKENS))
    broken["color"]["white"]["$value"] = "white"
    files = FILES["design-system"]
    stage = staged(
        "design-system", *writes({**files, TOKENS_FILE: json.dumps(broken)}), ends(SYSTEM), *writes(files), ends(SYSTEM)
    )
    assert (await stage.deliver()).status == "complete"
    told = (await stage.told("finish"))[0]
    assert f'{TOKENS_FILE}: color.white: "white" is no color: write it as' in told
    assert "there is no colour token color.action.text" in told


async def test_a_document_that_is_not_there_is_told() -> None:
    stage = staged("design", ends(DESIGN), *before("design"), ends(DESIGN))
    await stage.deliver()
    assert f"{DOCUMENT} is not committed" in (await stage.told("finish"))[0]


async def test_a_design_without_colours_needs_no_contrast() -> None:
    plain = {**changed("design", "contrast", []), "tokens": [{"name": "space", "value": "8px", "use": "between"}]}
    assert (await staged("design", *before("design"), ends(plain)).deliver()).status == "complete"


async def test_the_model_can_compute_a_contrast() -> None:
    call = {"calls": [{"name": "contrast", "arguments": {"foreground": "#b00020", "background": "#ffffff"}}]}
    stage = staged("design", call, *before("design"), ends(DESIGN))
    assert (await stage.deliver()).status == "complete"
    assert await stage.told("contrast") == [
        "7.32:1 – enough for text (4.5): yes; large-text (3): yes; non-text (3): yes"
    ]


async def test_tokens_of_a_design_that_go_in_a_circle_are_no_colours() -> None:
    circle = changed("design", "tokens.1", {"name": "color.red", "value": "{color.text.error}", "use": "none"})
    stage = staged("design", *before("design"), ends(circle), ends(DESIGN))
    assert (await stage.deliver()).status == "complete"
    assert "is no colour: write #rrggbb" in (await stage.told("finish"))[0]


# -- schemas ----------------------------------------------------------------------------------


def rules(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PACKAGE / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("task_type", RESULTS)
def test_the_schemas_accept_what_the_tests_play(task_type: str) -> None:
    assert schema.violations(rules(f"{task_type}.output"), RESULTS[task_type], what="result") == []
    assert schema.violations(rules(f"{task_type}.input"), PAYLOADS[task_type], what="payload") == []


@pytest.mark.parametrize(
    ("task_type", "path", "value"),
    [
        ("design", "summary", "x" * 601),
        ("design", "flows", []),
        ("design", "flows.0.when_it_fails", ""),
        ("design", "screens", []),
        ("design", "screens.0.states", {"empty": "a", "loading": "b", "success": "c"}),
        ("design", "screens.0.states.empty", ""),
        ("design", "accessibility", []),
        ("design", "accessibility.0.criterion", "AA"),
        ("design", "contrast.0.kind", "tiny"),
        ("design", "contrast.0.ratio", 22),
        ("design", "verdict", {"decision": "approved"}),
        ("design-system", "components", []),
        ("design-system", "components.0.states", []),
        ("design-system", "contrast", []),
        ("review", "verdict.decision", "maybe"),
        ("review", "verdict.findings.0.severity", "grave"),
        ("review", "verdict.findings.0.place", ""),
        ("review", "checked", []),
    ],
)
def test_the_output_schemas_refuse_what_nobody_could_go_on_with(task_type: str, path: str, value: Any) -> None:
    assert schema.violations(rules(f"{task_type}.output"), changed(task_type, path, value), what="result") != []


@pytest.mark.parametrize("task_type", RESULTS)
def test_nothing_that_the_output_schemas_require_can_be_left_out(task_type: str) -> None:
    for key in rules(f"{task_type}.output")["required"]:
        less = {name: value for name, value in RESULTS[task_type].items() if name != key}
        assert schema.violations(rules(f"{task_type}.output"), less, what="result") != [], key


# -- the package ------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", sorted((PACKAGE / "prompts").iterdir()), ids=lambda path: path.name)
def test_a_prompt_has_only_placeholders_that_there_are_and_names_the_document(prompt: Path) -> None:
    text = prompt.read_text(encoding="utf-8")
    assert set(re.findall(r"\{\{\s*([^{}]*?)\s*\}\}", text)) <= set(PLACEHOLDERS)
    assert "docs/requests/{{request.id}}/design.md" in text


def test_each_task_type_is_told_only_the_skills_it_needs() -> None:
    skills = {skill.name: skill.applies and set(skill.applies.task_types) for skill in own_skills(manifest())}
    assert skills == {"states": {"design", "review"}, "tokens": {"design", "design-system"}, "wcag": None}


def test_the_example_of_the_tokens_skill_is_valid_itself() -> None:
    from beth_agent_ux_designer.tokens import read_tokens

    (example,) = re.findall(r"```json\n(.*?)```", (PACKAGE / "skills/tokens.md").read_text(encoding="utf-8"), re.DOTALL)
    tokens = read_tokens(example)
    assert tokens.problems == ()
    assert tokens.colours["color.action.background"] == "#0b5cadff"


def test_the_numbers_in_the_wcag_skill_are_criteria() -> None:
    from beth_agent_ux_designer.wcag import CRITERIA

    table = [line for line in (PACKAGE / "skills/wcag.md").read_text(encoding="utf-8").splitlines() if "|" in line]
    named = {number for line in table for number in re.findall(r"\b[1-4]\.[1-5]\.[0-9]+\b", line)}
    assert len(named) > 30
    assert named <= CRITERIA


def test_the_default_model_has_a_known_price() -> None:
    model = manifest().model
    assert model is not None
    assert (model.provider, price_of(model.provider, model.name) is not None) == ("anthropic", True)


def test_the_wheel_holds_every_file_the_agent_reads_and_no_tests(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*command, "-w", tmp_path, ROOT], check=True, timeout=100)
    (wheel,) = tmp_path.glob("*.whl")
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = {path.relative_to(ROOT).as_posix() for path in files}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted
