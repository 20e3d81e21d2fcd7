"""Processes side by side. They are real ones, of a few lines of Python; only the time between them is a test's."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

import pytest

from beth_sdk.cli.supervisor import LONGEST_LINE, Happening, Lines, Place, Supervisor
from beth_sdk.testing.clock import ManualClock

FIRST = Place("echo", 1)
SECOND = Place("echo", 2)

WAIT_FOR_TERM = """
import os, signal
def leave(*_): os.write(1, b"leaving\\n"); os._exit(0)
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
signal.pause()
"""

IGNORE_TERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"


class Watched:
    """A supervisor of processes that run Python code, and all that it told."""

    def __init__(self, code: str | Callable[[int], str], places: Sequence[Place] = (FIRST,)) -> None:
        self.clock = ManualClock()
        self.told: list[tuple[str, Place, Mapping[str, object]]] = []
        self.lines: list[tuple[Place, str]] = []
        self.news = asyncio.Condition()
        self.lives = 0
        self._code = code
        self.supervisor = Supervisor(
            places,
            self._command,
            lambda place: {**os.environ, "PLACE": place.name},
            clock=self.clock,
            tell=self._tell,
            output=self._output,
        )

    def _command(self, place: Place, lifeline: int) -> list[str]:
        self.lives += 1
        code = self._code if isinstance(self._code, str) else self._code(self.lives)
        return [sys.executable, "-I", "-S", "-c", code, str(lifeline)]

    def _tell(self, happening: Happening) -> None:
        self.told.append((happening.event, happening.place, happening.data))
        self._notify()

    def _output(self, place: Place, line: str) -> None:
        self.lines.append((place, line))
        self._notify()

    def _notify(self) -> None:
        async def notify() -> None:
            async with self.news:
                self.news.notify_all()

        self._notifying = asyncio.ensure_future(notify())

    async def until(self, there: Callable[[], bool]) -> None:
        """Wait until something is so that only a process can bring about."""
        async with self.news:
            await asyncio.wait_for(self.news.wait_for(there), 60)

    async def until_ready(self, count: int = 1) -> None:
        await self.until(lambda: sum(line == "ready" for _, line in self.lines) >= count)

    def events(self, place: Place = FIRST) -> list[str]:
        return [event for event, whose, _ in self.told if whose == place]


async def test_the_output_of_each_process_comes_with_its_place() -> None:
    code = "import os, sys; print('out of', os.environ['PLACE'], flush=True); print('err', file=sys.stderr)"
    watched = Watched(code, [FIRST, SECOND])
    assert await watched.supervisor.run() == {FIRST: 0, SECOND: 0}
    assert [line for place, line in watched.lines if place == FIRST] == ["out of echo/1", "err"]
    assert [line for place, line in watched.lines if place == SECOND] == ["out of echo/2", "err"]


async def test_a_start_tells_the_process_and_an_end_its_exit_code() -> None:
    watched = Watched("import os; print(os.getpid())")
    await watched.supervisor.run()
    (_, _, started), (_, _, exited) = watched.told
    assert watched.events() == ["started", "exited"]
    assert str(started["pid"]) == watched.lines[0][1]
    assert exited["exit_code"] == 0


async def test_a_crashed_process_is_started_again_after_a_delay_that_grows() -> None:
    watched = Watched(lambda life: "raise SystemExit(7)" if life < 3 else "")
    running = asyncio.ensure_future(watched.supervisor.run())
    for delay in (1.0, 2.0):
        await watched.until(lambda delay=delay: watched.told[-1:] == [("restarting", FIRST, {"delay": delay})])  # type: ignore[misc]
        await watched.clock.until_sleeping()
        watched.clock.advance(delay)
    assert await running == {FIRST: 0}
    assert watched.events() == ["started", "exited", "restarting"] * 2 + ["started", "exited"]


async def test_a_process_that_is_configured_wrongly_is_left_alone() -> None:
    watched = Watched("raise SystemExit(2)")
    assert await watched.supervisor.run() == {FIRST: 2}
    assert watched.events() == ["started", "exited"]


async def test_one_that_crashes_leaves_the_others_alone() -> None:
    def code(life: int) -> str:
        return WAIT_FOR_TERM if life == 1 else "raise SystemExit(2)"

    watched = Watched(code, [FIRST, SECOND])
    running = asyncio.ensure_future(watched.supervisor.run())
    await watched.until_ready()
    await watched.until(lambda: watched.events(SECOND) == ["started", "exited"])
    assert watched.supervisor.running == [FIRST]
    watched.supervisor.stop()
    assert await running == {FIRST: 0, SECOND: 2}


async def test_stopping_sends_sigterm_to_all_and_waits_for_them() -> None:
    watched = Watched(WAIT_FOR_TERM, [FIRST, SECOND])
    running = asyncio.ensure_future(watched.supervisor.run())
    await watched.until_ready(2)
    watched.supervisor.stop()
    assert await running == {FIRST: 0, SECOND: 0}
    assert [line for _, line in watched.lines].count("leaving") == 2


async def test_stopping_ends_the_wait_for_a_restart() -> None:
    watched = Watched("raise SystemExit(7)")
    running = asyncio.ensure_future(watched.supervisor.run())
    await watched.until(lambda: "restarting" in watched.events())
    watched.supervisor.stop()
    assert await running == {FIRST: 7}
    assert watched.lives == 1


async def test_killing_ends_a_process_that_does_not_listen() -> None:
    watched = Watched(IGNORE_TERM)
    running = asyncio.ensure_future(watched.supervisor.run())
    await watched.until_ready()
    watched.supervisor.stop()
    watched.supervisor.kill()
    assert await running == {FIRST: -signal.SIGKILL}


async def test_one_that_comes_up_while_all_are_stopped_is_stopped_too() -> None:
    watched = Watched(WAIT_FOR_TERM)
    watched.supervisor.stop()
    assert await watched.supervisor.run() in ({FIRST: 0}, {FIRST: -signal.SIGTERM})


async def test_a_process_is_in_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it() -> None:
    watched = Watched("import os; print(os.getsid(0) == os.getpid())")
    await watched.supervisor.run()
    assert watched.lines == [(FIRST, "True")]


async def test_the_lifeline_stays_open_as_long_as_the_supervisor_lives() -> None:
    code = "import os, select, sys; print(select.select([int(sys.argv[1])], [], [], 0)[0])"
    watched = Watched(code)
    await watched.supervisor.run()
    assert watched.lines == [(FIRST, "[]")]


async def test_a_child_that_keeps_the_output_open_holds_nobody_up() -> None:
    code = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']);"
        "print(child.pid, flush=True)"
    )
    watched = Watched(code)
    assert await asyncio.wait_for(watched.supervisor.run(), 30) == {FIRST: 0}
    os.kill(int(watched.lines[0][1]), signal.SIGKILL)


@pytest.mark.parametrize(
    ("chunks", "lines", "rest"),
    [
        ([b"one\ntwo\n"], ["one", "two"], []),
        ([b"o", b"ne\ntw", b"o"], ["one"], ["two"]),
        ([b"\r\n\n"], ["", ""], []),
        ([b"\xff\n"], ["\\xff"], []),
        (["ä\n".encode()[:1], "ä\n".encode()[1:]], ["ä"], []),
    ],
)
def test_chunks_are_cut_into_lines(chunks: list[bytes], lines: list[str], rest: list[str]) -> None:
    cutter = Lines()
    assert [line for chunk in chunks for line in cutter.feed(chunk)] == lines
    assert cutter.rest() == rest


def test_a_line_without_an_end_comes_in_pieces() -> None:
    cutter = Lines()
    assert cutter.feed(b"x" * LONGEST_LINE) == ["x" * LONGEST_LINE]
    assert cutter.rest() == []
