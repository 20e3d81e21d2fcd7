"""What was refused to a tool: from the supervisor's report, and from what programs say where nobody else knows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from beth_kit.sandbox.policy import DEVICES, Policy, system_roots

MOST = 20
"""Different refusals that an outcome names."""

LONGEST = 300
"""Characters that are kept of a line of output."""

_WORDS = "Permission denied|Operation not permitted|Invalid cross-device|EACCES|EPERM|EXDEV"
_LIMITED = re.compile(
    r"File too large|EFBIG|Resource temporarily unavailable|EAGAIN|can't start new thread|Cannot allocate memory|ENOMEM"
    r"|\bMemoryError\b"
)
"""What programs say of the limits that the kernel holds one process to (setrlimit(2)): it tells nobody else."""
_REFUSED = re.compile(rf"^.*(?:{_WORDS}|{_LIMITED.pattern}).*$", re.MULTILINE)
_PATH = re.compile(r"""(?:'([^']*)'|"([^"]*)"|(?<![\w.])(/[^\s:'",;)]+))""")


@dataclass(frozen=True, slots=True)
class Denial:
    """One thing that was refused. `by` says how certain it is:

    - `seccomp`: the filter refused the system call `what`, and the supervisor saw it;
    - `landlock`: the supervisor saw the system call, and the policy refuses it;
    - `policy`: the program said so of a path (`what` is `file`) that the policy does not let it have;
    - `output`: a program said so, and it may have been something else (`what` is `output`, or `limit` where it ran into
      a limit of one process; `detail` the line).

    `detail`: arguments, an address, a path. `program`: what the process called itself; empty where nobody knows.
    `times`: how often.
    """

    what: str
    detail: str
    by: str
    program: str = ""
    times: int = 1

    def __str__(self) -> str:
        said = f"{self.what}({self.detail})" if self.by in ("seccomp", "landlock") else f"{self.what}: {self.detail}"
        who = f" by {self.program}" if self.program else ""
        return f"{said}{who}" + (f", {self.times} times" if self.times > 1 else "")


def from_report(line: str) -> Denial:
    """A denial from a line of the launcher's report."""
    what, detail, by, program, times = line.split("\t")
    return Denial(what, detail, by, program, int(times))


def from_output(stderr: bytes, policy: Policy) -> list[Denial]:
    """Refusals that programs complain about: the kernel tells nobody else, without privileges, which file it refused.

    Different ones, `MOST` at the most. A program can say what it likes here, and need not say anything; what does not
    show on a screen, or steers a terminal, is a `?`.
    """
    found: dict[Denial, None] = {}
    allowed: tuple[Path, ...] | None = None
    for match in _REFUSED.finditer(stderr.decode("utf-8", "replace")):
        line = _printable(match.group().strip()[:LONGEST])
        if _LIMITED.search(line):
            found[Denial("limit", line, "output")] = None
            continue
        if allowed is None:
            allowed = _allowed(policy)
        outside = [path for path in _paths(line, policy) if not _inside(path, allowed)]
        found |= dict.fromkeys(
            [Denial("file", path, "policy") for path in outside] or [Denial("output", line, "output")]
        )
        if len(found) >= MOST:
            break
    return list(found)[:MOST]


def _printable(text: str) -> str:
    # A NUL is no part of a path either: who looks for it would raise.
    return "".join(one if one.isprintable() else "?" for one in text)


def _allowed(policy: Policy) -> tuple[Path, ...]:
    granted: Iterable[Path] = (
        *system_roots(policy.uid),
        *policy.readable,
        *policy.writable,
        *(Path(one) for one in DEVICES),
    )
    shared = (Path("/dev/shm"),) if policy.shared_memory else ()  # noqa: S108 - compared only
    return tuple(Path(os.path.realpath(one)) for one in (*granted, *shared))


def _paths(line: str, policy: Policy) -> Iterator[str]:
    """The paths that a line names; those in quotes may be relative to where the program started."""
    for match in _PATH.finditer(line):
        name = next((found for found in match.groups() if found), "")
        if name.startswith("/"):
            yield name
        elif name and ("/" in name or os.path.lexists(policy.directory / name)):
            yield os.path.realpath(policy.directory / name)


def _inside(path: str, allowed: tuple[Path, ...]) -> bool:
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(one) for one in allowed)
