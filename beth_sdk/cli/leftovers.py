"""What Beth leaves behind in its home, and which of it is not needed any more."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from beth_sdk.cli.paths import LOGS, MEMORY, PACKAGES, PINS, REPOSITORIES, WORK
from beth_sdk.cli.text import span
from beth_sdk.history import ENDED, REDRIVEN, stream_of
from beth_sdk.journal.base import Journal
from beth_sdk.messages import FINAL_STATUSES

REQUESTS = "request/"
"""Beth's streams in the journal; a work folder is named after a request, or after a task that belongs to none."""

BESIDE_DATABASE = ("", "-wal", "-shm", "-journal", ".turn", ".wake")
"""What SQLite and Beth keep beside a database file."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder, how large it is, and why it is to be deleted or kept."""

    path: Path
    bytes: int
    why: str
    delete: bool

    @classmethod
    def of(cls, path: Path, why: str, *, delete: bool) -> Leftover:
        """With its size on disk now."""
        return cls(path, measure(path), why, delete)


def work_folders(home: Path) -> list[Path]:
    """The folders in which commands worked, and those with what was installed for them, by name."""
    tops = [folder for folder in (home / WORK, home / PACKAGES) if folder.is_dir()]
    return sorted(one for folder in tops for one in folder.iterdir() if one.is_dir())


async def work_of_ended(home: Path, journal: Journal, *, older_than: float, now: float) -> list[Leftover]:
    """Every work folder; to be deleted are those whose request ended more than `older_than` seconds before `now`."""
    found = []
    for folder in work_folders(home):
        known, ended = await _end_of(journal, folder.name)
        if not known:
            found.append(Leftover.of(folder, "this journal does not know it", delete=False))
        elif ended is None:
            found.append(Leftover.of(folder, "has not ended", delete=False))
        else:
            age = max(0.0, now - ended)
            found.append(Leftover.of(folder, f"ended {span(age)} ago", delete=age >= older_than))
    return found


def everything(home: Path, databases: Iterable[Path]) -> list[Leftover]:
    """All that Beth keeps in its home is to be deleted; what it does not know, and databases elsewhere, stay."""
    inside = [path for path in {home / "beth.db", *databases} if path.parent.resolve() == home.resolve()]
    ours = {f"{path.name}{suffix}" for path in inside for suffix in BESIDE_DATABASE}
    ours |= {WORK, LOGS, REPOSITORIES, PACKAGES, MEMORY, PINS}
    entries = sorted(home.iterdir()) if home.is_dir() else []
    found = [
        Leftover.of(one, "Beth's" if one.name in ours else "not Beth's", delete=one.name in ours) for one in entries
    ]
    outside = [path for path in databases if path not in inside and path.exists()]
    return [*found, *(Leftover.of(path, "not in Beth's home", delete=False) for path in outside)]


def measure(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    sizes = (Path(folder, name).lstat().st_size for folder, _, names in os.walk(path) for name in names)
    return sum(sizes)


def remove(path: Path) -> None:
    """Delete a file or a folder with all that is in it. Links are removed, not followed."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for folder, names, _ in os.walk(path):
        for name in names:
            _open_up(Path(folder, name))
    shutil.rmtree(path)


def _open_up(folder: Path) -> None:
    """Some programs leave folders that not even their owner may write."""
    mode = folder.lstat().st_mode
    if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
        folder.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)


async def _end_of(journal: Journal, name: str) -> tuple[bool, float | None]:
    """Whether the journal knows a request or a task of this name, and when it ended for good, if it has."""
    for stream in (f"{REQUESTS}{name}", stream_of(name)):
        known, ended = False, None
        async for entry in journal.read(stream):
            known = True
            if entry.fact.kind == ENDED:
                result = entry.fact.data.get("result")
                final = result is None or result.get("status") in FINAL_STATUSES
                ended = entry.at if final else None
            elif entry.fact.kind == REDRIVEN:
                ended = None
        if known:
            return True, ended
    return False, None
