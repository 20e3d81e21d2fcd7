"""What Beth leaves behind, and which of it goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from beth_sdk import openers
from beth_sdk.cli.leftovers import everything, measure, remove, work_folders, work_of_ended
from beth_sdk.journal.base import Fact, Journal
from beth_sdk.testing.clock import ManualClock

DAY = 86_400.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Journal]:
    """A journal whose time a test moves."""
    opened = await openers.open_journal(f"sqlite:///{tmp_path}/journal.db", clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a work folder for each of these requests and tasks."""
    for name in ("request-1", "task-1"):
        (tmp_path / "home" / "work" / name).mkdir(parents=True)
    return tmp_path / "home"


async def ending(journal: Journal, stream: str, *kinds: str, status: str | None = None) -> None:
    """Write facts; an `ended` one has a result of this status."""
    for number, kind in enumerate(kinds):
        data = {"result": {"status": status}} if status and kind == "ended" else {}
        await journal.append(stream, [Fact(kind, data)], key=f"{number}:{kind}")


async def fate(home: Path, journal: Journal, clock: ManualClock, name: str) -> tuple[bool, str]:
    """Whether a work folder is to be deleted, and why or why not."""
    found = await work_of_ended(home, journal, older_than=30 * DAY, now=clock.wall())
    (one,) = [one for one in found if one.path.name == name]
    return one.delete, one.why


async def test_what_was_installed_for_a_request_goes_with_its_work_folder(
    home: Path, journal: Journal, clock: ManualClock
) -> None:
    (home / "packages" / "request-2").mkdir(parents=True)
    await ending(journal, "request/request-2", "received", "ended")
    clock.advance(31 * DAY)
    assert await fate(home, journal, clock, "request-2") == (True, "ended 31 d ago")


def test_of_everything_repositories_and_what_roles_remember_are_beths(home: Path) -> None:
    for name in ("repositories", "memory", "mine"):
        (home / name).mkdir()
    fates = {one.path.name: one.delete for one in everything(home, [])}
    assert fates == {"memory": True, "mine": False, "repositories": True, "work": True}


async def test_the_folder_of_a_request_that_ended_long_ago_goes(
    home: Path, journal: Journal, clock: ManualClock
) -> None:
    await ending(journal, "request/request-1", "received", "ended")
    assert await fate(home, journal, clock, "request-1") == (False, "ended 0 s ago")
    clock.advance(31 * DAY)
    assert await fate(home, journal, clock, "request-1") == (True, "ended 31 d ago")


async def test_the_folder_of_a_request_that_waits_stays_however_long(
    home: Path, journal: Journal, clock: ManualClock
) -> None:
    await ending(journal, "request/request-1", "received")
    clock.advance(1000 * DAY)
    assert await fate(home, journal, clock, "request-1") == (False, "has not ended")


async def test_a_request_that_was_taken_up_again_has_not_ended(
    home: Path, journal: Journal, clock: ManualClock
) -> None:
    await ending(journal, "request/request-1", "received", "ended", "redriven")
    clock.advance(31 * DAY)
    assert await fate(home, journal, clock, "request-1") == (False, "has not ended")


async def test_a_task_that_belongs_to_no_request_counts_by_itself(
    home: Path, journal: Journal, clock: ManualClock
) -> None:
    await ending(journal, "task/task-1", "started", "ended", status="failed")
    clock.advance(31 * DAY)
    assert (await fate(home, journal, clock, "task-1"))[0]


async def test_a_task_that_waits_for_an_answer_has_not_ended(home: Path, journal: Journal, clock: ManualClock) -> None:
    await ending(journal, "task/task-1", "started", "ended", status="needs_input")
    clock.advance(31 * DAY)
    assert await fate(home, journal, clock, "task-1") == (False, "has not ended")


async def test_an_archived_request_is_known_too(home: Path, journal: Journal, clock: ManualClock) -> None:
    await ending(journal, "request/request-1", "received", "ended")
    await journal.archive("request/request-1")
    clock.advance(31 * DAY)
    assert (await fate(home, journal, clock, "request-1"))[0]


async def test_a_folder_that_the_journal_does_not_know_stays(home: Path, journal: Journal, clock: ManualClock) -> None:
    assert await fate(home, journal, clock, "request-1") == (False, "this journal does not know it")


def test_everything_is_what_beth_keeps_and_nothing_else(home: Path, tmp_path: Path) -> None:
    for name in ("beth.db", "beth.db-wal", "beth.db.turn", "letter.txt"):
        (home / name).write_text("x")
    elsewhere = tmp_path / "elsewhere.db"
    elsewhere.touch()
    found = everything(home, [home / "beth.db", elsewhere])
    assert {one.path.name for one in found if one.delete} == {"beth.db", "beth.db-wal", "beth.db.turn", "work"}
    assert {one.path.name: one.why for one in found if not one.delete} == {
        "letter.txt": "not Beth's",
        "elsewhere.db": "not in Beth's home",
    }


def test_a_home_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert everything(tmp_path / "nowhere", []) == []
    assert work_folders(tmp_path / "nowhere") == []


def test_links_are_removed_but_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x" * 1000)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(kept)
    assert measure(folder) < 1000
    remove(folder)
    link = tmp_path / "link"
    link.symlink_to(kept)
    remove(link)
    assert (kept / "file").exists()
    assert not folder.exists()
    assert not link.is_symlink()


def test_folders_that_nobody_may_write_are_removed_too(tmp_path: Path) -> None:
    closed = tmp_path / "folder" / "closed"
    closed.mkdir(parents=True)
    (closed / "file").write_text("x")
    closed.chmod(0o500)
    assert measure(tmp_path / "folder") == 1
    remove(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
