"""Plays one task of an installed agent without a bus: delivery after delivery, each by an agent made anew."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from beth_sdk import history
from beth_sdk.agent import Agent, Suspended, TaskCancelled
from beth_sdk.clock import Clock
from beth_sdk.errors import Rejected
from beth_sdk.journal.base import Fact
from beth_sdk.manifest import Manifest
from beth_sdk.messages import Question, Result, Task, WantedTask
from beth_sdk.settings import Settings
from beth_sdk.testing.diary import Diary, Killed
from beth_sdk.worker import results
from beth_sdk.worker.admission import admit, check_output
from beth_sdk.worker.context import RUN_AGAIN

MOST_CONTINUATIONS = 50
"""A task that waits more often than this for an answer is taken to go round in circles."""


class Play:
    """A task, all of its deliveries, and the facts they leave. Not for agents that share state between tasks."""

    def __init__(
        self,
        load: Callable[[], Agent],
        manifest: Manifest,
        task: Task,
        settings: Settings,
        *,
        clock: Clock,
        answer: Callable[[Question], str],
        delegated: Callable[[WantedTask], Result],
    ) -> None:
        """`load` makes the agent of each delivery. `answer` stands for people, `delegated` for other agents."""
        self.diary = Diary(task, manifest, clock)
        self._load = load
        self._manifest = manifest
        self._settings = settings
        self._answer = answer
        self._delegated = delegated
        self._going_on: Mapping[str, Any] = {}

    @property
    def facts(self) -> list[Fact]:
        """What was journaled while the task ran, in order."""
        return [one.fact for one in self.diary.entries if one.fact.kind != history.STARTED]

    @property
    def steps(self) -> int:
        """How many steps ran to their end."""
        return sum(fact.kind == history.STEP_DONE for fact in self.facts)

    async def deliver(self, version: str = "tested 1.0") -> Result:
        """Deliver the task once; returns its result as a worker would publish it, errors of the agent's as `failed`.

        Raises `Killed` where the diary was told to end the process.
        """
        task = self.diary.task.with_(**self._going_on) if self._going_on else self.diary.task
        try:
            admit(task, self._manifest, "1.0", self.diary.clock.wall())
        except Rejected as error:
            return results.rejected(error)
        agent = self._load()
        agent.manifest, agent.settings = self._manifest, self._settings
        await agent.setup()
        try:
            result = await self._settled(agent, task, version)
        finally:
            await agent.close()
        return result

    async def to_its_end(self, version: str = "tested 1.0") -> Result:
        """Deliver the task until it has ended, with what it asks for; where the process ends, another one goes on."""
        for _ in range(MOST_CONTINUATIONS):
            try:
                result = await self.deliver(version)
            except Killed:
                self.diary.kill_after = lambda _: False
                continue
            if result.final:
                return result
            self._go_on(result)
        raise AssertionError(f"the task still waits after {MOST_CONTINUATIONS} continuations: {result}")

    def kill_after(self, number: int) -> None:
        """End the process after the fact of this number, counted from 1."""
        count = itertools.count(1)
        self.diary.kill_after = lambda _: next(count) == number

    def cancel_after(self, number: int) -> None:
        """Cancel the task once it has journaled this many facts; 0: before it begins."""
        signal = TaskCancelled("the user cancelled the request")
        count = itertools.count(1)

        def watch(_: Fact) -> bool:
            if next(count) == number:
                self.diary.signal = signal
            return False

        if number == 0:
            self.diary.signal = signal
        self.diary.kill_after = watch

    async def _settled(self, agent: Agent, task: Task, version: str) -> Result:
        context = self.diary.delivered(version, **self._going_on)
        try:
            result = await agent.execute(task, context)
            if not isinstance(result, Result):
                return results.failed(results.not_a_result(result))
            if result.status == "complete":
                check_output(task, self._manifest, result.result)
            return result
        except Suspended as signal:
            return results.suspended(signal)
        except TaskCancelled as cancelled:
            return results.cancelled(cancelled.reason)
        except Rejected as rejected:
            return results.rejected(rejected)
        except Exception as error:  # noqa: BLE001 - whatever an agent raises is a failed attempt
            return results.failed(error)

    def _go_on(self, result: Result) -> None:
        question = result.question
        answer: dict[str, Any] = {"question": question.id if question is not None else None}
        if result.status == "needs_tasks":
            answer["results"] = [self._delegated(wanted).to_json() for wanted in result.tasks or ()]
        elif question is not None:
            of_a_step = (question.id or "").startswith("step:")
            answer["text"] = RUN_AGAIN if of_a_step else self._answer(question)
        self._going_on = {"continuation": self.diary.continuation + 1, "answer": answer}
