"""A commit wakes whoever waits in another process, and nothing that became of other processes gets in its way.

A second `WakeFolder` of the same database stands for another process: what it sends comes through the sockets.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from beth_sdk._sqlite.wake import WakeFolder, WakeSocket


class Ear:
    """A wake socket that remembers what it heard."""

    def __init__(self, folder: WakeFolder) -> None:
        self.heard: asyncio.Queue[list[str] | None] = asyncio.Queue()
        self.socket = WakeSocket(folder, self.heard.put_nowait)
        assert self.socket.listen()

    async def next(self) -> list[str] | None:
        return await asyncio.wait_for(self.heard.get(), 30)


@pytest.fixture
def path() -> Iterator[Path]:
    """A database with a path so short that a test can bind sockets beside it itself."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "beth.db"


@pytest.fixture
async def ear(path: Path) -> AsyncIterator[Ear]:
    ear = Ear(WakeFolder(path))
    yield ear
    ear.socket.close()


@pytest.fixture
async def sender(path: Path) -> AsyncIterator[WakeFolder]:
    sender = WakeFolder(path)
    yield sender
    sender.close()


async def test_the_channels_that_were_written_are_heard(ear: Ear, sender: WakeFolder) -> None:
    sender.send({"tasks.developer"})
    assert await ear.next() == ["tasks.developer"]
    sender.send(["tasks.größe", "events"])
    assert await ear.next() == ["tasks.größe", "events"]


async def test_everybody_who_listens_is_woken(path: Path, ear: Ear, sender: WakeFolder) -> None:
    other = Ear(WakeFolder(path))
    sender.send(["events"])
    assert await ear.next() == ["events"]
    assert await other.next() == ["events"]
    other.socket.close()


async def test_a_sender_passes_over_the_ears_of_its_own_process(path: Path) -> None:
    folder = WakeFolder(path)
    ear, other = Ear(folder), Ear(WakeFolder(path))
    folder.send(["events"])
    assert await other.next() == ["events"]
    assert ear.heard.empty()
    ear.socket.close()
    other.socket.close()
    folder.close()


async def test_sending_to_nobody_is_nothing(sender: WakeFolder) -> None:
    sender.send(["events"])
    assert not sender.path.exists()


async def test_many_channels_at_once_wake_everything(ear: Ear, sender: WakeFolder) -> None:
    sender.send([f"channel-{n}" for n in range(1000)])
    assert await ear.next() is None


async def test_a_full_queue_of_wakes_wakes_everything(ear: Ear, sender: WakeFolder) -> None:
    for _ in range(2000):
        sender.send(["events"])
    sender.send(["tasks.developer"])
    assert await ear.next() is None


async def test_one_that_does_not_read_cuts_nobody_else_off(path: Path, ear: Ear, sender: WakeFolder) -> None:
    stopped = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    stopped.bind(str(sender.path / "1-stopped"))
    for _ in range(2000):
        sender.send(["events"])
        assert await ear.next() == ["events"]
    stopped.close()


async def test_the_socket_of_a_dead_process_is_cleared_away(ear: Ear, sender: WakeFolder) -> None:
    dead = sender.path / "1-dead"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as process:
        process.bind(str(dead))
    assert dead.exists()
    sender.send(["events"])
    assert not dead.exists()
    assert await ear.next() == ["events"]


async def test_one_that_died_after_it_was_woken_is_cleared_away_too(ear: Ear, sender: WakeFolder) -> None:
    dying = sender.path / "1-dying"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as process:
        process.bind(str(dying))
        sender.send(["events"])
    sender.send(["events"])
    assert not dying.exists()


async def test_a_sender_out_of_descriptors_clears_nobody_away(
    ear: Ear, sender: WakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as without_descriptors:
        without_descriptors.setattr(socket, "socket", refuse)
        sender.send(["lost"])
    sender.send(["events"])
    assert await ear.next() == ["events"]


async def test_one_that_closes_leaves_nothing_behind(path: Path, sender: WakeFolder) -> None:
    ear = Ear(WakeFolder(path))
    sender.send(["events"])
    ear.socket.close()
    ear.socket.close()
    assert list(sender.path.iterdir()) == []
    sender.send(["events"])


async def test_one_whose_folder_was_cleaned_away_listens_again(ear: Ear, sender: WakeFolder) -> None:
    for left in sender.path.iterdir():
        left.unlink()
    sender.path.rmdir()
    assert ear.socket.listen()
    sender.send(["events"])
    assert await ear.next() == ["events"]


async def test_a_path_too_long_for_a_socket_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / ("long" * 30)
    folder.mkdir(parents=True)
    ear, sender = Ear(WakeFolder(folder / "beth.db")), WakeFolder(folder / "beth.db")
    sender.send(["events"])
    assert await ear.next() == ["events"]
    ear.socket.close()
    sender.close()


async def test_where_descriptors_are_no_paths_a_long_path_gets_a_short_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path / "t"
    short.mkdir()
    monkeypatch.setattr("beth_sdk._sqlite.wake._through_descriptors", lambda: False)
    monkeypatch.setattr("tempfile.tempdir", str(short))
    database = tmp_path / ("long" * 30) / "beth.db"
    ear, sender = Ear(WakeFolder(database)), WakeFolder(database)
    assert sender.path.parent == short
    sender.send(["events"])
    assert await ear.next() == ["events"]
    assert WakeFolder(database.with_name("other.db")).path != sender.path
    ear.socket.close()
    sender.close()


async def test_a_folder_that_others_can_write_is_not_trusted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = WakeFolder(path)
    folder.path.mkdir()
    folder.path.chmod(0o777)
    assert not WakeSocket(folder, print).listen()
    assert "cannot be woken" in caplog.text


async def test_the_folder_is_private(ear: Ear, sender: WakeFolder) -> None:
    assert sender.path.stat().st_mode & 0o777 == 0o700
