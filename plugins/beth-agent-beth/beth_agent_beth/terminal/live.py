"""What a watcher knows of a request: its tasks by how they stand, and what events say of those that run. Pure.

Kept up as things happen, so that a picture costs the same however many tasks there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_sdk.cli.text import one_line
from beth_sdk.history import TaskHistory
from beth_sdk.journal.base import Entry
from beth_sdk.messages import Event

SENT_BACK = "sent back"
"""A gate that is complete and wants changes."""

FIRST = ("asking", "running", "unfunded", "failed", "rejected", "paused", "delegating")
"""What is shown first where not every task can be."""

LATER = ("queued", "waiting", "complete", SENT_BACK, "cancelled")


@dataclass(slots=True)
class Live:
    """What the events say of one task now; gone with the next result."""

    step: str = ""
    message: str = ""
    started: float | None = None
    """On the monotonic clock of whoever watches."""
    instance: str = ""
    attempt: int = 1
    cost_usd: float = 0.0
    """Of calls since the newest result, all attempts together."""


def status_of(one: TaskState, live: Live | None) -> str:
    """A task's status for people: published ones are queued until somebody has begun."""
    if one.status == "published":
        return "running" if live is not None and live.started is not None else "queued"
    if one.status == "asking" and one.paused:
        return "paused"
    return SENT_BACK if one.status == "complete" and one.refuses else one.status


def cost_of(one: TaskState) -> float | None:
    """US dollars of all that the task's newest result told; None where nobody told any."""
    usage = one.result.usage if one.result is not None else None
    return None if usage is None else usage.cost_usd


def above(one: TaskState, tasks: Mapping[str, TaskState]) -> str | None:
    """The task that this one is drawn under: who wanted it, or the gate of the plan whose round it belongs to."""
    if one.fixes is not None:
        gate = tasks.get(one.fixes)
        return gate.again_of or gate.id if gate is not None else None
    return one.parent or one.resolves or one.again_of


class Screen:
    """What is known of a request besides its facts. `see` each event and `note` each fact, then `look` at the state."""

    def __init__(self) -> None:
        self.live: dict[str, Live] = {}
        self.spent: float | None = None
        """US dollars of all tasks, calls since their newest results included; None where nobody told any."""
        self._words: dict[str, str] = {}
        self._marks: dict[str, tuple[str, int]] = {}
        self._order: dict[str, int] = {}
        self._by_word: dict[str, dict[str, None]] = {}
        self._costs: dict[str, float] = {}
        self._touched: dict[str, None] = {}
        self._look_at_all = True
        self._since_all = 0

    # -- taking in ----------------------------------------------------------------------------

    def see(self, event: Event, now: float) -> None:
        """Take an event in. `now` on the monotonic clock."""
        if event.task_id is None:
            return
        live = self.live.setdefault(event.task_id, Live())
        data = event.data or {}
        match event.kind:
            case "accepted":
                attempt = data.get("attempt", 1)
                live.started, live.instance, live.step, live.message = now, event.instance or "", "", ""
                live.attempt = attempt if isinstance(attempt, int) else 1
                self._touched[event.task_id] = None
            case "step":
                live.step, live.message = one_line(event.message or ""), ""
            case "progress":
                live.message = one_line(event.message or "")
            case "model":
                cost = data.get("cost_usd")
                if isinstance(cost, int | float) and not isinstance(cost, bool):
                    live.cost_usd += cost
                    self.spent = (self.spent or 0.0) + cost
            case "handed_over":
                live.started, live.step, live.message = None, "", ""
                self._touched[event.task_id] = None
            case _:
                pass

    def begun(self, task_id: str, history: TaskHistory, now: float, wall: float) -> None:
        """Take in what the journal says of a task that was at work before anybody watched. `now` on the monotonic
        clock, `wall` in seconds since the Unix epoch, both of the same moment."""
        runs = history.newest
        if runs is None or runs.outcome != "died" or runs.at is None:
            return
        live = self.live.setdefault(task_id, Live())
        if live.started is None:
            live.started, live.instance = now - max(0.0, wall - runs.at), runs.instance or ""
            self._touched[task_id] = None
        if "cost_usd" in history.used and task_id not in self._costs:
            live.cost_usd += history.used["cost_usd"]
            self.spent = (self.spent or 0.0) + history.used["cost_usd"]

    def note(self, entry: Entry) -> None:
        """Take in that there is a fact, which the state has folded."""
        touched = touched_by(entry)
        if touched is None:
            self._look_at_all = True
        else:
            self._touched.update(dict.fromkeys(touched))

    def look(self, state: RequestState) -> list[TaskState]:
        """The tasks that stand otherwise than at the last look, in the order in which they became known; those that
        have waited since they became known are not among them."""
        tasks = state.tasks
        for task_id in reversed(list(islice(reversed(tasks), len(tasks) - len(self._order)))):
            self._order[task_id] = len(self._order)
            self._touched[task_id] = None
        self._since_all += len(self._touched)
        # What no fact names may change too: as many looks as there are tasks cost no more than one at all of them.
        if self._look_at_all or self._since_all > len(tasks):
            self._look_at_all, self._since_all = False, 0
            concerned: Iterable[str] = tasks
        else:
            concerned = _with_relatives(self._touched, tasks)
        changed = [one for task_id in list(concerned) if self._looked_at(one := tasks[task_id])]
        self._touched.clear()
        changed.sort(key=lambda one: self._order[one.id])
        return changed

    def _looked_at(self, one: TaskState) -> bool:
        """Whether it stands otherwise than before."""
        self._account(one)
        word = status_of(one, self.live.get(one.id))
        before = self._words.get(one.id)
        if word != before:
            if before is not None:
                self._by_word[before].pop(one.id)
            self._by_word.setdefault(word, {})[one.id] = None
            self._words[one.id] = word
        mark, told = (one.status, one.continuation), self._marks.get(one.id)
        self._marks[one.id] = mark
        return told != mark and (told is not None or one.status != "waiting")

    def _account(self, one: TaskState) -> None:
        """What a result told replaces what events told of its calls."""
        if one.status == "published" or one.result is None:
            return
        live, cost = self.live.pop(one.id, None), cost_of(one)
        before = self._costs.get(one.id)
        if cost is not None:
            self._costs[one.id] = cost
            self.spent = (self.spent or 0.0) + cost - (before or 0.0)
        if live is not None and live.cost_usd and self.spent is not None:
            self.spent -= live.cost_usd

    # -- what is so now -----------------------------------------------------------------------

    def word(self, task_id: str) -> str:
        """How a task stood at the last look."""
        return self._words[task_id]

    def cost(self, task_id: str) -> float | None:
        """US dollars of a task so far, None where nobody told any."""
        live, told = self.live.get(task_id), self._costs.get(task_id)
        return told if live is None or not live.cost_usd else live.cost_usd + (told or 0.0)

    def count(self, word: str) -> int:
        """How many tasks stand so."""
        return len(self._by_word.get(word, ()))

    def standing(self, word: str) -> list[str]:
        """The tasks that stand so, since when decides their order."""
        return list(self._by_word.get(word, ()))

    @property
    def total(self) -> int:
        """How many tasks there are."""
        return len(self._order)

    def chosen(self, most: int) -> list[str]:
        """At most so many tasks, in the order in which they became known: where not all fit, those that run or need
        somebody, the newest that are done, and the next ones."""
        if self.total <= most:
            return list(self._order)
        found: list[str] = []
        for word in FIRST:
            found += islice(self._newest(word), most - len(found))
        found += islice(self._newest("complete"), (most - len(found)) // 2)
        taken = set(found)
        for word in LATER:
            oldest_first = word in {"queued", "waiting"}
            ids = iter(self._by_word.get(word, ())) if oldest_first else self._newest(word)
            found += islice((one for one in ids if one not in taken), most - len(found))
        return sorted(found, key=self._order.__getitem__)

    def _newest(self, word: str) -> Iterator[str]:
        return reversed(self._by_word.get(word, {}))


def touched_by(entry: Entry) -> list[str] | None:
    """The tasks that a fact of a request names; None where any may have changed."""
    data: Mapping[str, Any] = entry.fact.data
    match entry.fact.kind:
        case facts.PUBLISHING | facts.REDRIVEN:
            return [str(data["task"]["id"])]
        case facts.TAKEN:
            return [str(data["result"]["task_id"])]
        case facts.MERGED | facts.CONFLICT | facts.UNMERGED:
            return [str(data["task"])]
        case facts.ANSWERED if "/" not in str(data["key"]):
            return [str(data["key"]).rpartition(":")[0]]
        case facts.RECEIVED | facts.WORKSPACE | facts.PASSED_ON:
            return []
        case _:
            return None


def _with_relatives(touched: Iterable[str], tasks: Mapping[str, TaskState]) -> dict[str, None]:
    """Those tasks, and what is decided with them: who wanted them, whose work they mend."""
    found: dict[str, None] = {}
    for task_id in touched:
        one = tasks.get(task_id)
        if one is None:
            continue
        found[task_id] = None
        for other in (one.parent, one.resolves, one.fixes, one.again_of):
            if other is not None and other in tasks:
                found[other] = None
    return found
