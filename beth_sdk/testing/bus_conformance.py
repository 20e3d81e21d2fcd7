"""The suite that every bus passes.

```python
class TestMyBus(BusConformance):
    @pytest.fixture(autouse=True)
    def storage(self, tmp_path: Path) -> None:
        self.url = f"mybus://{tmp_path}"

    async def open(self, clock: Clock) -> Bus:
        return await open_bus(self.url, clock=clock)
```

It needs pytest-asyncio. What a bus says in its `capabilities` decides which promises are tested.
"""

from __future__ import annotations

from beth_sdk.testing.lease_conformance import LeaseConformance
from beth_sdk.testing.queue_conformance import QueueConformance
from beth_sdk.testing.topic_conformance import TopicConformance


class BusConformance(QueueConformance, LeaseConformance, TopicConformance):
    """Everything that is promised of a `Bus`."""
