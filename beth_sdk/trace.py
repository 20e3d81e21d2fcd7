"""Trace ids of the SDK's own: one W3C `traceparent` runs through every hop of a request, with no tracing library."""

from __future__ import annotations

import re
import secrets

HEADER = "traceparent"
# Ids that are all zeros are invalid there.
_FORM = re.compile(r"00-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-[0-9a-f]{2}")


def start() -> str:
    """A new trace's `traceparent` (W3C Trace Context, version 00, sampled)."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def child(parent: str | None) -> str:
    """A `traceparent` in the parent's trace with a span of its own; a new trace where the parent is missing or bad."""
    found = _FORM.fullmatch(parent or "")
    return f"00-{found.group(1)}-{secrets.token_hex(8)}-01" if found else start()


def trace_id(traceparent: str | None) -> str:
    """The 32 hex digits that a whole request shares, empty where there is none."""
    found = _FORM.fullmatch(traceparent or "")
    return found.group(1) if found else ""
