"""The git workspaces of requests."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from beth_agent_beth.conftest import Studio
from beth_agent_beth.orchestration.workspaces import Impossible, Moved, Opened, Source, reason_of
from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.errors import GitUnusable, SourceRefused


async def committed(studio: Studio, task: str, role: str, **files: str) -> str:
    """A commit of one task, upon what the request began with."""
    repository = await studio.repository()
    clone = await TaskClone.open(repository, task, await repository.base())
    for name, text in files.items():
        (clone.directory / name.replace("_", ".")).write_text(text)
    return await clone.commit(f"Work of {task}", role=role)


async def opened(studio: Studio) -> Opened:
    return await studio.workspaces.open("r", None, when=1000.0)


async def merged(studio: Studio, commit: str, since: str | None = None) -> Moved | Conflict | Impossible:
    base = await (await studio.repository()).base()
    return await studio.workspaces.merge("r", commit, "Merge", base=base, since=since or base)


async def test_a_repository_that_is_opened_again_is_found(studio: Studio) -> None:
    first = await opened(studio)
    assert await studio.workspaces.open("r", Source("/nowhere"), when=9.0) == first
    assert first.repository == str(studio.home / "repositories/r.git")
    assert (first.uri, first.branch) == (Path(first.repository).as_uri(), "beth/r")


async def test_a_source_that_is_no_repository_is_refused(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(SourceRefused):
        await studio.workspaces.open("r", Source(str(tmp_path)), when=1000.0)


async def test_without_a_git_nothing_is_opened(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GitUnusable):
        await opened(studio)


async def test_a_merge_says_where_the_branch_is_and_who_contributed(studio: Studio) -> None:
    await opened(studio)
    first, second = await committed(studio, "t1", "a", a_txt="a"), await committed(studio, "t2", "b", b_txt="b")
    assert await merged(studio, first) == Moved(first, {"a": 1})
    moved = await merged(studio, second, since=first)
    assert moved == Moved(await (await studio.repository()).head(), {"b": 1, "beth": 1})


async def test_a_merge_that_is_done_again_says_the_same(studio: Studio) -> None:
    await opened(studio)
    first = await committed(studio, "t1", "a", a_txt="a")
    assert await merged(studio, first) == await merged(studio, first)


async def test_a_conflict_moves_nothing(studio: Studio) -> None:
    await opened(studio)
    first, second = await committed(studio, "t1", "a", x_txt="a"), await committed(studio, "t2", "b", x_txt="b")
    await merged(studio, first)
    assert isinstance(await merged(studio, second, since=first), Conflict)
    assert await (await studio.repository()).head() == first


async def test_a_commit_that_is_not_there_cannot_be_merged(studio: Studio) -> None:
    await opened(studio)
    for name in ("0" * 39 + "1", "--output=x", "refs/heads/none", ""):
        assert isinstance(await merged(studio, name), Impossible)


async def test_a_repository_that_is_another_than_it_was_is_not_merged_into(studio: Studio) -> None:
    await opened(studio)
    first = await committed(studio, "t1", "a", a_txt="a")
    found = await studio.workspaces.merge("r", first, "Merge", base="0" * 40, since="0" * 40)
    assert isinstance(found, Impossible)
    assert found.reason.endswith("is not the repository that the request began in")


async def test_a_repository_on_another_machine_is_not_made_here(studio: Studio) -> None:
    found = await studio.workspaces.merge("r", "0" * 40, "Merge", base="0" * 40, since="0" * 40)
    assert isinstance(found, Impossible)
    assert not (studio.home / "repositories").exists()


async def test_git_is_started_from_a_thread_that_ends_with_the_workspaces(studio: Studio) -> None:
    before = set(threading.enumerate())

    def names() -> list[str]:
        return [one.name for one in set(threading.enumerate()) - before if one.name == "beth-workspaces"]

    await opened(studio)
    assert names() == ["beth-workspaces"]
    await studio.workspaces.close()
    assert names() == []


def test_an_error_of_the_file_system_is_told_with_its_path() -> None:
    assert reason_of(PermissionError(13, "Permission denied", "/home/x")) == "/home/x: Permission denied"
