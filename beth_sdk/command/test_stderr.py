"""Progress and log lines from a command's stderr, however much and however broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from beth_sdk.agent import Context
from beth_sdk.command.stderr import MAX_LINE, TAIL_CHARACTERS, Lines, Stderr
from beth_sdk.messages import Result, WantedTask
from beth_sdk.testing import ManualClock


class Watcher(Context):
    """A context that keeps what it is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.logged: list[tuple[str, dict[str, Any]]] = []
        self._more = asyncio.Event()

    async def progress(self, message: str, **data: Any) -> None:
        self.published.append((message, data))
        self._more.set()

    async def saw(self, number: int) -> None:
        while len(self.published) < number:
            self._more.clear()
            await self._more.wait()

    def log(self, message: str, **data: Any) -> None:
        self.logged.append((message, data))

    async def step(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    async def ask(self, question: str, options: Sequence[str] | None = None) -> str:
        raise NotImplementedError

    async def delegate(self, tasks: Sequence[WantedTask]) -> list[Result]:
        raise NotImplementedError

    cancelled = False
    notes = ()


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


Told = Callable[[bytes], Awaitable[Stderr]]


@pytest.fixture
def told(watcher: Watcher, clock: ManualClock) -> Told:
    """Feeds all of a command's stderr at once."""

    async def feed(text: bytes) -> Stderr:
        async with Stderr(watcher, clock) as stderr:
            stderr.feed(text)
            stderr.feed(b"")
        return stderr

    return feed


# -- lines ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_the_same_however_they_arrive(size: int) -> None:
    text = "one\ntwö\r\n\n  three\rfour\nlast".encode()
    lines = Lines()
    found = [line for at in range(0, len(text), size) for line in lines.feed(text[at : at + size])] + lines.feed(b"")
    assert found == ["one", "twö", "  three", "four", "last"]


def test_an_over_long_line_is_cut_and_the_next_one_is_whole() -> None:
    lines = Lines()
    for _ in range(1000):
        assert lines.feed(b"x" * 1000) == []
    assert lines.feed(b"\nnext\n") == ["x" * MAX_LINE + "… (cut)", "next"]


def test_binary_garbage_becomes_replacement_characters() -> None:
    assert Lines().feed(b"\xff\xfe ok\n") == ["\ufffd\ufffd ok"]


# -- what a line means ------------------------------------------------------------------------


async def test_progress_is_published_with_its_other_fields_as_data(told: Told, watcher: Watcher) -> None:
    stderr = await told(b'{"progress": "half way", "percent": 50, "message": "m", "self": "s"}\n')
    assert watcher.published == [("half way", {"percent": 50, "message_": "m", "self_": "s"})]
    assert stderr.tail() == ""


async def test_a_log_object_and_any_other_line_are_logged(told: Told, watcher: Watcher) -> None:
    stderr = await told(
        b'{"log": "reading", "file": "a.txt"}\nplain\n{"other": 1}\n[1]\n{"progress": 5}\n{"log": null}\n'
    )
    assert watcher.logged == [
        ("reading", {"data": {"file": "a.txt"}}),
        ("plain", {}),
        ('{"other": 1}', {}),
        ("[1]", {}),
        ('{"progress": 5}', {}),
        ('{"log": null}', {}),
    ]
    assert stderr.tail().startswith("reading\nplain\n")


@pytest.mark.parametrize(
    "line",
    [
        b'{"progress": "cut',
        b'{"progress": NaN}',
        b'{"progress": "x", "n": 1e999}',
        b'{"progress": "x", "progress": "y"}',
        b'{"a":' * 1000,
        b"{" * 10_000,
        rb'{"progress": "x"} trailing',
    ],
)
async def test_broken_json_is_a_plain_line(told: Told, watcher: Watcher, line: bytes) -> None:
    await told(line + b"\n")
    assert watcher.published == []
    assert len(watcher.logged) == 1


async def test_half_of_a_surrogate_pair_does_no_harm(told: Told, watcher: Watcher) -> None:
    await told(rb'{"progress": "a\ud800b"}' + b"\n")
    shown = [*watcher.published, *watcher.logged]
    assert len(shown) == 1
    json.dumps(shown, ensure_ascii=False).encode()  # can travel


async def test_terminal_escapes_and_control_characters_are_taken_out(told: Told, watcher: Watcher) -> None:
    await told(b'\x1b[31mred\x1b[0m\x07 \x1b]0;title\x07text\x00\n{"progress": "\\u001b[2Jclean\\u009b"}\n')
    assert watcher.logged == [("red text", {})]
    assert watcher.published == [("clean", {})]


async def test_endless_text_is_shortened(told: Told, watcher: Watcher) -> None:
    await told(b"z" * 5000 + b"\n")
    assert len(watcher.logged[0][0]) == 1000


# -- the tail ---------------------------------------------------------------------------------


async def test_the_tail_has_the_last_20_lines(told: Told) -> None:
    stderr = await told(b"".join(b"line %d\n" % n for n in range(100)))
    assert stderr.tail().split("\n") == [f"line {n}" for n in range(80, 100)]


async def test_the_tail_has_at_most_4096_characters(told: Told) -> None:
    stderr = await told(b"".join(b"%d" % n * 900 + b"\n" for n in range(9)))
    assert len(stderr.tail()) == TAIL_CHARACTERS
    assert stderr.tail().endswith("8")


# -- floods -----------------------------------------------------------------------------------


async def test_progress_comes_at_most_ten_times_a_second_and_the_newest_wins(
    watcher: Watcher, clock: ManualClock
) -> None:
    async with Stderr(watcher, clock) as stderr:
        stderr.feed(b'{"progress": "1"}\n')
        await watcher.saw(1)
        await clock.until_sleeping()
        stderr.feed(b'{"progress": "2"}\n{"progress": "3"}\n')
        clock.advance(0.09)
        await asyncio.sleep(0)
        assert len(watcher.published) == 1
        clock.advance(0.02)
        await watcher.saw(2)
    assert [message for message, _ in watcher.published] == ["1", "3"]


async def test_a_flood_of_progress_ends_with_its_last(told: Told, watcher: Watcher) -> None:
    await told(b"".join(b'{"progress": "%d"}\n' % n for n in range(100_000)))
    assert watcher.published == [("99999", {})]


async def test_the_last_progress_is_published_also_when_the_command_fails(watcher: Watcher, clock: ManualClock) -> None:
    async def fail() -> None:
        async with Stderr(watcher, clock) as stderr:
            stderr.feed(b'{"progress": "last"}\n')
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await fail()
    assert watcher.published == [("last", {})]


async def test_a_flood_of_lines_is_logged_a_hundred_a_second_and_the_rest_counted(
    watcher: Watcher, clock: ManualClock
) -> None:
    async with Stderr(watcher, clock) as stderr:
        stderr.feed(b"x\n" * 1000)
        clock.advance(1.0)
        stderr.feed(b"y\n" * 150)
    said = [message for message, _ in watcher.logged]
    assert said.count("x") == 100
    assert said[100] == "900 lines of the command left out: over 100 a second"
    assert said.count("y") == 100
    assert said[-1].startswith("50 lines")
