"""`beth doctor --recover`: references that nobody owns."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from beth_kit.commands.conftest import commit
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.cli.conftest import Beth
from beth_sdk.cli.options import ports, settings_from
from beth_sdk.history import stream_of
from beth_sdk.journal.base import Fact

REFS = ["refs/beth/base", "refs/beth/tasks/r1.1", "refs/beth/tasks/r1.2", "refs/heads/beth/r1"]


def journaled(*streams: str, archived: bool = False) -> None:
    """Give these streams a fact each, in the journal of the test's home."""

    async def write() -> None:
        async with ports(settings_from(None)) as both:
            for stream in streams:
                await both.journal.append(stream, [Fact("began")], key="began")
                if archived:
                    await both.journal.archive(stream)

    asyncio.run(write())


def found(beth: Beth) -> list[str]:
    """The references that are listed."""
    ran = beth("doctor", "--recover", "--json")
    assert ran.exit_code == 0, ran
    return [one["data"]["ref"] for one in ran.json["unowned"]]


def test_what_a_known_request_and_its_tasks_own_is_not_listed(beth: Beth, work: RequestRepository) -> None:
    journaled("request/r1", stream_of("r1.1"), stream_of("r1.2"))
    assert found(beth) == []


def test_a_task_that_the_journal_does_not_know_is_listed(beth: Beth, work: RequestRepository) -> None:
    journaled("request/r1", stream_of("r1.1"))
    assert found(beth) == ["refs/beth/tasks/r1.2"]


def test_everything_of_a_request_that_the_journal_does_not_know_is_listed(beth: Beth, work: RequestRepository) -> None:
    journaled("request/other", stream_of("r1.1"))
    assert found(beth) == REFS


def test_an_archived_request_still_owns_its_work(beth: Beth, work: RequestRepository) -> None:
    journaled("request/r1", stream_of("r1.1"), stream_of("r1.2"), archived=True)
    assert found(beth) == []


@pytest.fixture
async def lone(home: Path) -> None:
    """The repository of a task that belongs to no request."""
    await commit(await RequestRepository.open(home, "task-7"), "task-7", "developer", "Alone", {"x": b"x"})


def test_a_task_without_a_request_owns_the_repository_of_its_name(beth: Beth, lone: None) -> None:
    journaled(stream_of("task-7"))
    assert found(beth) == []


def test_the_command_that_is_told_removes_the_reference(beth: Beth, work: RequestRepository) -> None:
    journaled("request/r1", stream_of("r1.1"))
    shown = beth("doctor", "--recover").stdout.splitlines()
    at = shown.index(f"refs/beth/tasks/r1.2  in {work.git.git_dir}")
    assert "the journal sqlite:///" in shown[at + 1]

    subprocess.run(shown[at + 2].removeprefix("    → "), shell=True, check=True)

    assert found(beth) == []


def test_without_a_journal_none_is_made_and_that_is_said(beth: Beth, work: RequestRepository, home: Path) -> None:
    ran = beth("doctor", "--recover", "--json")
    assert [one["data"]["ref"] for one in ran.json["unowned"]] == REFS
    assert f"there is no journal at sqlite:///{home}/beth.db" in ran.json["unowned"][0]["why"]
    assert not (home / "beth.db").exists()


def test_without_any_repository_nothing_is_opened(beth: Beth, home: Path) -> None:
    assert found(beth) == []
    assert not home.exists()


@pytest.mark.parametrize("known", [True, False])
def test_a_half_made_repository_stops_nothing(known: bool, beth: Beth, work: RequestRepository, home: Path) -> None:
    half = home / "repositories/half.git"
    (half / "objects").mkdir(parents=True)
    journaled("request/r1", stream_of("r1.1"), *(["request/half"] if known else []))

    ran = beth("doctor", "--recover", "--json")

    assert ran.exit_code == 0
    listed = {one["name"]: one["remove"] for one in ran.json["unowned"]}
    assert "refs/beth/tasks/r1.2" in listed
    assert listed.get("a repository without references") == (None if known else f"rm -r {half}")


def test_what_is_broken_in_a_repository_stops_nothing(beth: Beth, work: RequestRepository) -> None:
    journaled("request/r1", stream_of("r1.1"))
    (work.git.git_dir / "refs/beth/tasks/r1.9").write_text("garbage\n")
    (work.git.git_dir / "refs/beth/tasks/r1.8").write_text("")
    assert "refs/beth/tasks/r1.2" in found(beth)


def test_a_journal_that_cannot_be_reached_is_a_failure_and_nothing_is_listed(
    beth: Beth, work: RequestRepository, home: Path
) -> None:
    (home / "beth.db").write_text("no database\n" * 100)
    ran = beth("doctor", "--recover", "--json")
    assert ran.exit_code == 1
    assert ran.json["unowned"] == []
    assert [one["name"] for one in ran.json["failed"]] == ["git"]
