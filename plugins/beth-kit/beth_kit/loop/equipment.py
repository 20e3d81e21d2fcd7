"""What an agent's process has for all its tasks: the model, the memory, whether tools can be locked in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from beth_kit.context import KitContext, Locks
from beth_kit.environment.packages import Packages
from beth_kit.memory.base import Memory
from beth_kit.memory.opening import open_memory
from beth_kit.model.base import Model
from beth_kit.model.choice import choose, opened, problems
from beth_kit.places import workspaces
from beth_kit.sandbox import probe
from beth_kit.sandbox.policy import task_uid
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.task import Origin, TaskWorkspace
from beth_sdk.agent import Context
from beth_sdk.errors import ConfigurationError, Fatal
from beth_sdk.manifest import Manifest
from beth_sdk.messages import Artifact, Task
from beth_sdk.settings import Settings


@dataclass(frozen=True, slots=True)
class Equipment:
    """Opened once, at `setup`; nothing here calls a model or starts a process."""

    manifest: Manifest
    settings: Settings
    model: Model
    memory: Memory
    enforced: bool
    uids: bool
    environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, manifest: Manifest, settings: Settings, environ: Mapping[str, str] | None = None) -> Equipment:
        """What settings and variables say. Raises `ConfigurationError` where a model, a key or the sandbox lacks."""
        environ = os.environ if environ is None else environ
        machine = probe.probe()
        choice = choose([manifest], settings, environ)[0]
        wrong = [] if environ.get("BETH_REPLAY") else problems([choice])
        if wrong:
            raise ConfigurationError("; ".join(wrong))
        return cls(
            manifest,
            settings,
            opened(choice, environ),
            open_memory(None, manifest.role, settings=settings, environ=environ),
            probe.require(environ, machine),
            machine.uids,
            environ,
        )

    def context(self, task: Task, inner: Context) -> KitContext:
        """The context of one delivery of a task. Raises `Fatal` where its workspace is not on this machine."""
        uid = task_uid(task.id, probe.mapped_uids()) if self.enforced and self.uids else None
        origin = origin_of(task, workspaces(self.settings.home, self.environ))
        owner = None if uid is None else (uid, uid)
        return KitContext(
            inner,
            workspace=TaskWorkspace(origin, task.id, inner.epoch, inner.clock, owner=owner),
            memory=self.memory,
            model=self.model,
            packages=Packages(origin.home / "packages" / origin.request_id),
            locks=Locks(self.enforced, self.manifest.network, uid),
        )

    async def close(self) -> None:
        """Let go of everything."""
        await self.model.close()
        await self.memory.close()


def origin_of(task: Task, home: Path) -> Origin:
    """Where a task's work begins: what its last git input with a repository says, or a repository of the request's own.

    Raises `Fatal` for a repository that is not on this machine.
    """
    given = [one for one in task.inputs if one.kind == "git" and one.uri and one.uri.endswith(".git")]
    if not given:
        return Origin(home, task.request_id or task.id)
    artifact = given[-1]
    path = _path_of(artifact)
    if not path.is_dir():
        raise Fatal(f"the workspace {artifact.uri} is not on this machine")
    conflict = (artifact.model_extra or {}).get("conflict")
    return Origin(path.parent.parent, path.stem, artifact.commit, _conflict(conflict) if conflict else None)


def _path_of(artifact: Artifact) -> Path:
    parts = urlsplit(artifact.uri or "")
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or path.parent.name != "repositories":
        raise Fatal(f"the workspace {artifact.uri} cannot be used: this agent works on repositories of its own machine")
    return path


def _conflict(found: Any) -> Conflict:
    try:
        return Conflict(
            tuple(found["files"]), str(found["ours"]), str(found["theirs"]), found.get("base"), str(found["tree"])
        )
    except (KeyError, TypeError, AttributeError):
        raise Fatal("the task's git input describes a conflict that cannot be read") from None
