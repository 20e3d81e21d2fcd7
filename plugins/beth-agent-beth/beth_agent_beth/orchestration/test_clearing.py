"""Clones go when their task is over, and stay as long as somebody may need them."""

from __future__ import annotations

from pathlib import Path

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import Office, Studio, begun, inputs, result_of
from beth_agent_beth.orchestration.clearing import Clearing
from beth_agent_beth.orchestration.orchestrator import Orchestrator
from beth_kit.workspace import clearing as on_disk
from beth_sdk import logs
from beth_sdk.clock import SystemClock
from beth_sdk.messages import Task


class Room:
    """A Beth with workspaces, and what is cleared there."""

    def __init__(self, office: Office, studio: Studio, beth: Orchestrator) -> None:
        self.office, self.studio, self.beth = office, studio, beth
        self.clearing = Clearing(studio.home, office.journal, SystemClock(), logs.get("test"))

    @property
    def clones(self) -> list[str]:
        return on_disk.tasks_with_clones(self.studio.home, "r")

    async def begin_work(self, *roles: str) -> list[Task]:
        """Take what waits, and lay out a clone for each."""
        tasks = await self.office.queued(*roles)
        for task in tasks:
            await self.studio.work(task, **{f"{task.agent}_txt": "x"})  # type: ignore[arg-type]  # a file's name
        return tasks

    async def cleared(self) -> list[str]:
        """Look at the request as it is now; returns the clones that are left."""
        self.clearing.changed(await self.office.state())
        await self.clearing.clear()
        return self.clones


@pytest.fixture
async def room(office: Office, studio: Studio) -> Room:
    """Two tasks at work side by side."""
    return Room(office, studio, await begun(office, studio, "a", "b"))


async def test_a_clone_stays_while_its_task_is_at_work_and_goes_when_that_is_merged(room: Room) -> None:
    first, second = await room.begin_work("a", "b")
    assert await room.cleared() == ["r.1", "r.2"]
    await room.beth.attend("r", inputs(await room.studio.work(first, a_txt="y")))
    assert await room.cleared() == ["r.2"]
    await room.beth.attend("r", inputs(await room.studio.work(second, b_txt="y")))
    assert await room.cleared() == []
    assert not (room.studio.home / "work/r").exists()


async def test_the_clone_of_a_task_that_failed_stays_for_whoever_tries_it_again(room: Room) -> None:
    first, second = await room.begin_work("a", "b")
    await room.beth.attend("r", inputs(result_of(first, "failed"), result_of(second)))
    assert (await room.office.state()).status == "failed"
    assert await room.cleared() == ["r.1"]


async def test_of_a_request_that_was_cancelled_nothing_stays(room: Room) -> None:
    first, second = await room.begin_work("a", "b")
    await requests.cancel(room.office.bus, room.office.journal, "r", "")
    await room.beth.attend("r", inputs(result_of(first, "cancelled"), result_of(second, "cancelled")))
    assert await room.cleared() == []


async def test_another_beth_finds_what_was_left(room: Room, office: Office, studio: Studio) -> None:
    await room.begin_work("a", "b")
    await requests.cancel(office.bus, office.journal, "r", "")
    await room.beth.attend("r")
    another = Room(office, studio, office.beth(workspaces=studio.workspaces))
    await another.clearing.look_around()
    await another.clearing.clear()
    assert another.clones == []


async def test_clones_of_requests_that_this_journal_does_not_know_are_left_alone(room: Room, studio: Studio) -> None:
    await room.begin_work("a", "b")
    (studio.home / "work/r").rename(studio.home / "work/another")
    await room.clearing.look_around()
    await room.clearing.clear()
    assert on_disk.tasks_with_clones(studio.home, "another") == ["r.1", "r.2"]


async def test_what_is_archived_keeps_no_clone(room: Room) -> None:
    (first, _) = await room.begin_work("a", "b")
    await room.beth.attend("r", inputs(result_of(first, "failed")))
    await room.clearing.archived("r")
    assert room.clones == []


async def test_what_cannot_be_deleted_is_only_said(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(folder: Path, task_id: str) -> None:
        raise PermissionError(13, "Permission denied", str(folder / task_id))

    monkeypatch.setattr(on_disk, "_delete", refuse)
    first, second = await room.begin_work("a", "b")
    await room.beth.attend("r", inputs(await room.studio.work(first, a_txt="y"), result_of(second)))
    assert await room.cleared() == ["r.1", "r.2"]
    assert "a clone was not deleted" in caplog.text
