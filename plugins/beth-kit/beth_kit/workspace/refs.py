"""Moving a reference by compare-and-set, and working alone: so that a writer killed in the middle blocks nobody after.

Git takes a lock file a reference and leaves it behind when it is killed. All writers of a request's repository come
through here and hold one kernel lock first, inherited by the git process, so it ends with the last of the two: whoever
has it knows that any lock file found is a dead writer's.
"""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BufferedWriter

from beth_kit.workspace.errors import BranchMoved, GitFailed
from beth_kit.workspace.git import INHERITED, Git

NONE = "0" * 40
SECONDS = 30.0


async def read(git: Git, ref: str) -> str | None:
    """The commit a reference is at, or None."""
    found = await git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", accepted=(0, 1))
    return found.stdout.decode().strip() or None


async def listed(git: Git, prefix: str) -> dict[str, str]:
    """References under `prefix` and their commits, in the order of their names."""
    told = await git.line("for-each-ref", "--format=%(objectname) %(refname)", prefix)
    pairs = (line.split(" ", 1) for line in told.splitlines())
    return {name: commit for commit, name in pairs}


async def move(git: Git, ref: str, new: str | None, expected: str | type[BranchMoved] | None = BranchMoved) -> None:
    """Set `ref` to `new` (None deletes it) if it is at `expected` (None: it must not exist; not given: wherever it is).

    Raises `BranchMoved` where it is elsewhere. Not interrupted by a cancellation: it ends moved or not moved.
    """
    await asyncio.shield(asyncio.to_thread(_move, git, ref, new, expected))


def _move(git: Git, ref: str, new: str | None, expected: str | type[BranchMoved] | None) -> None:
    words = ["update-ref", "--no-deref", *(("-d", ref) if new is None else (ref, new))]
    if not isinstance(expected, type):
        words.append(expected or NONE)
    with (git.git_dir / "beth.flock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in (git.git_dir / f"{ref}.lock", git.git_dir / "packed-refs.lock"):
            left.unlink(missing_ok=True)
        try:
            ended = subprocess.run(
                git.command(*words),
                env=git.environment(),
                cwd=git.git_dir,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
                pass_fds=(lock.fileno(),),
            )
        except subprocess.TimeoutExpired:
            raise GitFailed(words, None, "") from None
        if ended.returncode:
            found = _now(git, ref)
            if not isinstance(expected, type) and found != expected:
                raise BranchMoved(ref, expected, found)
            raise GitFailed(words, ended.returncode, ended.stderr.decode("utf-8", "replace")[-2000:])


def _now(git: Git, ref: str) -> str | None:
    asked = subprocess.run(
        git.command("rev-parse", "--verify", "--quiet", ref),
        env=git.environment(),
        cwd=git.git_dir,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return asked.stdout.decode().strip() or None


@asynccontextmanager
async def exclusively(git: Git) -> AsyncIterator[None]:
    """Hold the work on one task's git directory: waits until every git process of a worker killed before has ended,
    then removes the index locks these left."""
    lock = await _locked(git)
    token = INHERITED.set((*INHERITED.get(), lock.fileno()))
    try:
        for left in git.git_dir.glob("*.index.lock"):
            left.unlink(missing_ok=True)
        yield
    finally:
        INHERITED.reset(token)
        lock.close()


async def _locked(git: Git) -> BufferedWriter:
    lock = await asyncio.to_thread((git.git_dir / "beth.flock.work").open, "ab")
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                # Not a blocking wait in a thread: those who wait could take all threads from the one who works.
                await git.clock.sleep(0.005)
    except BaseException:
        lock.close()
        raise
