"""A home for one try: the request's repository as it was when the task began, and nothing that the task left."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from beth_kit.places import workspaces
from beth_kit.workspace.git import Git
from beth_sdk.clock import SystemClock
from beth_sdk.messages import Task
from beth_sdk.settings import Settings


@contextmanager
def scratch_home() -> Iterator[Path]:
    """A folder that is removed in the end, and that users who are only tools' may enter."""
    folder = Path(tempfile.mkdtemp(prefix="beth-dev-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def variables(home: Path, environ: Mapping[str, str], model: str | None) -> dict[str, str]:
    """The environment with everything that is kept in this home, and this model or that of the environment."""
    ours = ("MESSAGE_BUS_URL", "BETH_JOURNAL_URL", "BETH_RECORD", "BETH_REPLAY", "BETH_HOME", "BETH_MEMORY_URL")
    gone = {*ours, *(f"{name}_FILE" for name in ours)}
    kept = {name: value for name, value in environ.items() if name not in gone}
    return {**kept, "BETH_HOME": str(home), **({"BETH_MODELS": model} if model is not None else {})}


@contextmanager
def in_environment(environ: Mapping[str, str]) -> Iterator[None]:
    """This process with that environment, while it is entered."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def laid_out(task: Task, request_id: str, settings: Settings, home: Path) -> Task:
    """The task with its work in `home`: a copy of its request's repository, without what the task left there."""
    source = workspaces(settings.home) / "repositories" / f"{request_id}.git"
    if not source.is_dir():
        return task
    into = workspaces(home) / "repositories" / source.name
    shutil.copytree(source, into, copy_function=_linked, symlinks=True)
    git = Git(into, clock=SystemClock())
    listed = await git.run("for-each-ref", "--format=%(refname)", "refs/beth/")
    for ref in listed.stdout.decode().split():
        if task.id in ref.split("/"):
            await git.run("update-ref", "-d", ref)
    uri = source.absolute().as_uri()
    inputs = [one.with_(uri=into.as_uri()) if one.uri == uri else one for one in task.inputs]
    return task.with_(inputs=inputs) if inputs else task


def _linked(source: str, target: str) -> str:
    """Objects never change, so a link is enough; everything else is copied."""
    if f"{os.sep}objects{os.sep}" in source:
        try:
            os.link(source, target)
        except OSError:
            pass  # another file system
        else:
            return target
    shutil.copy2(source, target)
    return target


async def work_changed(home: Path, request_id: str, before: str | None, now: str | None) -> list[str]:
    """In which files two commits of the scratch repository differ, as `git diff --stat` has it; None is where the
    request began."""
    path = workspaces(home) / "repositories" / f"{request_id}.git"
    if not path.is_dir() or before == now:
        return []
    if before is None or now is None:
        return ["nothing was committed now" if now is None else "nothing was committed then"]
    told = await Git(path, clock=SystemClock()).run("diff", "--stat=100", before, now, accepted=(0, 128))
    return told.stdout.decode("utf-8", "replace").splitlines() if told.code == 0 else ["the commit of then is gone"]
