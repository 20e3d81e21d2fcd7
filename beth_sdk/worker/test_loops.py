"""A loop in a thread: one cannot hold up the other, and nothing an agent raises ends it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from beth_sdk.worker.conftest import soon
from beth_sdk.worker.loops import LoopThread


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread("tested").start()
    yield thread
    thread.close()


async def where() -> str:
    return threading.current_thread().name


async def test_work_runs_in_the_loops_own_thread(thread: LoopThread) -> None:
    assert await thread.call(where()) == "tested"
    assert thread.submit(where()).result() == "tested"


async def test_work_that_blocks_its_loop_does_not_block_the_callers(thread: LoopThread) -> None:
    go_on = threading.Event()

    async def block() -> None:
        go_on.wait()

    blocked = asyncio.ensure_future(thread.call(block()))
    await asyncio.sleep(0)
    go_on.set()
    await soon(blocked)


async def test_what_the_work_raises_reaches_the_caller(thread: LoopThread) -> None:
    async def fail() -> None:
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        await thread.call(fail())


async def test_cancelling_the_wait_does_not_cancel_the_work(thread: LoopThread) -> None:
    begun, go_on, done = threading.Event(), asyncio.Event(), threading.Event()

    async def write() -> None:
        begun.set()
        await go_on.wait()
        done.set()

    waiting = asyncio.ensure_future(thread.call(write()))
    await asyncio.to_thread(begun.wait)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    thread.loop.call_soon_threadsafe(go_on.set)
    assert await asyncio.to_thread(done.wait, 10)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
async def test_an_agent_that_exits_in_a_task_of_its_own_does_not_end_the_loop(
    thread: LoopThread, error: BaseException
) -> None:
    async def exits() -> None:
        raise error

    async def notices() -> bool:
        try:
            await asyncio.ensure_future(exits())
        except (SystemExit, KeyboardInterrupt) as raised:
            return raised is error
        return False

    assert await soon(thread.call(notices()))
    assert await soon(thread.call(where())) == "tested"


async def test_closing_cancels_what_still_runs_and_ends_the_thread() -> None:
    thread = LoopThread("closed").start()
    cancelled = threading.Event()

    async def linger() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    future = thread.submit(linger())
    await thread.call(asyncio.sleep(0))
    thread.close()
    assert cancelled.is_set()
    assert future.cancelled()
    assert "closed" not in {one.name for one in threading.enumerate()}
    assert thread.loop.is_closed()
    thread.close()  # a second time is harmless


def test_a_loop_that_was_never_started_can_be_closed() -> None:
    thread = LoopThread("idle")
    thread.close()
    assert thread.loop.is_closed()


async def test_plain_functions_of_many_tasks_run_at_once_whatever_the_number_of_cores(thread: LoopThread) -> None:
    everybody = threading.Barrier(40)

    async def meet() -> None:
        await asyncio.gather(*(asyncio.to_thread(everybody.wait, 10) for _ in range(40)))

    await soon(thread.call(meet()))
