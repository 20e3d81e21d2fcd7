"""What authors of plugins test with: conformance suites of agents and of the ports, and time that a test moves."""

import pytest

# Before they are imported: a failing check of a suite then shows its values, as one in a test module does.
pytest.register_assert_rewrite(
    "beth_sdk.testing.agent_package_conformance",
    "beth_sdk.testing.agent_task_conformance",
    "beth_sdk.testing.fact_conformance",
    "beth_sdk.testing.hold_conformance",
    "beth_sdk.testing.lease_conformance",
    "beth_sdk.testing.queue_conformance",
    "beth_sdk.testing.topic_conformance",
)

from beth_sdk.testing.agent_conformance import AgentConformance  # noqa: E402
from beth_sdk.testing.agent_package_conformance import AgentPackageConformance  # noqa: E402
from beth_sdk.testing.bus_conformance import BusConformance  # noqa: E402
from beth_sdk.testing.clock import ManualClock  # noqa: E402
from beth_sdk.testing.diary import Diary, Killed  # noqa: E402
from beth_sdk.testing.journal_conformance import JournalConformance  # noqa: E402

__all__ = [
    "AgentConformance",
    "AgentPackageConformance",
    "BusConformance",
    "Diary",
    "JournalConformance",
    "Killed",
    "ManualClock",
]
