"""What the models of the whole team say in the acceptance tests: little, but all that the roles' checks ask for.

Everything they order is really done: the tester's verdict follows from what the program printed. Two tools that are to
run at the same time meet: each waits at a named pipe until the other is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REQUEST = "Greet whoever calls"
CRITERION = "app.py prints hello"
ID = "shop"
DOCUMENTS = f"docs/requests/{ID}"

RIGHT, WRONG = 'print("hello")', 'print("helo")'
RUN = "python3 -B app.py"
TEST = """\
import subprocess
import sys


def test_it_greets():
    told = subprocess.run([sys.executable, "app.py"], capture_output=True, text=True).stdout
    assert told == "hello\\n", told


test_it_greets()
"""
RUN_TEST = "python3 -B tests/test_app.py"

Turn = dict[str, Any]


def bash(command: str, **fields: Any) -> Turn:
    return {"calls": [{"name": "bash", "arguments": {"command": command}}], **fields}


def put(files: Mapping[str, str], then: str = "true") -> Turn:
    lines = [f"mkdir -p {Path(path).parent} && cat > {path} <<'END'\n{text}\nEND" for path, text in files.items()]
    return bash("\n".join([*lines, then]))


def commit(message: str) -> Turn:
    return {"calls": [{"name": "commit", "arguments": {"message": message}}]}


def ends(result: Mapping[str, Any], **fields: Any) -> Turn:
    return {"calls": [{"name": "finish", "arguments": {"result": dict(result)}}], **fields}


def either(*turns: Turn) -> Turn:
    return {"first_of": list(turns)}


def meeting(folder: Path, one: str, other: str) -> dict[str, Turn]:
    """A turn for each of two that are to run at the same time: neither ends before the other has begun."""
    there, back = folder / f"{one}-to-{other}", folder / f"{other}-to-{one}"
    return {
        one: bash(f"echo here >{there} && read -r _ <{back} && echo met"),
        other: bash(f"read -r _ <{there} && echo here >{back} && echo met"),
    }


# -- results ----------------------------------------------------------------------------------

RICE = {"reach": 100, "impact": 1, "confidence": 0.5, "effort": 1, "score": 50, "basis": "assumed"}
QUESTION = [{"question": "In which language?", "assumption": "English"}]

PRD = {
    "summary": "Whoever calls is greeted.",
    "document": f"{DOCUMENTS}/prd.md",
    "problem": "Nobody is greeted today.",
    "stories": [
        {
            "id": "S1",
            "title": "Greeting",
            "as_a": "caller",
            "i_want": "a greeting",
            "so_that": "I know somebody is there",
            "rice": RICE,
            "criteria": [{"id": "S1.1", "given": "a checkout", "when": "app.py runs", "then": "it prints hello"}],
        }
    ],
    "coverage": [{"criterion": CRITERION, "covered_by": ["S1.1"]}],
    "metrics": [{"name": "greetings", "baseline": "0", "target": "1 a call", "measured_by": "the output"}],
    "out_of_scope": ["farewells"],
    "open_questions": QUESTION,
}

RESEARCH = {
    "summary": "print is enough.",
    "document": f"{DOCUMENTS}/research.md",
    "questions": [
        {
            "id": "Q1",
            "question": "What prints?",
            "why": "it is a library or not",
            "answer": "print",
            "confidence": "high",
            "evidence": ["E1"],
        }
    ],
    "evidence": [
        {"id": "E1", "claim": "it prints", "kind": "command", "source": "python3 -c 'print(1)'", "quote": "1"},
    ],
    "recommendation": {"choice": "print", "because": "Q1", "confidence": "high", "changes_if": "nobody reads it"},
    "alternatives": [{"name": "a logger", "rejected_because": "nobody would see it"}],
    "open_questions": [],
}

ACCESSIBLE = [{"criterion": "1.4.3", "how": "black on white", "test": "the contrast of both"}]
BLACK_ON_WHITE = {"foreground": "#000000", "background": "#ffffff", "kind": "text", "ratio": 21, "use": "text"}

DESIGN = {
    "summary": "One line of text.",
    "document": f"{DOCUMENTS}/design.md",
    "flows": [
        {
            "id": "F1",
            "name": "Somebody calls",
            "steps": [{"does": "runs app.py", "sees": "hello"}],
            "when_it_fails": "python says why",
        }
    ],
    "screens": [
        {
            "name": "output",
            "states": {name: f"does not occur: {name}" for name in ("empty", "loading", "error")}
            | {"success": "hello"},
        }
    ],
    "tokens": [],
    "accessibility": ACCESSIBLE,
    "contrast": [],
    "open_questions": QUESTION,
}

TOKENS = {"color": {"$type": "color", "ink": {"$value": "#000000"}, "paper": {"$value": "#ffffff"}}}
SYSTEM = {
    "summary": "Ink on paper.",
    "document": f"{DOCUMENTS}/design.md",
    "tokens_file": "design/tokens.json",
    "components": [
        {
            "name": "Line",
            "purpose": "a greeting; nothing else",
            "variants": ["plain"],
            "states": ["default"],
            "keyboard": "not focusable",
            "announced": "its text",
            "tokens": ["color.ink", "color.paper"],
        }
    ],
    "accessibility": ACCESSIBLE,
    "contrast": [{**BLACK_ON_WHITE, "foreground": "color.ink", "background": "color.paper"}],
    "open_questions": QUESTION,
}

DESIGN_REVIEW = {
    "summary": "It is what was designed.",
    "verdict": {"decision": "approved", "findings": []},
    "checked": [{"subject": CRITERION, "outcome": "pass", "how": RUN}],
    "contrast": [],
}

BUILT = {
    "summary": "It greets.",
    "changes": [{"path": "app.py", "what": "prints the greeting"}],
    "criteria": [{"criterion": CRITERION, "done": True, "how": "app.py; test_it_greets"}],
    "runs": [{"command": "python3 -B -m py_compile app.py", "exit_code": 0}],
}

FIXED = {
    "summary": "It greets as it should.",
    "answers": [{"finding": "it does not greet", "done": True, "how": "a letter was missing; test_it_greets shows it"}],
    "runs": [{"command": RUN_TEST, "exit_code": 0}],
}

APPROVED = {
    "summary": "It greets.",
    "verdict": {"decision": "approved", "findings": []},
    "criteria": [{"criterion": CRITERION, "status": "met", "evidence": RUN}],
    "runs": [{"command": f"{RUN} | grep -qx hello", "exit_code": 0}],
    "tests_added": [],
}
REFUSED = {
    "summary": "It does not greet.",
    "verdict": {
        "decision": "changes_requested",
        "findings": [
            {
                "title": "it does not greet",
                "severity": "high",
                "place": "app.py:1",
                "detail": f"`{RUN} | grep -qx hello` ends with 1: it prints helo",
            }
        ],
    },
    "criteria": [{"criterion": CRITERION, "status": "unmet", "evidence": RUN}],
    "runs": [{"command": f"{RUN} | grep -qx hello", "exit_code": 1, "outcome": "helo"}],
    "tests_added": [],
}

REPRODUCED = {
    "summary": "It prints helo.",
    "reproduced": True,
    "test": {
        "path": "tests/test_app.py",
        "name": "test_it_greets",
        "command": RUN_TEST,
        "fails_with": "AssertionError: helo",
    },
    "runs": [{"command": RUN_TEST, "exit_code": 1}],
}

ASSESSED = {
    "summary": "There are no tests.",
    "document": f"{DOCUMENTS}/assessment.md",
    "findings": [{"title": "no tests", "severity": "medium", "detail": "nothing would be noticed"}],
    "runs": [{"command": "ls", "exit_code": 0}],
}

CHECKED = [{"area": area, "outcome": "clean"} for area in ("secrets", "dependencies")]
SECURE = {
    "summary": "Nothing to abuse.",
    "verdict": {"decision": "approved", "findings": []},
    "checked": CHECKED,
    "document": f"{DOCUMENTS}/security.md",
}
AUDITED = {"summary": "Nothing to abuse.", "findings": [], "checked": CHECKED, "document": f"{DOCUMENTS}/security.md"}

REPORT = {
    "summary": "Write a test first.",
    "document": f"{DOCUMENTS}/report.md",
    "findings": [
        {
            "id": "F1",
            "title": "Nothing would notice a mistake",
            "severity": "medium",
            "sources": [{"task": "assessment", "title": "no tests"}],
            "consequence": "a greeting breaks unseen",
            "action": "write test_it_greets",
            "rice": RICE,
        }
    ],
    "set_aside": [],
    "answers": [{"criterion": CRITERION, "holds": "no", "because": "F1"}],
    "not_covered": ["farewells"],
}

# -- the team ---------------------------------------------------------------------------------


def team(meetings: Mapping[str, Turn] | None = None) -> dict[str, dict[str, list[Turn]]]:
    """The script of every role. `meetings`: by `role/type`, what is done first."""
    roles: dict[str, dict[str, list[Turn]]] = {
        "product-manager": {
            "prd": document("prd", "S1.1: it greets", PRD),
            "report": document("report", "F1: no tests", REPORT),
        },
        "researcher": {"research": document("research", "Q1: print", RESEARCH)},
        "ux-designer": {
            "design": document("design", "F1: somebody calls", DESIGN),
            "design-system": [
                put({f"{DOCUMENTS}/design.md": "Line: one.", "design/tokens.json": json.dumps(TOKENS)}),
                commit("Design it"),
                ends(SYSTEM),
            ],
            "review": [bash(RUN), ends(DESIGN_REVIEW)],
        },
        "developer": {
            # A letter is missing, which the tester finds.
            "implement": [put({"app.py": WRONG, "tests/test_app.py": TEST}), commit("Greet"), ends(BUILT)],
            "fix": [put({"app.py": RIGHT}, RUN_TEST), commit("Greet as it should be"), ends(FIXED)],
        },
        "tester": {
            "verify": [
                bash(RUN),
                either(ends(APPROVED, when={"regex": "(?m)^hello$"}), ends(REFUSED, when={"contains": "helo"})),
            ],
            "reproduce": [put({"tests/test_app.py": TEST}, RUN_TEST), commit("Show it"), ends(REPRODUCED)],
            "assess": document("assessment", "no tests", ASSESSED),
        },
        "security-reviewer": {
            "review": document("security", "nothing", SECURE),
            "audit": document("security", "nothing", AUDITED),
        },
    }
    for place, turn in (meetings or {}).items():
        role, _, type_ = place.partition("/")
        said = [dict(one) for one in roles[role][type_]]
        roles[role][type_] = [turn, {**said[0], "when": {"contains": "met"}}, *said[1:]]
        roles[role][type_][1] = either(roles[role][type_][1])
    return roles


def document(name: str, text: str, result: Mapping[str, Any]) -> list[Turn]:
    """Write a document, commit it, and end with this."""
    return [put({f"{DOCUMENTS}/{name}.md": text}), commit(f"Write the {name}"), ends(result)]


def planner(*plans: Mapping[str, Any], objections: Sequence[str] = ()) -> dict[str, list[Turn]]:
    """Beth's own model: a plan after the other, each once it was told the objection to the one before."""
    turns = [ends({"summary": "A plan.", "plan": dict(plan)}) for plan in plans]
    for number, objection in enumerate(objections, start=1):
        turns[number] = either({**turns[number], "when": {"contains": objection}})
    return {"plan": turns}
