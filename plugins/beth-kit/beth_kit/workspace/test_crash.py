"""A host killed in the middle of its work leaves a repository and a clone that go on."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conflict import Merged
from beth_kit.workspace.errors import BranchMoved
from beth_kit.workspace.git import identity_of
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.snapshot import restore, snapshot, taken

WORKER = """
import asyncio, itertools, sys
from pathlib import Path
from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.git import identity_of
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.snapshot import snapshot

async def main(home):
    repository = await RequestRepository.open(home, "r1")
    clone = await TaskClone.open(repository, "t1")
    for number in itertools.count():
        for name in range(40):
            (clone.directory / f"f{name}").write_text(f"{sys.argv[2]} {number} {name}")
        print("writing", flush=True)
        kept = await snapshot(clone, number)
        commit = await clone.commit("Work", role="developer")
        await repository.merge(commit, "Merge", identity_of("beth"))
        print("merged", number, kept.commit, commit, flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""
ROUNDS = 6


def _started(words: list[str], **how: Any) -> subprocess.Popen[Any]:
    return subprocess.Popen(words, **how)


async def test_a_host_killed_at_any_moment_loses_nothing_it_has_returned(repository: RequestRepository) -> None:
    chance = random.Random(20)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for number in range(ROUNDS):
        words = [sys.executable, "-c", WORKER, str(repository.home), str(number)]
        worker = _started(words, stdout=subprocess.PIPE, text=True, env=env)
        assert worker.stdout is not None
        told = [worker.stdout.readline() for _ in range(chance.choice((1, 2, 3, 4)))]
        try:
            worker.wait(chance.uniform(0.0, 0.12))  # somewhere in what follows, which takes about as long
        except subprocess.TimeoutExpired:
            worker.send_signal(signal.SIGKILL)
        told += worker.stdout.read().splitlines()
        worker.stdout.close()
        assert worker.wait() == -signal.SIGKILL

        clone = await TaskClone.open(repository, "t1")
        for line in (line.split() for line in told if line.startswith("merged")):
            assert await repository.contains(await repository.head(), line[3])
            kept = await taken(clone, int(line[1]))
            assert kept is not None
            assert len(await repository.files(kept.commit)) >= 42
        (clone.directory / "after").write_text(str(number))
        await restore(clone, await snapshot(clone, 1000 + number))
        merged = await repository.merge(await clone.commit("After", role="developer"), "Merge", identity_of("beth"))
        assert isinstance(merged, Merged)
        await repository.git.run("fsck", "--connectivity-only", "--no-dangling")


@pytest.mark.parametrize("left", ["files.index.lock", "chosen.index.lock", "HEAD.lock"])
async def test_a_lock_of_a_killed_git_in_the_clone_blocks_nobody(clone: TaskClone, left: str) -> None:
    (clone.git.git_dir / left).write_text("")
    (clone.directory / "a").write_text("x")

    await snapshot(clone, 1)
    await clone.commit("A", ["a"], role="developer")


async def test_a_lock_of_a_killed_git_on_the_branch_blocks_nobody(
    clone: TaskClone, repository: RequestRepository
) -> None:
    (repository.git.git_dir / f"{repository.branch_ref}.lock").write_text("")
    (repository.git.git_dir / "packed-refs.lock").write_text("")
    (clone.directory / "a").write_text("x")
    commit = await clone.commit("A", role="developer")

    await repository.move_branch(commit, await repository.base())

    assert await repository.head() == commit


async def test_work_waits_for_a_git_that_outlived_its_worker(clone: TaskClone, tmp_path: Path) -> None:
    holder = _started(
        ["flock", str(clone.git.git_dir / "beth.flock.work"), "sh", "-c", "echo held; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    waiting = asyncio.ensure_future(snapshot(clone, 1))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done

    holder.communicate(b"\n")

    assert (await waiting).ref == "refs/beth/wip/t1/1"


async def test_a_clone_whose_making_was_cut_is_made_again(repository: RequestRepository) -> None:
    half = repository.home / "work/r1/t1"
    half.mkdir(parents=True)
    (half / "app.py").write_text("half")
    (half.parent / "t1.git/refs").mkdir(parents=True)

    clone = await TaskClone.open(repository, "t1")

    assert (clone.directory / "app.py").read_text() == "one\ntwo\nthree\n"


async def test_a_request_whose_beginning_was_cut_goes_on(users: Path, tmp_path: Path) -> None:
    whole = await RequestRepository.open(tmp_path / "home", "r1", repo=str(users))
    await whole.git.run("update-ref", "-d", whole.branch_ref)

    again = await RequestRepository.open(tmp_path / "home", "r1", repo=str(users))

    assert await again.head() == await whole.base()


async def test_a_merge_overtaken_again_and_again_gives_up_with_the_reason(
    repository: RequestRepository, clone: TaskClone, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clone.directory / "a").write_text("x")
    commit = await clone.commit("A", role="developer")

    async def overtaken(_: RequestRepository, to_commit: str, expected_old: str) -> None:
        raise BranchMoved("refs/heads/beth/r1", expected_old, to_commit)

    monkeypatch.setattr(RequestRepository, "move_branch", overtaken)
    with pytest.raises(BranchMoved):
        await repository.merge(commit, "Merge", identity_of("beth"))
