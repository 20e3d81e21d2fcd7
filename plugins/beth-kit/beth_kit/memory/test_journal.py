"""The memory in the journal passes the suite of every memory, reads only what is new, and moves on when it is long."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from beth_kit.memory.base import MemoryLimits, MemoryUnavailable
from beth_kit.memory.journal import JournalMemory
from beth_kit.memory.test_conformance import MemoryConformance
from beth_sdk.clock import Clock
from beth_sdk.errors import JournalUnavailable
from beth_sdk.journal.base import Entry, Fact, Hold, Journal, Version
from beth_sdk.openers import open_journal
from beth_sdk.testing import ManualClock

FEW = MemoryLimits(notes=3)
"""With these limits a stream is replaced after 16 facts."""

WRITER = """
import asyncio, itertools, sys
from beth_kit.memory.base import MemoryLimits
from beth_kit.memory.journal import JournalMemory
from beth_sdk.openers import open_journal

async def main(url: str, name: str, count: int) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    limits = MemoryLimits(notes=10)
    memory = JournalMemory(lambda: open_journal(url), "developer", limits=limits, compact_after=0)
    for number in itertools.islice(itertools.count(), count or None):
        await memory.remember(f"note {name} {number}", key=f"{name}-{number}")
        print(f"note {name} {number}", flush=True)
    await memory.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


class TestJournalMemory(MemoryConformance):
    @pytest.fixture(autouse=True)
    def storage(self, tmp_path: Path) -> None:
        self.url = f"sqlite:///{tmp_path}/beth.db"

    async def open(
        self, clock: Clock, *, role: str = "developer", limits: MemoryLimits | None = None, secrets: Sequence[str] = ()
    ) -> JournalMemory:
        connect = functools.partial(open_journal, self.url, clock=clock)
        return JournalMemory(connect, role, clock=clock, limits=limits, secrets=secrets)


class TestJournalMemoryWhoseStreamIsReplacedAllTheTime(TestJournalMemory):
    async def open(
        self, clock: Clock, *, role: str = "developer", limits: MemoryLimits | None = None, secrets: Sequence[str] = ()
    ) -> JournalMemory:
        memory = await super().open(clock, role=role, limits=limits, secrets=secrets)
        memory._compact_after = 0
        return memory


class Failing:
    """A journal that breaks at the call with a given number, before or after it did its work."""

    def __init__(self, journal: Journal, at: int, *, after: bool) -> None:
        self.journal = journal
        self.left = at
        self.after = after

    @property
    def id(self) -> str:
        return self.journal.id

    def _counts(self, *, after: bool) -> None:
        if self.after == after:
            self.left -= 1
            if self.left == 0:
                raise JournalUnavailable("cut, for the test")

    async def take(self, stream: str, holder: str, ttl: float) -> Hold:
        raise NotImplementedError

    async def renew(self, hold: Hold) -> None:
        raise NotImplementedError

    async def drop(self, hold: Hold) -> None:
        raise NotImplementedError

    async def append(self, stream: str, facts: Sequence[Fact], *, key: str, hold: Hold | None = None) -> Version:
        self._counts(after=False)
        version = await self.journal.append(stream, facts, key=key, hold=hold)
        self._counts(after=True)
        return version

    async def read(self, stream: str, after: Version | None = None) -> AsyncIterator[Entry]:
        self._counts(after=False)
        async for entry in self.journal.read(stream, after):
            yield entry
        self._counts(after=True)

    async def streams(self, prefix: str) -> AsyncIterator[str]:
        async for name in self.journal.streams(prefix):
            yield name

    async def archive(self, stream: str) -> None:
        self._counts(after=False)
        await self.journal.archive(stream)
        self._counts(after=True)

    async def close(self) -> None:
        await self.journal.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/beth.db"


@pytest.fixture
async def journal(url: str) -> AsyncIterator[Journal]:
    one = await open_journal(url)
    yield one
    await one.close()


def _memory(url: str, limits: MemoryLimits | None = None) -> JournalMemory:
    return JournalMemory(lambda: open_journal(url), "developer", limits=limits, compact_after=0)


async def _given(journal: Journal) -> Journal:
    return journal


async def _texts(memory: JournalMemory) -> list[str]:
    return [note.text for note in await memory.recall(limit=50)]


async def _kinds(journal: Journal, stream: str) -> list[str]:
    return [entry.fact.kind async for entry in journal.read(stream)]


async def _writer(url: str, name: str, count: int) -> asyncio.subprocess.Process:
    """A process that is ready to write as soon as it is sent a line."""
    words = ("-c", WRITER, url, name, str(count))
    writer = await asyncio.create_subprocess_exec(sys.executable, *words, stdin=PIPE, stdout=PIPE)
    assert writer.stdout is not None
    assert await asyncio.wait_for(writer.stdout.readline(), 30) == b"ready\n"
    return writer


def _go(*writers: asyncio.subprocess.Process) -> None:
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"\n")


# -- what is written and read -----------------------------------------------------------------


async def test_a_note_and_its_end_are_facts_of_the_roles_stream(url: str, journal: Journal) -> None:
    memory = JournalMemory(lambda: open_journal(url), "developer", clock=ManualClock())
    made = await memory.remember("Use tabs", ["style"], key="k1", task_id="task-1")
    await memory.forget(made.id)
    facts = [entry.fact async for entry in journal.read("memory/developer")]
    assert [fact.kind for fact in facts] == ["remembered", "forgotten"]
    assert facts[0].data == {
        "id": made.id,
        "text": "Use tabs",
        "tags": ["style"],
        "at": 1_700_000_000.0,
        "task_id": "task-1",
        "request_id": None,
    }
    assert facts[1].data == {"id": made.id}
    await memory.close()


async def test_nothing_connects_before_the_first_call() -> None:
    async def connect() -> Journal:
        raise AssertionError

    await JournalMemory(connect, "developer").close()


async def test_only_what_is_new_is_read(url: str, journal: Journal) -> None:
    memory = _memory(url)
    for number in range(5):
        await memory.remember(f"note {number}", key=str(number))
    read: list[tuple[str, int]] = []
    assert memory._journal is not None
    inner = memory._journal.read

    def counted(stream: str, after: Version | None = None) -> AsyncIterator[Entry]:
        read.append((stream, after or 0))
        return inner(stream, after)

    memory._journal.read = counted  # type: ignore[method-assign]
    await memory.recall("note")
    await journal.append("memory/developer", [Fact("a kind of some later version")], key="x")
    await memory.recall("note")
    await memory.recall("note")
    assert read == [("memory/developer", 5), ("memory/developer", 5), ("memory/developer", 6)]
    await memory.close()


async def test_a_journal_that_cannot_be_reached_is_reported_without_its_password_and_tried_again() -> None:
    failures = 1

    async def connect() -> Journal:
        nonlocal failures
        if failures:
            failures -= 1
            raise JournalUnavailable("postgresql://beth:hunter2@db cannot be reached")
        return await open_journal("memory://")

    memory = JournalMemory(connect, "developer")
    with pytest.raises(MemoryUnavailable, match=r"beth:\*\*\*@db cannot be reached"):
        await memory.recall()
    assert await memory.recall() == []
    await memory.close()


# -- processes --------------------------------------------------------------------------------


async def test_processes_that_write_at_once_lose_nothing(url: str) -> None:
    writers = [await _writer(url, name, 60) for name in ("a", "b")]
    _go(*writers)
    printed = [(await asyncio.wait_for(writer.communicate(), 60))[0].decode().splitlines() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    memory = _memory(url, MemoryLimits(notes=10))
    found = list(reversed(await _texts(memory)))
    assert len(found) == 10
    for lines in printed:  # the end of what each wrote, in its order
        of_this = [text for text in found if text in lines]
        assert of_this == lines[len(lines) - len(of_this) :]
    await memory.close()


async def test_what_a_writer_said_it_kept_outlives_its_being_killed(url: str) -> None:
    for name in ("a", "b", "c", "d", "e"):
        writer = await _writer(url, name, 0)
        _go(writer)
        assert writer.stdout is not None
        lines = [(await asyncio.wait_for(writer.stdout.readline(), 30)).decode().strip() for _ in range(40)]
        writer.send_signal(signal.SIGKILL)
        lines += (await writer.stdout.read()).decode().split("\n")[:-1]
        await writer.wait()
        memory = _memory(url, MemoryLimits(notes=10))
        found = await _texts(memory)
        assert lines[-1] in found[:2], "the last that was said, or before one that could not be said any more"
        assert len(found) == 10
        await memory.close()


# -- a long stream ----------------------------------------------------------------------------


async def test_a_long_stream_is_replaced_by_one_with_the_living_notes(url: str, journal: Journal) -> None:
    memory = _memory(url, FEW)
    for number in range(17):
        await memory.remember(f"note {number}", key=str(number))
    assert [name async for name in journal.streams("memory/")] == ["memory/developer:2"]
    assert await _kinds(journal, "memory/developer:2") == ["follows", *["remembered"] * 3, "carried"]
    assert (await _kinds(journal, "memory/developer"))[-1] == "closing"
    assert await _texts(memory) == ["note 16", "note 15", "note 14"]
    await memory.close()


async def test_a_replaced_stream_is_not_read_again_by_who_comes_new(url: str) -> None:
    memory = _memory(url, FEW)
    for number in range(40):
        await memory.remember(f"note {number}", key=str(number))
    newcomer = _memory(url, FEW)
    await newcomer.recall()
    assert newcomer._generation == memory._generation > 2
    assert newcomer._fold.position < 20
    assert await _texts(newcomer) == ["note 39", "note 38", "note 37"]
    await newcomer.close()
    await memory.close()


async def test_who_slept_through_several_streams_finds_the_newest(url: str) -> None:
    sleeper, memory = _memory(url, FEW), _memory(url, FEW)
    await sleeper.remember("early", key="early")
    for number in range(60):
        await memory.remember(f"note {number}", key=str(number))
    await sleeper.remember("late", key="late")
    assert await _texts(memory) == ["late", "note 59", "note 58"]
    assert await _texts(sleeper) == ["late", "note 59", "note 58"]
    await sleeper.close()
    await memory.close()


async def test_what_was_forgotten_stays_so_in_the_next_stream(url: str) -> None:
    memory = _memory(url, FEW)
    gone = await memory.remember("gone", key="gone")
    await memory.forget(gone.id)
    for number in range(40):
        await memory.remember(f"note {number}", key=str(number))
    await memory.remember("gone", key="gone")
    assert await _texts(memory) == ["note 39", "note 38", "note 37"]
    await memory.close()


async def test_a_role_whose_name_begins_like_another_has_streams_of_its_own(url: str) -> None:
    longer = JournalMemory(lambda: open_journal(url), "developer-ops", limits=FEW, compact_after=0)
    for number in range(40):
        await longer.remember(f"note {number}", key=str(number))
    memory = _memory(url, FEW)
    await memory.remember("mine", key="mine")
    assert (memory._generation, await _texts(memory)) == (1, ["mine"])
    await memory.close()
    await longer.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("finisher", ["the same", "a new one", "one that had it open"])
async def test_a_replacement_that_was_cut_anywhere_loses_nothing(url: str, finisher: str, *, after: bool) -> None:
    cuts = 0
    while True:
        role = f"developer-{cuts}"
        plain, bystander = (
            JournalMemory(lambda: open_journal(url), role, limits=FEW, compact_after=0) for _ in range(2)
        )
        for number in range(16):
            await plain.remember(f"note {number}", key=str(number))
        await plain.close()
        await bystander.recall()
        journal = Failing(await open_journal(url), cuts + 1, after=after)

        broken = JournalMemory(functools.partial(_given, journal), role, limits=FEW, compact_after=0)
        with contextlib.suppress(MemoryUnavailable):
            await broken.remember("last", key="last")
        uncut, journal.left = journal.left > 0, 0
        memory = {"the same": broken, "one that had it open": bystander}.get(finisher) or JournalMemory(
            lambda: open_journal(url), role, limits=FEW, compact_after=0
        )
        await memory.remember("last", key="last")
        assert await _texts(memory) == ["last", "note 15", "note 14"], f"cut at call {cuts + 1}"
        assert await _texts(bystander) == ["last", "note 15", "note 14"], f"cut at call {cuts + 1}"
        await asyncio.gather(memory.close(), broken.close(), bystander.close())
        if uncut:
            break
        cuts += 1
    assert cuts >= 9, "every call of a replacement was cut once"


async def test_a_replacement_that_fails_costs_no_note_and_is_finished_later(url: str, journal: Journal) -> None:
    plain = _memory(url, FEW)
    for number in range(16):
        await plain.remember(f"note {number}", key=str(number))
    failing = Failing(await open_journal(url), 4, after=False)  # reads, keeps the note, reads, and begins
    memory = JournalMemory(lambda: _given(failing), "developer", limits=FEW, compact_after=0)
    assert (await memory.remember("last", key="last")).text == "last"
    assert failing.left == 0
    assert [name async for name in journal.streams("memory/")] == ["memory/developer"]
    await memory.remember("and one more", key="more")
    assert [name async for name in journal.streams("memory/")] == ["memory/developer:2"]
    assert await _texts(plain) == ["and one more", "last", "note 15"]
    await memory.close()
    await plain.close()


async def test_who_copies_so_slowly_that_the_copy_was_replaced_too_goes_on_in_the_newest(url: str) -> None:
    fast = _memory(url, FEW)

    class Slow(Failing):
        async def archive(self, stream: str) -> None:
            await super().archive(stream)
            if stream == "memory/developer":
                for number in range(50):
                    await fast.remember(f"fast {number}", key=f"fast-{number}")

    slow = JournalMemory(
        functools.partial(_given, Slow(await open_journal(url), 0, after=True)),
        "developer",
        limits=FEW,
        compact_after=0,
    )
    for number in range(17):
        await slow.remember(f"slow {number}", key=f"slow-{number}")
    assert slow._generation == fast._generation > 2
    await slow.remember("slow at last", key="at-last")
    assert await _texts(slow) == await _texts(fast) == ["slow at last", "fast 49", "fast 48"]
    await slow.close()
    await fast.close()


async def test_several_that_replace_a_stream_at_once_agree(url: str) -> None:
    memories = [_memory(url, FEW) for _ in range(5)]
    for turn in range(12):
        await asyncio.gather(*(memory.remember(f"{turn} {n}", key=f"{turn}-{n}") for n, memory in enumerate(memories)))
    found = [await _texts(memory) for memory in memories]
    assert all(texts == found[0] for texts in found)
    assert [text.split()[0] for text in found[0]] == ["11", "11", "11"]
    for memory in memories:
        await memory.close()
