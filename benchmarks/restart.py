"""How long Beth takes to start again with a journal of 100,000 facts; a part of `python -m benchmarks.orchestrator`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.beth_process import CHAINS, ROLE, a_beth, a_home, plan_of
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.orchestration.publications import publications
from beth_sdk import history, schema
from beth_sdk.journal.base import Entry, Fact, Version
from beth_sdk.messages import Result, Task
from beth_sdk.openers import open_journal

FACTS = 100_000
TASKS_OF_EACH = 50


@dataclass(frozen=True)
class Restarted:
    """Of one journal. Time in seconds, processor time too, memory in MiB."""

    journal: str
    facts: int
    requests: int
    seconds: float
    processor: float
    peak: float


class Written:
    """A request whose facts are written as Beth and the workers write them, without any of them."""

    def __init__(self, request_id: str, tasks: int, at: float) -> None:
        self.state = RequestState(request_id)
        self._at = at
        self.streams: dict[str, list[Fact]] = {facts.stream_of(request_id): []}
        plan = plan_of(tasks, "chains")
        planned = [task.model_dump(exclude_defaults=True) for task in plan.task]
        request = {"description": "Do nothing", "acceptance_criteria": [], "workflow": plan.name, "priority": 2}
        self.fact(facts.RECEIVED, {"request": {**request, "plan": plan.model_dump(exclude_defaults=True)}})
        self.fact(facts.PLANNED, {"workflow": plan.name, "tasks": planned})

    @property
    def facts(self) -> int:
        return sum(len(one) for one in self.streams.values())

    def fact(self, kind: str, data: dict[str, Any]) -> None:
        fact = Fact(kind, data)
        self.streams[facts.stream_of(self.state.id)].append(fact)
        self.state.take_in(Entry(Version(self.state.version + 1), fact, 1, self._at))

    def round(self, *, questions: int = 0) -> bool:
        """Publish what can be published and end it, after so many questions; returns whether there was any."""
        made = publications(self.state, self._at, 100)
        for one in made:
            for fact in one.facts():
                self.fact(fact.kind, dict(fact.data))
            task = one.task
            result = self._result(task, questions)
            terms = {"version": "noop 1.0", "instance": "noop-1", "continuation": task.continuation}
            self.streams.setdefault(history.stream_of(task.id), []).extend(
                (
                    Fact(history.STARTED, terms),
                    Fact(history.ENDED, {"continuation": task.continuation, "result": result}),
                )
            )
            self.fact(facts.TAKEN, {"result": result})
            if result["status"] == "needs_input":
                self.fact(facts.ANSWERED, {"key": task.key, "text": "yes", "token": "1"})
        return bool(made)

    def _result(self, task: Task, questions: int) -> dict[str, Any]:
        common = {"task_id": task.id, "continuation": task.continuation, "request_id": self.state.id, "agent": ROLE}
        if task.continuation < questions:
            question = {"id": f"q{task.continuation}", "text": "Shall it do nothing?"}
            result = {**common, "status": "needs_input", "question": question}
        else:
            result = {**common, "status": "complete", "result": {"summary": "nothing was done"}}
        return schema.parse(Result, result).to_json()

    def publish_the_rest(self) -> None:
        """Publish what can be published, and leave it."""
        for one in publications(self.state, self._at, 100):
            for fact in one.facts():
                self.fact(fact.kind, dict(fact.data))


def many_requests(at: float) -> Iterator[Written]:
    """Of every four requests one is open, at the half; together they have `FACTS` facts."""
    count = 0
    for number in range(10**6):
        one = Written(f"request-{number:05}", TASKS_OF_EACH, at)
        is_open = number % 4 == 3
        for _ in range(TASKS_OF_EACH // CHAINS // (2 if is_open else 1)):
            one.round()
        if is_open:
            one.publish_the_rest()
        else:
            one.fact(facts.ENDED, {"status": "complete", "reason": ""})
        yield one
        count += one.facts
        if count >= FACTS:
            return


def one_request(at: float) -> Iterator[Written]:
    """One request, open, in whose own stream there are `FACTS` facts: each task asked four times."""
    one = Written("request-1", 7_100, at)
    while len(one.streams[facts.stream_of(one.state.id)]) < FACTS - 100 and one.round(questions=4):
        pass
    one.publish_the_rest()
    yield one


async def write(home: Path, written: Iterator[Written]) -> tuple[int, int]:
    """Write requests into a journal; returns how many facts and requests there are."""
    journal = await open_journal(f"sqlite:///{home}/beth.db")
    count = number = 0
    for one in written:
        number += 1
        count += one.facts
        appends = (
            journal.append(stream, all_of[start : start + 500], key=f"{start}")
            for stream, all_of in one.streams.items()
            for start in range(0, len(all_of), 500)
        )
        await asyncio.gather(*appends)
    await journal.close()
    return count, number


async def restart(name: str, written: Iterator[Written] | None) -> Restarted:
    """A new Beth on this journal, until she is ready."""
    with a_home() as home:
        count, number = (0, 0) if written is None else await write(home, written)
        began = time.perf_counter()
        async with a_beth(home) as beth:
            return Restarted(name, count, number, time.perf_counter() - began, beth.processor, beth.peak)


async def restarts() -> list[Restarted]:
    """One after the other."""
    now = time.time()
    return [
        await restart("an empty journal", None),
        await restart("many requests, a quarter open", many_requests(now)),
        await restart("one open request", one_request(now)),
    ]
