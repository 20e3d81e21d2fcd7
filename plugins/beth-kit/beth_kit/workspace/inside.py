"""The `.git` in a task's work tree: a throw-away for the tools in the sandbox, which the host makes and never reads.

With it `git status`, `log`, `diff`, `blame` and `stash` work in the sandbox. It borrows the objects of the request's
repository (the sandbox grants reading them) and keeps what is written to it to itself: a commit made with bash lives
until the next commit, checkout or restore of the host, then the whole directory is replaced. The files stay; only
what the host commits counts.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from beth_kit.workspace.git import ATTRIBUTES
from beth_kit.workspace.mend import permit
from beth_kit.workspace.worktree import WorkTree, give, remove

CONFIGURATION = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n[gc]\n\tauto = 0\n"


async def renew(work: WorkTree, objects: Path, commit: str, branch: str, scratch: Path) -> None:
    """Put a fresh `.git` at `commit`, on `branch`, in the place of whatever the task left there.

    It is built in `scratch`, which the task cannot write, and moved in whole: no link the task made is passed.
    """
    new = await asyncio.to_thread(_built, objects, commit, branch, scratch)
    await asyncio.to_thread(shutil.copyfile, work.index, new / "index")
    await work.on(new / "index").assume(commit)
    if work.owner is not None:
        await asyncio.to_thread(give, new, work.owner)
    await asyncio.to_thread(_put, new, work.root / ".git")


def _built(objects: Path, commit: str, branch: str, scratch: Path) -> Path:
    for left in scratch.iterdir():
        remove(left)  # of a host killed in the middle
    new = Path(tempfile.mkdtemp(prefix="inside-", dir=scratch))
    new.chmod(0o755)  # the task's own user reads it
    for directory in ("objects/info", "refs/heads", "info"):
        (new / directory).mkdir(parents=True)
    (new / "HEAD").write_text(f"ref: refs/heads/{branch}\n", encoding="utf-8")
    (new / "refs/heads" / branch).write_text(f"{commit}\n", encoding="ascii")
    (new / "config").write_text(CONFIGURATION, encoding="ascii")
    (new / "info/attributes").write_text(ATTRIBUTES, encoding="ascii")
    (new / "objects/info/alternates").write_bytes(os.fsencode(objects) + b"\n")
    return new


def _put(new: Path, here: Path) -> None:
    old = new.with_name(f"{new.name}-old")
    if os.path.lexists(here):
        try:
            here.rename(old)
        except PermissionError:
            permit(here.parent)
            here.rename(old)
    new.rename(here)
    if os.path.lexists(old):
        remove(old)
