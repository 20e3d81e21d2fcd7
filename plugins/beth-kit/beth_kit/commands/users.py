"""A repository of the user's on this machine: looked at, and changed only by a push that runs none of its hooks."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from beth_kit.commands.errors import BranchRefused, PushRefused
from beth_kit.commands.finding import PATIENCE, Found
from beth_kit.workspace import refs
from beth_kit.workspace.errors import GitFailed
from beth_kit.workspace.git import CONFIGURATION, Git, Identity, environment, identity_of
from beth_kit.workspace.source import TAKE
from beth_sdk.clock import SystemClock
from beth_sdk.errors import ConfigurationError

BEHIND = "it has commits there that the request's work lacks; name another with --branch"


@dataclass(frozen=True, slots=True)
class UsersRepository:
    """The repository that the directory `place` belongs to, work tree or bare."""

    place: Path
    git: Git

    @classmethod
    def at(cls, directory: Path) -> UsersRepository:
        """The repository of a directory. Raises `ConfigurationError` where there is none that may be used."""
        if not directory.is_dir():
            raise ConfigurationError(f"{directory} is no directory")
        place = directory.resolve()
        settings = [word for setting in CONFIGURATION for word in ("-c", setting)]
        asked = subprocess.run(
            ["git", "-C", str(place), *settings, "rev-parse", "--path-format=absolute", "--git-common-dir"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment(),
            check=False,
        )
        if b"dubious ownership" in asked.stderr:
            raise ConfigurationError(f"{place} belongs to another user of this machine; run this as that user")
        if asked.returncode:
            raise ConfigurationError(f"{place} is no git repository")
        git_dir = Path(os.fsdecode(asked.stdout.removesuffix(b"\n")))
        return cls(place, Git(git_dir, clock=SystemClock(), timeout=PATIENCE))

    async def commit_of(self, branch: str) -> str | None:
        """The commit a branch is at; None where there is no such branch."""
        return await refs.read(self.git, f"refs/heads/{branch}")

    async def checked_out_at(self, branch: str) -> str | None:
        """The work tree that has a branch checked out, or is in the middle of rebasing it; None where none has."""
        told = await self.git.line("worktree", "list", "--porcelain")
        for block in told.split("\n\n"):
            facts = dict(line.split(" ", 1) for line in block.splitlines() if " " in line)
            # A bare repository names a branch for clones; nobody works on it there.
            if facts.get("branch") == f"refs/heads/{branch}" and "bare" not in block.splitlines():
                return facts["worktree"]
        rebased = [
            *self.git.git_dir.glob("rebase-*/head-name"),
            *self.git.git_dir.glob("worktrees/*/rebase-*/head-name"),
        ]
        if any(file.read_text(encoding="utf-8").strip() == f"refs/heads/{branch}" for file in rebased):
            return f"{self.place}, in the middle of a rebase"
        return None

    async def author(self) -> Identity:
        """Who the user is in this repository, by its configuration or their own; Beth where neither says."""
        name, email = [await self._setting(key) for key in ("user.name", "user.email")]
        return Identity(name, email) if name and email else identity_of("beth")

    async def push_address(self, remote: str) -> str | None:
        """Where a push to the remote of this name goes; None where there is no such remote."""
        told = await self.git.run("remote", "get-url", "--push", "--", remote, accepted=(0, 2, 128), user_config=True)
        return told.stdout.decode("utf-8", "replace").strip() or None

    async def _setting(self, key: str) -> str:
        told = await self.git.run("config", "--get", key, accepted=(0, 1), user_config=True)
        return told.stdout.decode("utf-8", "replace").strip()

    async def require_free(self, found: Found, branch: str) -> None:
        """Raises `BranchRefused` for a branch that somebody has checked out, with what the user can run there, and for
        a new one that a branch of the user's leaves no room for."""
        place = await self.checked_out_at(branch)
        if place is not None:
            raise BranchRefused(str(self.place), branch, f"is checked out at {place}", f"run there: {pull_line(found)}")
        other = await self._in_the_way(branch)
        if other is not None:
            reason = f"cannot be made beside your branch {other}, as one name is the beginning of the other"
            raise BranchRefused(str(self.place), branch, reason, "name another with --branch")

    async def _in_the_way(self, branch: str) -> str | None:
        """A branch whose name this one would turn into a directory, or the other way round; git keeps them as files."""
        parts = branch.split("/")
        for count in range(1, len(parts)):
            if await self.commit_of("/".join(parts[:count])) is not None:
                return "/".join(parts[:count])
        below = await refs.listed(self.git, f"refs/heads/{branch}/")
        return next((ref.removeprefix("refs/heads/") for ref in below), None)

    async def take(self, scratch: Git, commit: str, branch: str) -> None:
        """Move or make a branch, forward only, from what `scratch` sees. Raises `PushRefused`."""
        words = ("push", "--porcelain", "--no-verify", f"--receive-pack={TAKE}", "--", str(self.git.git_dir))
        try:
            ended = await scratch.run(*words, f"{commit}:refs/heads/{branch}", accepted=(0, 1))
        except GitFailed as failed:
            raise PushRefused(str(self.place), branch, said(failed.stderr) or str(failed)) from failed
        if ended.code:
            raise PushRefused(str(self.place), branch, rejected(ended.stdout) or "git gave no reason")


def pull_line(found: Found) -> str:
    """The command that merges a request's branch into what is checked out."""
    return f"git pull --no-rebase {shlex.quote(str(found.git.git_dir))} {found.repository.branch}"


def rejected(porcelain: bytes) -> str:
    """The reason in what `git push --porcelain` prints of a branch that was not taken."""
    for line in porcelain.decode("utf-8", "replace").splitlines():
        flag, *fields = line.split("\t")
        if flag == "!" and len(fields) == 2:
            reason = fields[1].removeprefix("[remote rejected] ").removeprefix("[rejected] ").strip("()")
            return BEHIND if reason in {"fetch first", "non-fast-forward"} else reason
    return ""


def said(stderr: str) -> str:
    """The line that matters in what git wrote to standard error."""
    lines = [
        line for line in stderr.splitlines() if line.startswith(("fatal:", "error:", "remote: error", "remote: fatal"))
    ]
    return lines[0].removeprefix("remote: ").strip() if lines else ""
