"""What the tools work with: Beth's bus and journal, on the loop that owns them."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from beth_agent_beth.running import embedded
from beth_sdk.bus.base import Bus
from beth_sdk.clock import Clock
from beth_sdk.journal.base import Journal
from beth_sdk.settings import Settings
from beth_sdk.worker.host import Host

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Access:
    """Bus and journal belong to the host's loop: what uses them is passed to `call`. `models`: what followed each
    `--model` of the server."""

    settings: Settings
    host: Host
    clock: Clock
    models: Sequence[str] = ()
    trouble: list[str] = field(default_factory=list)
    """What agents of this process ended with: they do not work any more until it is started again."""

    @property
    def bus(self) -> Bus:
        return self.host.bus

    @property
    def journal(self) -> Journal:
        return self.host.journal

    @property
    def here(self) -> bool:
        """Whether the agents run in this process."""
        return embedded(self.settings)

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Await something that uses bus or journal. Cancelling the wait does not cancel the work."""
        return await self.host.call(work)
