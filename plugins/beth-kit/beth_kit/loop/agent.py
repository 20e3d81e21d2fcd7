"""`LLMAgent`: a role that is a prompt, skills and tools. A loop of model calls and tool calls, every one a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from beth_kit.context import KitContext
from beth_kit.loop.equipment import Equipment
from beth_kit.loop.role import Finished
from beth_kit.loop.running import Running
from beth_kit.tools.base import Tool
from beth_sdk.agent import Agent, Context
from beth_sdk.messages import Result, Task

__all__ = ["Finished", "LLMAgent"]


class LLMAgent(Agent):
    """What a plugin author subclasses; with no more than a manifest and prompts, not even that is needed.

    `tools` are added to the standard ones and the manifest's.
    """

    tools: ClassVar[Sequence[Tool]] = ()

    _equipment: Equipment

    async def setup(self) -> None:
        """Find the model, its key and price, and whether tools can be locked in. Raises `ConfigurationError`."""
        self.equip(Equipment.of(self.manifest, self.settings))

    def equip(self, equipment: Equipment) -> None:
        """Use these: what `setup` does with what settings and variables say."""
        self._equipment = equipment

    async def check(self, finished: Finished, ctx: KitContext) -> str | None:
        """Look at what the model wants to end with. A text goes back to the model; None, or an empty one, accepts.
        Raises whatever is to fail the attempt. It is part of the step `finish`, so it cannot ask or take steps."""
        del finished, ctx
        return None

    async def execute(self, task: Task, ctx: Context) -> Result:
        """Have the model do the task."""
        return await Running(self, self._equipment, task, ctx).run()

    async def close(self) -> None:
        """Let go of the model and the memory."""
        await self._equipment.close()
