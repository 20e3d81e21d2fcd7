"""What three models say, each in its own provider's format, so that three roles make a program that works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.models.wires import Tokens, Turn

WHAT = "Make a program that greets"

MODELS = {
    "product-manager": "openai/gpt-5.1",
    "developer": "anthropic/claude-sonnet-4-5",
    "tester": "gemini/gemini-2.5-flash",
}
"""The model of each role."""

PROGRAM = 'import sys\n\nprint(f"Hello, {sys.argv[1]}!")\n'

_PRODUCT_MANAGER = (
    Turn(
        [
            ("bash", {"command": "ls; echo looked"}),
            ("edit", {"action": "create", "path": "docs/prd.md", "file_text": "# Greeting\n\n`greet.py NAME`\n"}),
        ],
        Tokens(1_100, 40, reasoning=25),
        say="I look first.",
    ),
    Turn([("commit", {"message": "Say what is wanted"})], Tokens(300, 12, cached=1_024)),
    Turn([("finish", {"result": {"summary": "greet.py NAME"}})], Tokens(200, 15, cached=1_280, reasoning=64)),
)
_DEVELOPER = (
    Turn(
        [("bash", {"command": "cat docs/prd.md; pwd; env; time true; date +%T"})],
        Tokens(900, 60, written=2_000),
        say="What is wanted?",
    ),
    Turn([("edit", {"action": "create", "path": "greet.py", "file_text": PROGRAM})], Tokens(80, 90, cached=2_000)),
    Turn([("bash", {"command": "python3 greet.py World | tee greeting.txt"})], Tokens(30, 33, 2_000, 250)),
    Turn([("commit", {"message": "Greet"})], Tokens(20, 21, cached=2_250)),
    Turn([("finish", {"result": {"summary": "it greets"}})], Tokens(10, 11, cached=2_250)),
)
_TESTER = (
    Turn(
        [("bash", {"command": "python3 greet.py Beth"}), ("bash", {"command": "git log --format=%s"})],
        Tokens(1_500, 30, reasoning=200),
    ),
    Turn([("edit", {"action": "create", "path": "report.md", "file_text": "It greets.\n"})], Tokens(500, 20, 1_024)),
    Turn([("commit", {"message": "Report"})], Tokens(100, 10, cached=1_536)),
    Turn(
        [("finish", {"result": {"summary": "it greets", "verdict": {"decision": "approved"}}})],
        Tokens(50, 22, cached=1_600, reasoning=7),
    ),
)
PLAIN: Mapping[str, Sequence[Turn]] = {"openai": _PRODUCT_MANAGER, "anthropic": _DEVELOPER, "gemini": _TESTER}
"""By the wire, turn after turn, without any fault."""

FAULTS = ("429", "500", "garbage", "cut", "closed", "stall")
"""All that goes wrong, on each wire once."""


def with_faults(scripts: Mapping[str, Sequence[Turn]]) -> dict[str, list[Turn]]:
    """The same turns, each of the faults before one of them."""
    return {
        wire: [replace(turn, faults=FAULTS[place :: len(turns)]) for place, turn in enumerate(turns)]
        for wire, turns in scripts.items()
    }
