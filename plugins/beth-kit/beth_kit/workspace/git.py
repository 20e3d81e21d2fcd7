"""Running git on the host's side so that nothing a task wrote decides what it runs.

What a hostile work tree could use, and what stops it here:

- a `.git` file or directory in the work tree: git never looks for one, `--git-dir` and `--work-tree` are always given;
- hooks, fsmonitor, pagers, signing, credential programs: they are configuration. The only configuration read is the one
  of a git directory that no task can write, the machine's and the user's are off, and `-c` overrides what remains;
- `.gitattributes` (filter, textconv, merge drivers, ident, encodings): drivers need configuration as above; besides,
  `info/attributes` of every git directory made here switches attributes that change bytes off (see `ATTRIBUTES`);
- directories with a `.git` of their own (embedded repositories, populated submodules): `git add` and `git status` start
  a git *inside* them, under their configuration. Neither is ever used here, see `state`;
- `.gitmodules` and `ext::` addresses: nothing recurses, and only the transports in `TRANSPORTS` exist.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from beth_kit.workspace.errors import GitFailed, GitUnusable, NameRefused
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.private import make_private

TIMEOUT = 120.0
"""Seconds a git command may take unless told otherwise; a hostile tree can make it wait forever (a FIFO where git reads
its rules from)."""

TRANSPORTS = "file:https:http:ssh"

OLDEST = (2, 38)
"""`git merge-tree --write-tree`, which merges without a work tree, came with git 2.38."""

ATTRIBUTES = "* -text -ident -filter -working-tree-encoding !eol !merge !diff\n"
"""For `info/attributes`, which beats every `.gitattributes`: bytes are committed as they are and come back so."""

CONFIGURATION = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "core.fileMode=true",
    "core.symlinks=true",
    "core.ignoreCase=false",
    "core.pager=cat",
    "core.logAllRefUpdates=false",
    "core.fsync=committed,reference",
    "core.fsyncMethod=batch",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "diff.external=",
    "diff.ignoreSubmodules=all",
    "commit.gpgSign=false",
    "push.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "protocol.ext.allow=never",
)

INHERITED: ContextVar[tuple[int, ...]] = ContextVar("inherited", default=())
"""File descriptors every git process keeps open: locks that hold until the last process that works under them ended."""

# A task's id may end a reference's name, where git allows neither "..", nor a final ".lock" or ".".
_NAME = re.compile(r"(?!.*\.\.)(?!.*\.lock$)[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?<!\.)")


@dataclass(frozen=True)
class Identity:
    """Who a commit is by."""

    name: str
    email: str


def identity_of(role: str) -> Identity:
    """The fixed identity of a role. The address cannot exist (RFC 2606 keeps `.invalid` free)."""
    named(role, "a role")
    return Identity(f"Beth {role}", f"{role}@beth.invalid")


def named(name: str, kind: str) -> str:
    """`name` if it can be part of a path and of a reference; raises `NameRefused` otherwise."""
    if not _NAME.fullmatch(name):
        raise NameRefused(kind, name)
    return name


def environment(*, user_config: bool = False) -> dict[str, str]:
    """The whole environment of a git process, built from a list: nothing is inherited but what is named here.

    `user_config` lets git read the user's own configuration: for talking to a remote, where it names credentials.
    """
    kept = ("PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy", "NO_PROXY")
    network = ("SSH_AUTH_SOCK", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR") if user_config else ()
    names = {name: os.environ[name] for name in (*kept, *network) if name in os.environ}
    return {
        "PATH": os.defpath,
        **names,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        **({} if user_config else {"GIT_CONFIG_GLOBAL": "/dev/null"}),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": TRANSPORTS,
    }


def signed(who: Identity, when: float) -> dict[str, str]:
    """The environment that makes a commit's author, committer and date (seconds since the epoch, in UTC)."""
    date = f"@{int(when)} +0000"
    return {
        "GIT_AUTHOR_NAME": who.name,
        "GIT_AUTHOR_EMAIL": who.email,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": who.name,
        "GIT_COMMITTER_EMAIL": who.email,
        "GIT_COMMITTER_DATE": date,
    }


@dataclass(frozen=True)
class Git:
    """Runs git on one git directory, with or without a work tree; neither is ever looked for."""

    git_dir: Path
    work_tree: Path | None = None
    objects: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    timeout: float = TIMEOUT

    def command(self, *words: str) -> list[str]:
        """The whole command line of `git words`."""
        where = [f"--git-dir={self.git_dir}"]
        if self.work_tree is not None:
            where.append(f"--work-tree={self.work_tree}")
        settings = [word for setting in CONFIGURATION for word in ("-c", setting)]
        return [_program(), "--no-pager", *where, *settings, *words]

    def environment(self, extra: Mapping[str, str] | None = None, *, user_config: bool = False) -> dict[str, str]:
        """The whole environment of a command on this git directory."""
        shared = {} if self.objects is None else {"GIT_OBJECT_DIRECTORY": str(self.objects)}
        return {**environment(user_config=user_config), **shared, **(extra or {})}

    async def run(
        self,
        *words: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        accepted: Sequence[int] = (0,),
        user_config: bool = False,
    ) -> Ended:
        """Run `git words` to its end. Raises `GitFailed` on an exit code not `accepted`, or after `timeout` seconds."""
        process = await asyncio.create_subprocess_exec(
            *self.command(*words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.work_tree or self.git_dir.parent,
            env=self.environment(env, user_config=user_config),
            pass_fds=INHERITED.get(),
            start_new_session=True,  # no terminal to ask for a password on, and one group to end
        )
        talking = asyncio.ensure_future(process.communicate(stdin))
        sleeping = asyncio.ensure_future(self.clock.sleep(self.timeout))
        try:
            await asyncio.wait({talking, sleeping}, return_when=asyncio.FIRST_COMPLETED)
            in_time = talking.done()
        finally:
            sleeping.cancel()
            if not talking.done():
                _end_group(process.pid)
                await asyncio.wait({talking})
        stdout, stderr = talking.result()
        told = stderr.decode("utf-8", "replace")[-2000:]
        if not in_time:
            raise GitFailed(words, None, told)
        code = process.returncode if process.returncode is not None else -1
        if code not in accepted:
            raise GitFailed(words, code, told)
        return Ended(code, stdout, stderr)

    async def line(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """What a command prints, for one that prints one line."""
        return (await self.run(*words, stdin=stdin, env=env)).stdout.decode("utf-8", "surrogateescape").strip()

    async def names(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> list[str]:
        """What a command prints, for one that ends each name with a NUL."""
        return split((await self.run(*words, stdin=stdin, env=env)).stdout)


@dataclass(frozen=True)
class Ended:
    """How a git command ended: its exit code, what it printed, and what it wrote to standard error."""

    code: int
    stdout: bytes
    stderr: bytes = b""


def split(printed: bytes) -> list[str]:
    """The names in NUL-ended output. File names are bytes: what is not UTF-8 is kept by `surrogateescape`."""
    return [os.fsdecode(name) for name in printed.split(b"\0") if name]


def joined(names: Sequence[str]) -> bytes:
    """Names as NUL-ended input."""
    return b"".join(os.fsencode(name) + b"\0" for name in names)


async def require_git(clock: Clock | None = None) -> tuple[int, int]:
    """The version of this machine's git. Raises `GitUnusable` where it is missing or older than `OLDEST`."""
    told = await Git(Path(os.devnull), clock=clock or SystemClock()).line("--version")
    return usable(told)


def usable(told: str) -> tuple[int, int]:
    """The version in what `git --version` printed. Raises `GitUnusable` where it is older than `OLDEST`."""
    found = re.search(r"(\d+)\.(\d+)", told)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version < OLDEST:
        raise GitUnusable(f"{told}: Beth needs git {OLDEST[0]}.{OLDEST[1]} or newer; install it")
    return version


async def prepare(git_dir: Path, clock: Clock) -> Git:
    """Make the bare git directory `git_dir`, complete or not at all, with nothing of any template in it."""
    make_private(git_dir.parent)
    git = Git(git_dir, clock=clock)
    if (git_dir / "info/attributes").is_file():
        return git
    shutil.rmtree(git_dir, ignore_errors=True)
    await git.run("init", "--quiet", "--bare", "--template=", "--initial-branch=none", str(git_dir))
    (git_dir / "info").mkdir(exist_ok=True)
    unfinished = git_dir / "info/attributes.new"
    unfinished.write_text(ATTRIBUTES, encoding="ascii")
    unfinished.rename(git_dir / "info/attributes")
    return git


def _program() -> str:
    found = shutil.which("git")
    if found is None:
        raise GitUnusable("there is no git on this machine: install git 2.38 or newer")
    return found


def _end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it ended by itself in the meantime
