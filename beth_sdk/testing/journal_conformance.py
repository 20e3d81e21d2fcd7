"""The suite that every journal passes; subclass it as `BusConformance` shows, with an `open` that gives a `Journal`."""

from __future__ import annotations

from beth_sdk.testing.fact_conformance import FactConformance
from beth_sdk.testing.hold_conformance import HoldConformance


class JournalConformance(HoldConformance, FactConformance):
    """Everything that is promised of a `Journal`."""
