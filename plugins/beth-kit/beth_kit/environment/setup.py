"""`.beth/setup`: a script in the user's repository that installs what the work needs, run once for a request.

It is taken from the commit the request began at, where no task can have written it, and runs in the sandbox with the
packages to write and a throw-away copy of the tree to look into. `$BETH_PACKAGES` is the folder of the packages; the
`python` and `pip` it finds are those of the request's virtual environment; Node looks into `$BETH_PACKAGES/node`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from beth_kit.environment.installer import SECONDS, Installer, InstallFailed
from beth_kit.sandbox.policy import Network
from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.repository import RequestRepository

SCRIPT = ".beth/setup"
ATTEMPTS = 2
"""Times that a script which fails is run, with the same network: a registry may have been away."""

_COPY = "beth-setup"
"""What the throw-away clone is called, where tasks are called by their ids."""


@dataclass(frozen=True, slots=True)
class Script:
    """The script at `commit`; `digest` tells it from another one."""

    commit: str
    executable: bool
    digest: str


@dataclass(slots=True)
class _Known:
    """What is known of a request's script, in a file that only the host writes."""

    digest: str
    done: bool = False
    failures: dict[str, int] = field(default_factory=dict)
    words: str = ""


async def set_up(installer: Installer, repository: RequestRepository, script: Script, network: Network) -> str | None:
    """Run the script unless it has run. Returns what went wrong in words for a model, or None.

    `network` is the role's own. Raises `WorkspaceError`.
    """
    file = installer.packages.root.with_name(f"{installer.packages.root.name}.setup.json")
    if _over(known := _read(file, script.digest), network):
        return known.words or None
    async with installer.exclusively():
        if _over(known := _read(file, script.digest), network):
            return known.words or None
        known.words = await _run(installer, repository, script, network) or ""
        known.done = not known.words
        if not known.done:
            known.failures[network] = known.failures.get(network, 0) + 1
        _write(file, known)
    return known.words or None


async def script_of(repository: RequestRepository) -> Script | None:
    """The script of the commit that the request began at; None where there is none. Raises `WorkspaceError`."""
    commit = await repository.base()
    listed = await repository.git.names("ls-tree", "-z", commit, "--", SCRIPT)
    facts = listed[0].split("\t")[0].split() if listed else []
    if len(facts) != 3 or facts[1] != "blob" or facts[0] == "120000":
        return None
    mode, _, blob = facts
    content = (await repository.git.run("cat-file", "blob", blob)).stdout
    return Script(commit, mode == "100755", hashlib.sha256(content).hexdigest())


async def _run(installer: Installer, repository: RequestRepository, script: Script, network: Network) -> str | None:
    mine = None if installer.uid is None else (installer.uid, installer.uid)
    left = await TaskClone.open(repository, _COPY, script.commit, owner=mine)
    await left.remove()  # of a worker that was killed
    copy = await TaskClone.open(repository, _COPY, script.commit, owner=mine)
    root = installer.packages.root
    told = dataclasses.replace(
        installer.policy(network, directory=copy.directory, writable=(copy.directory,)),
        readable=(*installer.sources.readable, *copy.readable),
        path=installer.packages.path,
    )
    try:
        await installer.staged(())
        argv = [f"./{SCRIPT}"] if script.executable else ["/bin/bash", SCRIPT]
        ended = await installer.run(argv, told, BETH_PACKAGES=str(root), VIRTUAL_ENV=str(root / "python"))
    except (InstallFailed, OSError) as error:
        return f"{SCRIPT} could not be run: {error}"
    finally:
        await copy.remove()
    if ended.code == 0:
        return None
    how = f"was not done after {SECONDS:g} seconds" if ended.timed_out else f"ended with {ended.code}"
    how = f"went over the limit of {ended.over_limit}" if ended.over_limit else how
    printed = (ended.stdout[-2000:] + b"\n" + ended.stderr[-2000:]).decode("utf-8", "replace").strip()
    return f"{SCRIPT} {how} (network: {network}), so packages may be missing. The end of what it printed:\n{printed}"


def _over(known: _Known, network: Network) -> bool:
    return known.done or known.failures.get(network, 0) >= ATTEMPTS


def _read(file: Path, digest: str) -> _Known:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        known = _Known(found["digest"], bool(found["done"]), dict(found["failures"]), str(found["words"]))
    except (OSError, ValueError, LookupError, TypeError):
        return _Known(digest)
    return known if known.digest == digest else _Known(digest)


def _write(file: Path, known: _Known) -> None:
    unfinished = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as written:
        json.dump(dataclasses.asdict(known), written)
    unfinished.rename(file)
