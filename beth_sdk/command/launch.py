"""What a command is started with: its arguments, its environment, the directory it works in, and the task on stdin."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from beth_sdk import schema
from beth_sdk.errors import Fatal, ManifestError
from beth_sdk.manifest import MANIFEST_NAME, Manifest
from beth_sdk.messages import Task
from beth_sdk.patterns import ID_PATTERN
from beth_sdk.private import folder_mode, make_private

PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SYSTEMROOT")
"""The worker's variables that every command gets; `environment` in the manifest names further ones."""


def arguments(manifest: Manifest, environ: Mapping[str, str]) -> list[str]:
    """The command with its placeholders filled in, the program as an absolute path. No shell is involved.

    `{python}` is the worker's own Python, `{package}` the manifest's directory, and an element that starts with `./` is
    relative to that directory. Raises `ManifestError` where the program does not exist or cannot be executed.
    """
    directory = (manifest.directory or Path()).absolute()
    filled = [_filled(element, directory) for element in manifest.command or ()]
    if not filled:
        raise _wrong(directory, "it names no command", 'add command = ["./agent.sh"]')
    return [_program(filled[0], directory, environ), *filled[1:]]


def _filled(element: str, directory: Path) -> str:
    if element.startswith("./"):
        return str(directory / element)
    return element.replace("{python}", sys.executable).replace("{package}", str(directory))


def _program(name: str, directory: Path, environ: Mapping[str, str]) -> str:
    if "/" in name:
        path = Path(name)
        if not path.is_absolute():
            raise _wrong(directory, f"command {name!r} is a relative path", f"write './{name}', from the manifest on")
        if not path.is_file():
            raise _wrong(directory, f"command {name!r} does not exist", "create it or correct the path")
        if not os.access(path, os.X_OK):
            raise _wrong(directory, f"command {name!r} is not executable", f"run chmod +x {name}")
        return name
    # Only absolute folders: a relative one would mean the work directory, where other agents write.
    folders = [folder for folder in environ.get("PATH", os.defpath).split(os.pathsep) if Path(folder).is_absolute()]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise _wrong(directory, f"command {name!r} is not installed", "install it, or add its folder to PATH")
    return found


def _wrong(directory: Path, problem: str, fix: str) -> ManifestError:
    return ManifestError(str(directory / MANIFEST_NAME), None, problem, fix)


def environment(manifest: Manifest, task: Task, directory: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """All of a command's variables, built up from a list: what is not named does not get in, API keys included.

    A name that the worker's own environment does not have is left out.
    """
    return {
        **{name: environ[name] for name in (*PASSED_ON, *manifest.environment) if name in environ},
        "BETH_TASK_ID": task.id,
        "BETH_REQUEST_ID": task.request_id or "",
        "BETH_ROLE": manifest.role,
        "BETH_WORK_DIR": str(directory),
    }


def work_directory(home: Path, task: Task) -> Path:
    """The directory in which all commands of a request work on this machine; made here if it is not there, closed to
    others.

    Named after the request, or after a task that belongs to none. It survives attempts, so that they may go on from
    what is there. Raises `Fatal` where the name would lead elsewhere.
    """
    name = task.request_id or task.id
    if re.search(ID_PATTERN, name) is None:
        raise Fatal(f"{name!r} is no id, so no work directory is made for it")
    parent = home.absolute() / "work"
    make_private(parent)
    directory = parent / name
    directory.mkdir(mode=folder_mode(), exist_ok=True)
    if not stat.S_ISDIR(directory.lstat().st_mode):
        raise Fatal(f"{directory} is a link to somewhere else; remove it")
    return directory


def stdin(task: Task, directory: Path, answers: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> bytes:
    """The task as the command reads it: the message of the contract, and under `beth` what only this run knows.

    `answers`: what earlier runs asked for, oldest first; the newest is the task's `answer` too.
    """
    document = task.to_json()
    document.pop("answer", None)
    if answers:
        newest = answers[-1]
        document["answer"] = {key: newest[key] for key in ("text", "results") if key in newest}
    document["beth"] = {
        "work_dir": str(directory),
        "run": len(answers),
        "answers": [dict(answer) for answer in answers],
        "notes": list(notes),
    }
    return schema.dumps(document, limit=None)
