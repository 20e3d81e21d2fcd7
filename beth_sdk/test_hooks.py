"""Hooks are called in order, elsewhere, and whatever they do nobody else notices."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pluggy
import pytest

from beth_sdk.hooks import LOG_INTERVAL, SLOW, HookQueue
from beth_sdk.hookspecs import PROJECT, ServiceRecord, Specs, hookimpl

RECORD = ServiceRecord("developer", "one")
WAIT = 30.0
"""Seconds after which a test that waits for a thread has failed."""


class StoppedClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    @property
    def boot_id(self) -> str:
        return "test"

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Observer:
    """Writes down what it sees, and where."""

    def __init__(self, name: str, seen: list[tuple[str, str, object]]) -> None:
        self.name = name
        self.seen = seen
        self.threads: set[str] = set()

    @hookimpl
    def before_task(self, record: object) -> None:
        self.seen.append((self.name, "before", record))
        self.threads.add(threading.current_thread().name)

    @hookimpl
    def after_task(self, record: object) -> None:
        self.seen.append((self.name, "after", record))


class Failing:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    @hookimpl
    def before_task(self) -> None:
        raise self.error


class Blocking:
    """Holds the hook thread until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.let_go = threading.Event()

    @hookimpl
    def before_task(self) -> None:
        self.entered.set()
        assert self.let_go.wait(WAIT)


def plugins(**of_name: object) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specs)
    for name, plugin in of_name.items():
        manager.register(plugin, name)
    return manager


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Iterator[None]:
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name == "beth-hooks"] == []


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_plugins_are_called_by_name_before_and_in_reverse_after() -> None:
    seen: list[tuple[str, str, object]] = []
    queue = HookQueue(plugins(b=Observer("b", seen), c=Observer("c", seen), a=Observer("a", seen)))
    queue.emit("before_task", 1)
    queue.emit("after_task", 1)
    queue.emit("before_task", 2)
    assert queue.close(WAIT)
    assert [(name, when) for name, when, _ in seen] == [
        *(("a", "before"), ("b", "before"), ("c", "before")),
        *(("c", "after"), ("b", "after"), ("a", "after")),
        *(("a", "before"), ("b", "before"), ("c", "before")),
    ]
    assert [record for _, _, record in seen] == [1, 1, 1, 1, 1, 1, 2, 2, 2]


def test_hooks_run_on_a_thread_of_their_own() -> None:
    observer = Observer("a", [])
    queue = HookQueue(plugins(a=observer))
    queue.emit("before_task", RECORD)
    assert queue.close(WAIT)
    assert observer.threads == {"beth-hooks"}


def test_records_may_come_from_many_threads() -> None:
    seen: list[tuple[str, str, object]] = []
    queue = HookQueue(plugins(a=Observer("a", seen)), size=4000)

    def emit(number: int) -> None:
        for count in range(500):
            queue.emit("before_task", (number, count))

    threads = [threading.Thread(target=emit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.close(WAIT)
    for number in range(4):
        assert [r[1] for _, _, r in seen if isinstance(r, tuple) and r[0] == number] == list(range(500))


def test_without_plugins_there_is_no_thread_and_nothing_is_kept() -> None:
    queue = HookQueue(plugins())
    assert not [thread for thread in threading.enumerate() if thread.name == "beth-hooks"]
    queue.emit("before_task", RECORD)
    assert queue.dropped == 0
    assert queue.close(0)


def test_a_hook_that_nobody_implements_is_not_queued() -> None:
    blocking = Blocking()
    queue = HookQueue(plugins(a=blocking), size=1)
    queue.emit("before_task", RECORD)
    assert blocking.entered.wait(WAIT)
    for _ in range(10):
        queue.emit("before_step", RECORD)
    assert queue.dropped == 0
    blocking.let_go.set()
    assert queue.close(WAIT)


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3)])
def test_a_failing_hook_is_logged_and_the_others_are_called(
    caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    seen: list[tuple[str, str, object]] = []
    queue = HookQueue(plugins(a=Failing(error), b=Observer("b", seen)))
    queue.emit("before_task", 1)
    queue.emit("before_task", 2)
    assert queue.close(WAIT)
    assert [record for _, _, record in seen] == [1, 2]
    (record,) = [record for record in caplog.records if record.getMessage() == "hook failed"]
    assert (record.fields["plugin"], record.fields["hook"]) == ("a", "before_task")  # type: ignore[attr-defined]
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_a_failing_hook_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = StoppedClock()
    seen = threading.Semaphore(0)

    class Counting:
        @hookimpl
        def before_task(self) -> None:
            seen.release()

    queue = HookQueue(plugins(a=Failing(ValueError()), b=Counting()), clock=clock)
    for now in (0.0, 1.0, LOG_INTERVAL - 0.1, LOG_INTERVAL):
        clock.now = now
        queue.emit("before_task", RECORD)
        assert seen.acquire(timeout=WAIT)
    assert queue.close(WAIT)
    assert messages(caplog).count("hook failed") == 2


def test_a_slow_hook_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    clock = StoppedClock()

    class Slow:
        @hookimpl
        def before_task(self) -> None:
            clock.now += SLOW

        @hookimpl
        def after_task(self) -> None:
            clock.now += SLOW * 0.9

    queue = HookQueue(plugins(a=Slow()), clock=clock)
    queue.emit("before_task", RECORD)
    queue.emit("after_task", RECORD)
    assert queue.close(WAIT)
    (record,) = [record for record in caplog.records if record.getMessage() == "hook is slow"]
    assert record.fields == {"plugin": "a", "hook": "before_task", "seconds": SLOW}  # type: ignore[attr-defined]


def test_a_full_queue_drops_and_counts_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    blocking = Blocking()
    seen: list[tuple[str, str, object]] = []
    queue = HookQueue(plugins(a=blocking, b=Observer("b", seen)), size=3)
    queue.emit("before_task", 0)
    assert blocking.entered.wait(WAIT)
    for number in range(1, 11):
        queue.emit("before_task", number)
    assert queue.dropped == 7
    assert messages(caplog) == ["hook queue is full; records are dropped"]
    blocking.let_go.set()
    assert queue.close(WAIT)
    assert [record for _, _, record in seen] == [0, 1, 2, 3]
    assert queue.dropped == 7


def test_an_overflow_lasts_until_everything_that_waited_was_seen_to(caplog: pytest.LogCaptureFixture) -> None:
    entered, turns = threading.Semaphore(0), threading.Semaphore(0)

    class Stepping:
        @hookimpl
        def before_task(self) -> None:
            entered.release()
            assert turns.acquire(timeout=WAIT)

    queue = HookQueue(plugins(a=Stepping()), size=2)
    queue.emit("before_task", RECORD)
    assert entered.acquire(timeout=WAIT)
    for _ in range(3):
        queue.emit("before_task", RECORD)
    for _ in range(3):
        turns.release()
        assert entered.acquire(timeout=WAIT)
        queue.emit("before_task", RECORD)
        queue.emit("before_task", RECORD)
    assert messages(caplog) == ["hook queue is full; records are dropped"]
    assert queue.dropped == 4
    for _ in range(3):
        turns.release()
    assert queue.close(WAIT)


def test_a_second_overflow_is_logged_again(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    blocking = Blocking()
    caught_up = threading.Event()

    def tell(record: logging.LogRecord) -> bool:
        if record.getMessage() == "hook queue has caught up":
            caught_up.set()
        return True

    monkeypatch.setattr(caplog.handler, "filters", [tell])
    queue = HookQueue(plugins(a=blocking), size=1)
    for _ in range(2):
        blocking.entered.clear()
        blocking.let_go.clear()
        caught_up.clear()
        queue.emit("before_task", RECORD)
        assert blocking.entered.wait(WAIT)
        for _ in range(3):
            queue.emit("before_task", RECORD)
        blocking.let_go.set()
        assert caught_up.wait(WAIT)
    assert queue.close(WAIT)
    assert messages(caplog).count("hook queue is full; records are dropped") == 2
    assert queue.dropped == 4


def test_closing_gives_up_on_a_hook_that_does_not_return(caplog: pytest.LogCaptureFixture) -> None:
    blocking = Blocking()
    seen: list[tuple[str, str, object]] = []
    queue = HookQueue(plugins(a=blocking, b=Observer("b", seen)))
    queue.emit("before_task", 1)
    queue.emit("before_task", 2)
    assert blocking.entered.wait(WAIT)
    assert not queue.close(0.01)
    assert "hooks were not finished in time" in messages(caplog)
    end_of(queue, blocking)
    assert [record for _, _, record in seen] == [1]


def test_closing_a_full_queue_is_bounded_too() -> None:
    blocking = Blocking()
    queue = HookQueue(plugins(a=blocking), size=1)
    queue.emit("before_task", 1)
    assert blocking.entered.wait(WAIT)
    queue.emit("before_task", 2)
    began = time.monotonic()
    assert not queue.close(0.01)
    assert time.monotonic() - began < WAIT
    end_of(queue, blocking)


def end_of(queue: HookQueue, blocking: Blocking) -> None:
    """Let the hook go, and wait for its thread."""
    threads = [thread for thread in threading.enumerate() if thread.name == "beth-hooks"]
    blocking.let_go.set()
    for thread in threads:
        thread.join(WAIT)


def test_after_closing_records_are_dropped_and_counted() -> None:
    seen: list[tuple[str, str, object]] = []
    queue = HookQueue(plugins(a=Observer("a", seen)))
    assert queue.close(WAIT)
    queue.emit("before_task", RECORD)
    assert (queue.dropped, seen) == (1, [])


def test_a_failing_hook_never_reaches_the_root_as_an_unhandled_error(caplog: pytest.LogCaptureFixture) -> None:
    queue = HookQueue(plugins(a=Failing(ValueError("broken"))))
    queue.emit("before_task", RECORD)
    assert queue.close(WAIT)
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
