"""A throw-away git directory over the objects of others: what is made in it changes none of them, and none of their
configuration, hooks or references has a say in it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from beth_kit.commands.finding import PATIENCE
from beth_kit.workspace.git import Git
from beth_sdk.clock import SystemClock


@asynccontextmanager
async def scratch(*git_dirs: Path) -> AsyncIterator[Git]:
    """A bare git directory that sees every object of these, and is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="beth-") as folder:
        git = Git(Path(folder) / "scratch.git", clock=SystemClock(), timeout=PATIENCE)
        await git.run("init", "--quiet", "--bare", "--template=", "--initial-branch=none", str(git.git_dir))
        await asyncio.to_thread(_look_into, git.git_dir, git_dirs)
        yield git


def _look_into(scratch_dir: Path, git_dirs: tuple[Path, ...]) -> None:
    alternates = scratch_dir / "objects/info/alternates"
    alternates.parent.mkdir(exist_ok=True)
    alternates.write_text("".join(f"{git_dir / 'objects'}\n" for git_dir in git_dirs), encoding="utf-8")
    # Where histories were cut off, their oldest commits name parents that are not there.
    cuts = {
        line
        for git_dir in git_dirs
        if (git_dir / "shallow").is_file()
        for line in (git_dir / "shallow").read_text(encoding="ascii").splitlines()
    }
    if cuts:
        (scratch_dir / "shallow").write_text("".join(f"{cut}\n" for cut in sorted(cuts)), encoding="ascii")
