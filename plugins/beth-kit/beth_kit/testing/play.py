"""Plays a task of an `LLMAgent` with a scripted model, real tools and a real workspace, and without a worker."""

from __future__ import annotations

import dataclasses
import inspect
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beth_kit.frame.tree import TreeReader
from beth_kit.loop.agent import LLMAgent
from beth_kit.loop.equipment import Equipment
from beth_kit.model.base import Model
from beth_kit.workspace import kept
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.task import Origin, TaskWorkspace
from beth_sdk.agent import Spending
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import ConfigurationError
from beth_sdk.manifest import MANIFEST_NAME, Manifest, load_manifest
from beth_sdk.messages import Payload, Result, Task, timestamp
from beth_sdk.settings import Settings
from beth_sdk.testing import Diary


class Stage:
    """One task of an agent, and all of its deliveries. A test is a transcript, a task, an assertion:

    ```python
    async def test_it_says_hello() -> None:
        stage = Stage(Developer(), task="Write hello.txt", transcript=TRANSCRIPT)
        assert (await stage.deliver()).status == "complete"
        assert await stage.files() == {"hello.txt": "hello\\n"}
    ```

    with the transcript of a `ScriptedModel`, for all roles or for this one's task type:

    ```python
    TRANSCRIPT = '''
    roles:
      developer:
        "*":
          - calls: [{name: bash, arguments: {command: echo hello > hello.txt}}]
          - calls: [{name: commit, arguments: {message: Say hello}}]
          - calls: [{name: finish, arguments: {result: {summary: It says hello}}}]
    '''
    ```

    Tools run in the sandbox of this machine, or outside one where BETH_SANDBOX=off. `told("bash")` is what the model
    got back from a tool, `spending` what all of it cost; `diary` has every fact, event and hook, and can end the
    process at any fact: `deliver` once more is the next worker.
    """

    def __init__(
        self,
        agent: LLMAgent,
        manifest: Manifest | Path | None = None,
        task: Task | str = "Do it",
        transcript: str | Model = "",
        home: Path | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`manifest`: the `agent.toml` of the agent's package, unless given. `task`: or what its description is to be,
        of the manifest's first task type. `transcript`: YAML, or any other model. `home`: a folder that others than its
        owner may enter; one that is removed with this object, unless given. `environ`: variables besides BETH_HOME,
        BETH_MODELS and BETH_SANDBOX. Raises `ConfigurationError`."""
        self.home = home or _temporary(self)
        self.home.mkdir(parents=True, exist_ok=True)
        script = self.home / "transcript.yaml"
        script.write_text(transcript if isinstance(transcript, str) else "roles: {}", encoding="utf-8")
        here = {name: os.environ[name] for name in ("BETH_SANDBOX",) if name in os.environ}
        models = {"BETH_HOME": str(self.home), "BETH_MODELS": f"scripted/{script}"}
        self.environ = {**here, **models, **(environ or {})}
        self.model = None if isinstance(transcript, str) else transcript
        self.agent = agent
        self.agent.manifest = manifest if isinstance(manifest, Manifest) else load_manifest(manifest or _folder(agent))
        self.agent.settings = Settings.from_environment(self.environ)
        clock = clock or SystemClock()
        self.task = task if isinstance(task, Task) else _task(task, self.agent.manifest, clock)
        self.diary = Diary(self.task, self.agent.manifest, clock)

    async def deliver(self, **changes: Any) -> Result:
        """Execute the task once, as a worker that takes it would; `changes` are of the task, such as an `answer`.

        Raises what the agent raises: `Suspended` where it asks, `Killed` where the diary was told to end it.
        """
        equipment = Equipment.of(self.agent.manifest, self.agent.settings, self.environ)
        if self.model is not None:
            equipment = dataclasses.replace(equipment, model=self.model)
        self.agent.equip(equipment)
        context = self.diary.delivered(**changes)
        try:
            return await self.agent.execute(context.task, context)
        finally:
            await self.agent.close()

    async def continued(self, answer: str, question: str = "ask:0") -> Result:
        """Go on after a question, with a person's answer to it."""
        return await self.deliver(
            continuation=self.diary.continuation + 1, answer={"question": question, "text": answer}
        )

    @property
    def spending(self) -> Spending:
        """What all deliveries have used up."""
        return self.diary.spending

    async def told(self, tool: str) -> list[str]:
        """What the model got back from each call of a tool that is a step, in order."""
        workspace = TaskWorkspace(self._origin, self.task.id, 0, self.diary.clock)
        return [(await kept.unfolded(one["reply"], workspace))["text"] for one in self.diary.outcomes(tool)]

    async def files(self) -> dict[str, str]:
        """The text files of the task's last commit, or of where it began."""
        origin = self._origin
        repository = await RequestRepository.open(origin.home, origin.request_id, clock=self.diary.clock)
        workspace = TaskWorkspace(origin, self.task.id, 0, self.diary.clock)
        reader = TreeReader(repository.git, await workspace.committed() or await repository.head())
        return {name: (await reader.read(name)).decode("utf-8", "replace") for name in await reader.files()}

    @property
    def _origin(self) -> Origin:
        return Origin(self.home, self.task.request_id or self.task.id)


def _temporary(owner: object) -> Path:
    # Not pytest's tmp_path: nobody but its owner may enter its parents, and tools become a user of their own.
    folder = tempfile.mkdtemp(prefix="beth-stage-")
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    Path(folder).chmod(0o755)
    return Path(folder)


def _folder(agent: LLMAgent) -> Path:
    """Where the manifest of the agent's package is."""
    own = Path(inspect.getfile(type(agent))).parent
    for folder in (own, *own.parents):
        if (folder / MANIFEST_NAME).is_file():
            return folder
        if not (folder / "__init__.py").is_file():
            break
    raise ConfigurationError(f"{type(agent).__name__}: no {MANIFEST_NAME} in {own} or the package it belongs to")


def _task(description: str, manifest: Manifest, clock: Clock) -> Task:
    return Task(
        id="task-1",
        type=next(iter(manifest.task_types), "task"),
        agent=manifest.role,
        request_id="request-1",
        payload=Payload(description=description),
        timestamp=timestamp(clock.wall()),
    )
