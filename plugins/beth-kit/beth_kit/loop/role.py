"""What the loop needs to know of the agent whose task it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from beth_kit.context import KitContext
from beth_kit.tools.base import Tool
from beth_sdk.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Finished:
    """What a model wants the task to end with: `result` fits the task type's output schema."""

    result: Any


class Role(Protocol):
    """An `LLMAgent`."""

    @property
    def manifest(self) -> Manifest: ...

    @property
    def tools(self) -> Sequence[Tool]: ...

    async def check(self, finished: Finished, ctx: KitContext) -> str | None: ...
