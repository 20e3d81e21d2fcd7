"""Trace ids: one for a whole request, through every hop."""

from __future__ import annotations

import pytest

from beth_sdk import trace

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_child_is_in_its_parents_trace_with_a_span_of_its_own() -> None:
    child = trace.child(PARENT)
    assert trace.trace_id(child) == trace.trace_id(PARENT) == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert child.split("-")[2] != PARENT.split("-")[2]
    assert child != trace.child(PARENT)


def test_a_trace_that_is_started_has_an_id() -> None:
    assert len(trace.trace_id(trace.start())) == 32
    assert trace.start() != trace.start()


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "",
        "nonsense",
        PARENT + "-more",
        PARENT.upper(),
        "01" + PARENT[2:],
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
    ],
)
def test_what_is_no_traceparent_has_no_id_and_its_child_begins_a_trace(bad: str | None) -> None:
    assert trace.trace_id(bad) == ""
    assert trace.trace_id(trace.child(bad))
