"""What must hold of a run whose worker was killed again and again, beside one that nobody disturbed. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from beth_sdk.history import ENDED, STEP_DONE, STEP_RAISED, STEP_STARTED
from tests.kit.evidence import Evidence, Place, place_of, size_of
from tests.kit.model_server import comparable

MOST_GROWTH = 1.3
"""How many times the bytes of an early step a late one may have."""


def problems(run: Evidence, undisturbed: Evidence) -> list[str]:
    """Everything that does not hold; nothing where all is well."""
    return [
        *_ended(run),
        *_same_work(run, undisturbed),
        *_same_calls(run, undisturbed),
        *_nothing_again(run),
        *_once(run),
        *_increments(run),
    ]


def _ended(run: Evidence) -> Iterator[str]:
    if run.result.status != "complete":
        yield f"it ended {run.result.status}: {run.result.error}"
    ends = sum(entry.fact.kind == ENDED for entry in run.entries)
    if ends != 1:
        yield f"the journal has {ends} ends"
    if run.exit_status != 0:
        yield f"the last worker exited with {run.exit_status}"


def _same_work(run: Evidence, undisturbed: Evidence) -> Iterator[str]:
    if run.result.result != undisturbed.result.result:
        yield f"another result: {run.result.result}"
    if run.tree != undisturbed.tree:
        yield f"another tree: {run.tree}, undisturbed {undisturbed.tree}"
    if run.left != undisturbed.left:
        yield f"the work tree was left as {run.left}, undisturbed as {undisturbed.left}"
    if list(run.commits) != list(undisturbed.commits):
        yield f"other commits: {len(run.commits)}, undisturbed {len(undisturbed.commits)}"
    if _usage(run) != _usage(undisturbed):
        yield f"what it used is {_usage(run)}, undisturbed {_usage(undisturbed)}"
    one, other = _answers(run), _answers(undisturbed)
    if list(one) != list(other):
        yield f"other steps: {len(one)}, undisturbed {len(other)}"
    for place, text in one.items():
        if place in other and other[place] != text:
            yield f"{place[0]}[{place[1]}] said {text!r}, undisturbed {other[place]!r}"


def _usage(run: Evidence) -> dict[str, float]:
    used = run.result.usage
    told = {} if used is None else used.to_json()
    return {name: round(value, 6) for name, value in told.items() if name not in {"seconds", "model"}}


def _answers(run: Evidence) -> dict[tuple[str, int], str]:
    return {
        place: comparable(json.dumps(outcome["reply"], sort_keys=True).replace(_commit_in(outcome), "…"))
        for place, outcome in run.outcomes.items()
        if place[0] != "frame"
    }


def _commit_in(outcome: dict[str, object]) -> str:
    reply = outcome["reply"]
    data = reply.get("data", {}) if isinstance(reply, dict) else {}
    return str(data.get("commit") or "\0")


def _same_calls(run: Evidence, undisturbed: Evidence) -> Iterator[str]:
    """The calls, repeated ones counted once, are those of the undisturbed run; a repeated one is the same bytes,
    under the same key."""
    first: dict[int, tuple[str, str]] = {}
    seen: dict[int, str] = {}
    for call in run.calls:
        if first.setdefault(call.turn, (call.digest, call.key)) != (call.digest, call.key):
            yield f"turn {call.turn} was called again with something else"
        seen.setdefault(call.turn, call.comparable)
    there = {call.turn: call.comparable for call in undisturbed.calls}
    if list(seen) != list(there):
        yield f"the model was called for other turns, or in another order: {list(seen)}"
    for turn in there.keys() & seen.keys():
        if seen[turn] != there[turn]:
            yield f"turn {turn} was called with something else than undisturbed"


def _nothing_again(run: Evidence) -> Iterator[str]:
    """No turn whose outcome was in the journal is called again, and no kill costs more than one call."""
    for earlier, later in zip(run.calls, run.calls[1:], strict=False):
        if later.turn < earlier.turn:
            yield f"turn {later.turn} was called after turn {earlier.turn}"
    for number, kill in enumerate(run.kills, start=1):
        for call in run.calls[kill.calls :]:
            if call.turn < kill.turns:
                yield f"turn {call.turn} was in the journal at kill {number}, and was called again"
    again = repeated(run)
    if again > len(run.kills):
        yield f"{again} calls were repeated after {len(run.kills)} kills"


def repeated(run: Evidence) -> int:
    """How many calls were repetitions."""
    return len(run.calls) - len({call.turn for call in run.calls})


def outcomes_each(run: Evidence) -> Counter[Place]:
    """How many outcomes the journal has of each step."""
    return Counter(place_of(entry) for entry in run.entries if entry.fact.kind == STEP_DONE)


def _once(run: Evidence) -> Iterator[str]:
    for (name, number), times in outcomes_each(run).items():
        if times != 1:
            yield f"{name}[{number}] has {times} outcomes"
    for entry in run.entries:
        if entry.fact.kind == STEP_RAISED:
            yield f"{place_of(entry)} raised: {entry.fact.data['error']}"


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes of the journal per step, in the first quarter of the steps and in the last. `all`: with the facts that come
    with a new worker, which a kill costs, whenever it is."""

    first: float
    last: float
    all: float

    @property
    def factor(self) -> float:
        return self.last / self.first


def growth(run: Evidence) -> Growth:
    """How the journal grew."""
    steps: list[int] = []
    waiting = 0
    for entry in run.entries:
        if entry.fact.kind == STEP_STARTED:
            waiting += size_of(entry)
        elif entry.fact.kind == STEP_DONE:
            steps.append(waiting + size_of(entry))
            waiting = 0
    steps = steps[1:]  # the frame, which is there once
    quarter = max(1, len(steps) // 4)
    total = sum(size_of(entry) for entry in run.entries)
    return Growth(sum(steps[:quarter]) / quarter, sum(steps[-quarter:]) / quarter, total / max(1, len(steps)))


def _increments(run: Evidence) -> Iterator[str]:
    grown = growth(run)
    if grown.factor > MOST_GROWTH:
        yield f"a step of the last quarter has {grown.last:.0f} bytes in the journal, of the first {grown.first:.0f}"
