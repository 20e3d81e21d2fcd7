"""One execution on the agent's loop: whatever comes of it comes back, and it can be stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from beth_sdk.agent import Fenced, HandedOver, Suspended, TaskCancelled, TaskPaused
from beth_sdk.errors import Fatal
from beth_sdk.messages import Result
from beth_sdk.testing import ManualClock
from beth_sdk.worker.conftest import OneLoop, settled, soon
from beth_sdk.worker.execution import Execution

DONE = Result.complete("done")


class Trial:
    """An execution on the loop of the test, and the clock it goes by."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.execution = Execution(OneLoop(), self.clock)
        self.begun = asyncio.Event()

    def start(
        self, execute: Callable[[], Awaitable[Result]], *, wall: float | None = None, spent: float = 0.0
    ) -> asyncio.Task[Result | BaseException]:
        async def noted() -> Result:
            self.begun.set()
            return await execute()

        return asyncio.ensure_future(self.execution.run(noted, wall=wall, spent=spent))

    async def forever(self) -> Result:
        await asyncio.Event().wait()
        return DONE


@pytest.fixture
async def trial() -> Trial:
    return Trial()


async def test_what_is_returned_comes_back(trial: Trial) -> None:
    async def execute() -> Result:
        return DONE

    assert await soon(trial.start(execute)) is DONE


@pytest.mark.parametrize(
    "error",
    [ValueError("odd"), SystemExit(2), KeyboardInterrupt(), GeneratorExit(), Suspended(), TaskPaused()],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_raised_comes_back_whatever_it_is(trial: Trial, error: BaseException) -> None:
    async def execute() -> Result:
        raise error

    assert await soon(trial.start(execute)) is error


async def test_an_agent_that_is_cancelled_by_its_own_doing_has_failed(trial: Trial) -> None:
    async def execute() -> Result:
        inner = asyncio.ensure_future(trial.forever())
        inner.cancel()
        return await inner

    assert isinstance(await soon(trial.start(execute)), asyncio.CancelledError)


async def test_an_interruption_cancels_the_agent_and_says_why(trial: Trial) -> None:
    running = trial.start(trial.forever)
    await soon(trial.begun.wait())
    why = HandedOver(at_once=True)
    trial.execution.interrupt(why)
    assert await soon(running) is why


async def test_an_execution_that_was_interrupted_before_it_began_never_begins(trial: Trial) -> None:
    why = TaskCancelled()
    trial.execution.interrupt(why)
    assert await soon(trial.start(trial.forever)) is why
    assert not trial.begun.is_set()


async def test_of_several_interruptions_the_first_is_the_reason(trial: Trial) -> None:
    running = trial.start(trial.forever)
    await soon(trial.begun.wait())
    first = Fenced()
    trial.execution.interrupt(first)
    trial.execution.interrupt(HandedOver(at_once=True))
    assert await soon(running) is first


async def test_an_interruption_after_the_end_changes_nothing(trial: Trial) -> None:
    async def execute() -> Result:
        return DONE

    assert await soon(trial.start(execute)) is DONE
    trial.execution.interrupt(HandedOver())


@pytest.mark.parametrize("why", [Fenced(), TaskCancelled(), HandedOver(at_once=True)])
async def test_the_result_of_an_agent_that_went_on_regardless_does_not_count(trial: Trial, why: BaseException) -> None:
    async def stubborn() -> Result:
        try:
            return await trial.forever()
        except asyncio.CancelledError:
            return DONE

    running = trial.start(stubborn)
    await soon(trial.begun.wait())
    trial.execution.interrupt(why)
    assert await soon(running) is why


async def test_an_error_that_the_interruption_caused_is_the_interruption(trial: Trial) -> None:
    async def translating() -> Result:
        try:
            return await trial.forever()
        except asyncio.CancelledError:
            raise RuntimeError("connection closed") from None

    running = trial.start(translating)
    await soon(trial.begun.wait())
    why = HandedOver(at_once=True)
    trial.execution.interrupt(why)
    assert await soon(running) is why


async def test_a_task_that_runs_for_too_long_is_stopped(trial: Trial) -> None:
    running = trial.start(trial.forever, wall=100.0, spent=70.0)
    await soon(trial.begun.wait())
    await trial.clock.until_sleeping()
    trial.clock.advance(29.0)
    await settled()
    assert trial.execution.interrupted is None
    trial.clock.advance(1.0)
    came = await soon(running)
    assert isinstance(came, Fatal)
    assert "100 s" in str(came)


async def test_a_task_that_has_used_its_time_up_already_is_stopped_at_once(trial: Trial) -> None:
    assert isinstance(await soon(trial.start(trial.forever, wall=100.0, spent=200.0)), Fatal)


async def test_a_result_that_an_agent_saves_from_a_time_limit_counts(trial: Trial) -> None:
    async def saving() -> Result:
        try:
            return await trial.forever()
        except asyncio.CancelledError:
            return DONE

    running = trial.start(saving, wall=10.0)
    await soon(trial.begun.wait())
    await trial.clock.until_sleeping()
    trial.clock.advance(10.0)
    assert await soon(running) is DONE


async def test_the_timer_ends_with_the_execution(trial: Trial) -> None:
    async def execute() -> Result:
        return DONE

    await soon(trial.start(execute, wall=10.0))
    trial.clock.advance(20.0)
    await settled()
    assert trial.execution.interrupted is None
