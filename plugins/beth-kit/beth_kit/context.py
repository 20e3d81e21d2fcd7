"""What a running task of an agent with a model may use: the SDK's context, and a workspace, a memory, a sandbox."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beth_kit.environment.packages import Packages
from beth_kit.memory.base import Memory
from beth_kit.model.base import Model
from beth_kit.sandbox import owner, policy, run
from beth_kit.workspace.task import TaskWorkspace
from beth_sdk.agent import Context, Repeat, Spending
from beth_sdk.errors import Fatal
from beth_sdk.messages import EventKind, Result, WantedTask

LONGEST = 1800.0
"""Seconds that one program may run, unless limits say otherwise."""


@dataclass(frozen=True, slots=True)
class Locks:
    """How the tools of an agent are locked in. `enforced`: False where BETH_SANDBOX=off. `network` is the manifest's.
    `uid`: the user that the task's tools become; None: they stay who the agent is."""

    enforced: bool = True
    network: policy.Network = "none"
    uid: int | None = None
    limits: policy.Limits = field(default_factory=lambda: policy.Limits(wall=LONGEST))


class KitContext(Context):
    """The context that an `LLMAgent`, its `check` and its tools get. What the SDK's has, it passes on."""

    def __init__(
        self,
        inner: Context,
        *,
        workspace: TaskWorkspace,
        memory: Memory,
        model: Model,
        packages: Packages,
        locks: Locks,
    ) -> None:
        self.task = inner.task
        self.manifest = inner.manifest
        self.clock = inner.clock
        self.workspace = workspace
        self.memory = memory
        self.model = model
        self.packages = packages
        self.locks = locks
        self.at = inner.clock.wall()
        """When the model asked for what runs now, in seconds since the Unix epoch; in a replay as it was then."""
        self.call_id = ""
        """The id of the tool call that runs now."""
        self.within: str | None = None
        """The tool that runs now as a step of its own."""
        self.set_up = False
        """Whether `.beth/setup` was seen to in this delivery."""
        self._inner = inner
        self._prepared = False

    async def run(
        self,
        argv: Sequence[str],
        *,
        seconds: float | None = None,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
        network: policy.Network | None = None,
        writable: Sequence[Path] = (),
        directory: Path | None = None,
    ) -> run.Outcome:
        """Run a program in the task's sandbox, its work tree as current directory; each refusal becomes an event.

        `seconds` it may take, at most what the limits allow. `network` in place of the manifest's; a role with
        `packages` has none here unless it is given. Raises OSError where it cannot be started.
        """
        told = await self.policy(seconds=seconds, network=network, writable=writable, directory=directory)
        if not self._prepared:
            await asyncio.to_thread(_make_scratch, told.home)
            if self.locks.enforced:
                await asyncio.to_thread(owner.prepare, told)
            self._prepared = True
        ended = await run.run(
            argv,
            told,
            clock=self.clock,
            stdin=stdin,
            extra={**self.packages.variables, **(variables or {})},
            sandbox=self.locks.enforced,
        )
        for denial in ended.denials:
            self.event("denied", str(denial), program=argv[0])
        if ended.over_limit is not None:
            self.event("denied", f"limit: {ended.over_limit}", program=argv[0])
        return ended

    async def policy(
        self,
        *,
        seconds: float | None = None,
        network: policy.Network | None = None,
        writable: Sequence[Path] = (),
        directory: Path | None = None,
    ) -> policy.Policy:
        """What a program of this task may touch."""
        clone = await self.workspace.clone()
        scratch = self.workspace.scratch
        limits = self.locks.limits
        if seconds is not None:
            limits = dataclasses.replace(limits, wall=min(seconds, limits.wall))
        own = "none" if self.locks.network == "packages" else self.locks.network
        return policy.Policy(
            directory=directory or clone.directory,
            home=scratch,
            writable=(clone.directory, scratch, *writable),
            readable=(*clone.readable, *self.packages.readable),
            network=network or own,
            limits=limits,
            uid=self.locks.uid,
            path=self.packages.path,
            held=self.workspace.held,
        )

    # -- what the SDK's context has -----------------------------------------------------------

    @property
    def epoch(self) -> int:
        return self._inner.epoch

    @property
    def spending(self) -> Spending:
        return self._inner.spending

    @property
    def cancelled(self) -> bool:
        return self._inner.cancelled

    @property
    def notes(self) -> Sequence[str]:
        return self._inner.notes

    async def step(
        self,
        name: str,
        function: Callable[..., Any],
        *args: Any,
        repeat: Repeat = "never",
        check: Callable[[], Awaitable[Any | None]] | None = None,
        **options: Any,
    ) -> Any:
        self._not_within_a_step(f"step {name!r}")
        return await self._inner.step(name, function, *args, repeat=repeat, check=check, **options)

    async def progress(self, message: str, **data: Any) -> None:
        await self._inner.progress(message, **data)

    def event(self, kind: EventKind, message: str | None = None, **data: Any) -> None:
        self._inner.event(kind, message, **data)

    def observe(self, hook: str, **fields: Any) -> None:
        self._inner.observe(hook, **fields)

    async def ask(self, question: str, options: Sequence[str] | None = None) -> str:
        self._not_within_a_step("ask")
        return await self._inner.ask(question, options)

    async def delegate(self, tasks: Sequence[WantedTask]) -> list[Result]:
        self._not_within_a_step("delegate")
        return await self._inner.delegate(tasks)

    def log(self, message: str, **data: Any) -> None:
        self._inner.log(message, **data)

    def _not_within_a_step(self, what: str) -> None:
        # A replay takes the outer step's outcome, and would not meet the inner one in its place.
        if self.within is not None:
            raise Fatal(
                f"tool {self.within}: {what} cannot be called from it, because the whole call is one step: make it a "
                "tool that journals itself, @tool(suspends=True)"
            )


def _make_scratch(home: Path) -> None:
    temporary = home / "tmp"
    # An earlier delivery's tools may have put something else in its place.
    if temporary.is_symlink() or (temporary.exists() and not temporary.is_dir()):
        temporary.unlink()
    temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
