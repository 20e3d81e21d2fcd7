"""An agent with a model whose tools get no more than the attacks expect that fill a disk and multiply."""

from __future__ import annotations

import dataclasses

from beth_kit import LLMAgent
from beth_kit.context import KitContext
from beth_kit.loop.equipment import Equipment
from beth_kit.sandbox.conftest import LIMITS
from beth_sdk.agent import Context
from beth_sdk.messages import Task


class _Narrow(Equipment):
    def context(self, task: Task, inner: Context) -> KitContext:
        ctx = super().context(task, inner)
        ctx.locks = dataclasses.replace(ctx.locks, limits=LIMITS)
        return ctx


class Narrow(LLMAgent):
    """As any other, with other limits."""

    async def setup(self) -> None:
        self.equip(_Narrow.of(self.manifest, self.settings))
