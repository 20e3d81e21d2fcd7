"""What the checker of killed runs finds, by runs in which one thing is not as it must be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from beth_sdk.history import ENDED, STARTED, STEP_DONE, STEP_RAISED
from beth_sdk.journal.base import Entry, Fact, Version
from beth_sdk.messages import Result, Usage
from tests.kit.checker import growth, problems, repeated
from tests.kit.evidence import Call, Commit, Evidence, Kill


def entry(version: int, kind: str, epoch: int = 1, **data: Any) -> Entry:
    return Entry(Version(version), Fact(kind, data), epoch, 0.0)


def outcome(version: int, name: str, n: int, text: str) -> Entry:
    return entry(version, STEP_DONE, name=name, n=n, digest="d", outcome={"reply": {"text": text}})


def a_call(turn: int, digest: str | None = None) -> Call:
    return Call(turn, f"task-1:{turn}", digest or f"body {turn}", digest or f"body {turn}", "go on")


TURNS = 8
STEPS = [
    outcome(0, "frame", 0, "frame"),
    *(outcome(0, name, n, f"{name} {n}") for n in range(TURNS) for name in ("model", "bash")),
]
UNDISTURBED = Evidence(
    result=Result.complete({"summary": "done"}),
    entries=[entry(1, STARTED), *STEPS, entry(99, ENDED)],
    calls=[a_call(turn) for turn in range(TURNS)],
    kills=[],
    commits=[Commit("tree", "Beth", "Work")],
    tree="tree",
    left="left",
    seconds=1.0,
    exit_status=0,
)
KILLED = replace(
    UNDISTURBED,
    calls=[a_call(turn) for turn in (0, 1, 2, 2, 3, 4, 5, 6, 7)],
    kills=[Kill(outcomes=5, turns=2, calls=3, during="model call")],
)


def found(**changes: Any) -> str:
    return "\n".join(problems(replace(KILLED, **changes), UNDISTURBED))


def test_of_a_run_that_ends_like_the_undisturbed_one_it_finds_nothing() -> None:
    assert problems(UNDISTURBED, UNDISTURBED) == []
    assert problems(KILLED, UNDISTURBED) == []
    assert (repeated(UNDISTURBED), repeated(KILLED)) == (0, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"result": Result.failed("stuck", "in circles")}, "it ended failed"),
        ({"entries": UNDISTURBED.entries[:-1]}, "the journal has 0 ends"),
        ({"exit_status": 1}, "the last worker exited with 1"),
        ({"tree": "another"}, "another tree"),
        ({"left": "another"}, "the work tree was left as another"),
        ({"commits": []}, "other commits"),
        ({"result": Result.complete({"summary": "else"})}, "another result"),
        ({"result": Result.complete({"summary": "done"}, usage=Usage(llm_calls=9))}, "what it used"),
        ({"entries": [*STEPS, outcome(0, "bash", 8, "more"), entry(99, ENDED)]}, "other steps"),
        ({"entries": [*STEPS[:-1], outcome(0, "bash", 7, "else"), entry(99, ENDED)]}, "bash[7] said"),
        ({"entries": [*STEPS, STEPS[3], entry(99, ENDED)]}, "has 2 outcomes"),
        (
            {"entries": [entry(0, STEP_RAISED, name="bash", n=0, error="no disk"), *UNDISTURBED.entries]},
            "raised: no disk",
        ),
    ],
)
def test_it_finds_work_that_is_not_the_same(changes: dict[str, Any], words: str) -> None:
    assert words in found(**changes)


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([0, 1, 2, 3, 4, 5, 6], "for other turns"),
        ([0, 1, 2, 2, 3, 4, 5, 6, 7, 8], "for other turns"),
        ([0, 1, 2, 3, 2, 4, 5, 6, 7], "turn 2 was called after turn 3"),
        ([0, 1, 2, 1, 2, 3, 4, 5, 6, 7], "turn 1 was in the journal at kill 1, and was called again"),
        ([0, 1, 2, 2, 2, 3, 4, 5, 6, 7], "2 calls were repeated after 1 kills"),
    ],
)
def test_it_finds_calls_that_should_not_have_been(calls: list[int], words: str) -> None:
    assert words in found(calls=[a_call(turn) for turn in calls])


def test_it_finds_a_call_that_is_repeated_with_something_else() -> None:
    changed = [a_call(2, "other") if number == 3 else one for number, one in enumerate(KILLED.calls)]
    assert "turn 2 was called again with something else" in found(calls=changed)


def test_it_finds_a_call_with_something_else_than_undisturbed() -> None:
    changed = [a_call(7, "other") if one.turn == 7 else one for one in KILLED.calls]
    assert "turn 7 was called with something else than undisturbed" in found(calls=changed)


def test_it_finds_a_journal_that_repeats_what_came_before() -> None:
    swollen = [outcome(0, name, n, "x" * 100 * (n + 1)) for n in range(TURNS) for name in ("model", "bash")]
    entries = [STEPS[0], *swollen, entry(99, ENDED)]
    assert growth(replace(KILLED, entries=entries)).factor > 3
    assert "a step of the last quarter has" in found(entries=entries)
