"""A request's branch: moved by compare-and-set, merged without a work tree."""

import asyncio
from pathlib import Path

import pytest

from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conflict import Conflict, Merged, describe
from beth_kit.workspace.errors import BranchMoved, GitFailed, NameRefused
from beth_kit.workspace.git import identity_of
from beth_kit.workspace.repository import RequestRepository, UnownedRef, unowned_refs
from beth_kit.workspace.snapshot import snapshot

BETH = identity_of("beth")


async def _change(repository: RequestRepository, task: str, **files: str) -> str:
    clone = await TaskClone.open(repository, task, await repository.base())
    for name, text in files.items():
        (clone.directory / name.replace("_", ".")).write_text(text)
    return await clone.commit(f"Work of {task}", role="developer")


async def test_the_branch_moves_only_from_where_it_was_expected(repository: RequestRepository) -> None:
    base = await repository.base()
    commit = await _change(repository, "t1", a_txt="a")
    await repository.move_branch(commit, base)

    with pytest.raises(BranchMoved) as raised:
        await repository.move_branch(base, base)

    assert (raised.value.expected, raised.value.found) == (base, commit)
    assert await repository.head() == commit


async def test_a_merge_of_the_only_change_is_a_fast_forward(repository: RequestRepository) -> None:
    commit = await _change(repository, "t1", a_txt="a")

    assert await repository.merge(commit, "Merge", BETH) == Merged(commit, fast_forward=True)
    assert await repository.head() == commit


async def test_a_commit_merged_twice_is_merged_once(repository: RequestRepository) -> None:
    first, second = await _change(repository, "t1", a_txt="a"), await _change(repository, "t2", b_txt="b")
    await repository.merge(first, "Merge", BETH)
    once = await repository.merge(second, "Merge", BETH)

    again = await repository.merge(second, "Merge", BETH)

    assert again.commit == once.commit if isinstance(again, Merged) and isinstance(once, Merged) else False


async def test_two_changes_apart_become_a_merge_commit_of_both(repository: RequestRepository) -> None:
    first, second = await _change(repository, "t1", a_txt="a"), await _change(repository, "t2", b_txt="b")
    await repository.merge(first, "Merge t1", BETH)

    merged = await repository.merge(second, "Merge t2", BETH)

    assert isinstance(merged, Merged)
    assert await repository.head() == merged.commit
    assert set(await repository.files()) == {"a.txt", "app.py", "b.txt", "docs/guide.md"}
    told = await repository.git.line("log", "-1", "--format=%P|%an|%s", merged.commit)
    assert told == f"{first} {second}|Beth beth|Merge t2"


async def test_a_merge_is_dated_like_the_later_of_its_parents(repository: RequestRepository) -> None:
    commits = []
    for task, when in (("t1", 9e8), ("t2", 8e8)):
        clone = await TaskClone.open(repository, task, await repository.base())
        (clone.directory / f"{task}.txt").write_text(task)
        commits.append(await clone.commit("Work", role="developer", when=when))
    await repository.move_branch(commits[0], await repository.base())

    merged = await repository.merge(commits[1], "Merge t2", BETH)

    assert isinstance(merged, Merged)
    assert await repository.git.line("log", "-1", "--format=%at %ct", merged.commit) == "900000000 900000000"


async def test_the_first_commit_has_the_date_that_is_given(tmp_path: Path) -> None:
    opened = [await RequestRepository.open(tmp_path / home, "r1", when=1000.9) for home in ("one", "two")]

    assert await opened[0].base() == await opened[1].base()
    assert [entry.when for entry in await opened[0].log()] == [1000.0]


async def test_a_conflict_moves_nothing_and_names_files_and_both_sides(repository: RequestRepository) -> None:
    ours, theirs = await _change(repository, "t1", app_py="ours\n"), await _change(repository, "t2", app_py="theirs\n")
    await repository.merge(ours, "Merge", BETH)

    found = await repository.merge(theirs, "Merge", BETH)

    assert isinstance(found, Conflict)
    assert (found.files, found.ours, found.theirs) == (("app.py",), ours, theirs)
    assert found.base == await repository.base()
    assert await repository.head() == ours
    told = describe(found)
    for fact in (ours, theirs, "app.py", "Work of t1", "Work of t2"):
        assert fact in told


async def test_a_conflict_is_resolved_by_a_task_and_then_merges_forward(repository: RequestRepository) -> None:
    ours, theirs = await _change(repository, "t1", app_py="ours\n"), await _change(repository, "t2", app_py="theirs\n")
    await repository.merge(ours, "Merge", BETH)
    found = await repository.merge(theirs, "Merge", BETH)
    assert isinstance(found, Conflict)
    resolver = await TaskClone.open(repository, "t3")

    await resolver.begin_merge(found)
    marked = (resolver.directory / "app.py").read_text()
    (resolver.directory / "app.py").write_text("ours and theirs\n")
    resolved = await resolver.commit("Resolve", role="developer")

    assert "<<<<<<<" in marked
    assert "ours\n" in marked
    assert "theirs\n" in marked
    assert await repository.merge(resolved, "Merge", BETH) == Merged(resolved, fast_forward=True)
    assert await repository.contains(resolved, theirs)
    assert await repository.git.line("show", f"{resolved}:app.py") == "ours and theirs"


async def test_a_conflict_resolved_as_ours_still_becomes_a_commit(repository: RequestRepository) -> None:
    ours, theirs = await _change(repository, "t1", app_py="ours\n"), await _change(repository, "t2", app_py="theirs\n")
    await repository.merge(ours, "Merge", BETH)
    found = await repository.merge(theirs, "Merge", BETH)
    assert isinstance(found, Conflict)
    resolver = await TaskClone.open(repository, "t3")
    await resolver.begin_merge(found)
    (resolver.directory / "app.py").write_text("ours\n")

    resolved = await resolver.commit("Keep ours", role="developer")

    assert await repository.contains(resolved, theirs)
    assert await resolver.parents() == (resolved,)


async def test_a_file_deleted_by_one_side_and_changed_by_the_other_is_a_conflict(repository: RequestRepository) -> None:
    clone = await TaskClone.open(repository, "t1")
    (clone.directory / "app.py").unlink()
    await repository.merge(await clone.commit("Delete", role="developer"), "Merge", BETH)

    found = await repository.merge(await _change(repository, "t2", app_py="changed\n"), "Merge", BETH)

    assert isinstance(found, Conflict)
    assert found.files == ("app.py",)


async def test_concurrent_merges_all_arrive(repository: RequestRepository) -> None:
    commits = [await _change(repository, f"t{number}", **{f"f{number}_txt": "x"}) for number in range(5)]

    merged = await asyncio.gather(*(repository.merge(commit, "Merge", BETH) for commit in commits))

    assert all(isinstance(one, Merged) for one in merged)
    head = await repository.head()
    assert [await repository.contains(head, commit) for commit in commits] == [True] * 5
    assert {f"f{number}.txt" for number in range(5)} <= set(await repository.files())


async def test_of_concurrent_moves_from_one_place_one_wins(repository: RequestRepository) -> None:
    base = await repository.base()
    commits = [await _change(repository, f"t{number}", **{f"f{number}_txt": "x"}) for number in range(4)]

    ended = await asyncio.gather(*(repository.move_branch(one, base) for one in commits), return_exceptions=True)

    assert [type(one) for one in ended if one is not None] == [BranchMoved] * 3
    assert await repository.head() == commits[ended.index(None)]


async def test_a_file_name_with_a_newline_in_a_conflict_cannot_forge_a_line(repository: RequestRepository) -> None:
    name = "x\nTheirs, forged\n.py"
    commits = []
    for task in ("t1", "t2"):
        clone = await TaskClone.open(repository, task, await repository.base())
        (clone.directory / name).write_text(task)
        commits.append(await clone.commit("Work", role="developer"))
    await repository.merge(commits[0], "Merge", BETH)

    found = await repository.merge(commits[1], "Merge", BETH)

    assert isinstance(found, Conflict)
    assert found.files == (name,)
    assert not any(line.startswith("Theirs, forged") for line in describe(found).splitlines())


async def test_what_is_no_commit_cannot_be_merged(repository: RequestRepository) -> None:
    for name in ("0" * 40, "--help", "nothing"):
        with pytest.raises(GitFailed):
            await repository.merge(name, "Merge", BETH)


async def test_diff_and_log_show_what_the_request_changed(repository: RequestRepository) -> None:
    await repository.merge(await _change(repository, "t1", app_py="one\n2\nthree\n"), "Merge", BETH)

    patch = await repository.diff()
    log = await repository.log(since=await repository.base())

    assert b"-two\n+2\n" in patch
    assert [(entry.author, entry.subject) for entry in log] == [("Beth developer", "Work of t1")]


async def test_a_request_id_that_leads_out_of_the_home_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NameRefused):
        await RequestRepository.open(tmp_path / "home", "../out")


async def test_references_that_nobody_owns_are_listed(repository: RequestRepository, tmp_path: Path) -> None:
    for task in ("known", "lost"):
        clone = await TaskClone.open(repository, task)
        (clone.directory / "x").write_text(task)
        await snapshot(clone, 1)
    other = await RequestRepository.open(tmp_path / "home", "r2")

    async def owns(request_id: str, task_id: str | None) -> bool:
        return request_id == "r1" and task_id in {None, "known"}

    found = await unowned_refs(tmp_path / "home", owns)

    assert [(one.repository.name, one.ref) for one in found] == [
        ("r1.git", "refs/beth/wip/lost/1"),
        ("r2.git", "refs/beth/base"),
        ("r2.git", "refs/heads/beth/r2"),
    ]
    assert found[-1].commit == await other.head()
    assert await unowned_refs(tmp_path / "nowhere", owns) == ()


async def test_a_half_made_repository_is_listed_only_where_it_is_nobodys(tmp_path: Path) -> None:
    for name in ("known", "lost"):
        (tmp_path / f"home/repositories/{name}.git/objects").mkdir(parents=True)

    async def owns(request_id: str, task_id: str | None) -> bool:
        return request_id == "known"

    assert await unowned_refs(tmp_path / "home", owns) == (UnownedRef(tmp_path / "home/repositories/lost.git", "", ""),)
