"""Beth's package keeps what every agent's does; what she does is tested beside her modules."""

from __future__ import annotations

from beth_sdk.testing import AgentPackageConformance


class TestBeth(AgentPackageConformance):
    role = "beth"
