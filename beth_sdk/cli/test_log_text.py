"""A task's journal in lines for people."""

from __future__ import annotations

from typing import Any

import pytest

from beth_sdk.cli.log_text import LogLines, said_of
from beth_sdk.journal.base import Entry, Fact, Version

NOON = 1_769_774_400.0


def entry(kind: str, epoch: int = 1, at: float = NOON, **data: Any) -> Entry:
    """A fact in its place."""
    return Entry(Version(1), Fact(kind, data), epoch, at)


def test_each_epoch_has_a_heading_and_its_facts_below() -> None:
    lines = LogLines("task-1")
    told = [
        *lines.take_in(entry("started", instance="echo-1", version="beth-agent-echo 1.2", continuation=0)),
        *lines.take_in(entry("step_done", name="translate", n=0, digest="d", outcome={"text": "hi"}, seconds=1.234)),
        *lines.take_in(entry("tell", epoch=0, text="hurry")),
        *lines.take_in(entry("handed_over", seconds=2.0)),
        *lines.take_in(entry("started", epoch=2, at=NOON + 60, instance="echo-2", version="e 1.3", continuation=1)),
    ]
    assert told == [
        "task task-1",
        "epoch 1 · 2026-01-30 12:00:00Z · worker echo-1 · beth-agent-echo 1.2",
        '  12:00:00  step translate done in 1.23 s: {"text": "hi"}',
        "  12:00:00  told: hurry",
        "  12:00:00  handed over after 2 s: another worker goes on",
        "epoch 2 · 2026-01-30 12:01:00Z · worker echo-2 · e 1.3 · continuation 1",
    ]


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("step_started", {"name": "pay", "n": 2}, "step pay #3 begins"),
        (
            "step_raised",
            {"name": "pay", "n": 0, "error": {"type": "OSError", "message": "no route"}, "retryable": True},
            "step pay raised OSError: no route (may be tried again)",
        ),
        (
            "attempt_failed",
            {"error": {"code": "retryable", "message": "no route"}, "seconds": 2.0, "again_in": 1.5},
            "attempt failed after 2 s: retryable: no route; again in 1.5 s",
        ),
        ("let_go", {}, "let go: there was nothing to do for this delivery"),
        ("ended", {"result": {"status": "complete", "result": "done"}, "seconds": 3.0}, "complete after 3 s: done"),
        (
            "ended",
            {
                "result": {"status": "failed", "error": {"code": "fatal", "message": "no"}},
                "dead": "Fatal cannot be retried",
            },
            "failed: fatal: no (dead: Fatal cannot be retried)",
        ),
        (
            "ended",
            {
                "result": {"status": "needs_input", "question": {"text": "Which?", "options": ["a", "b"]}},
                "seconds": 1.0,
            },
            "asks after 1 s: Which? [a / b]",
        ),
        (
            "ended",
            {"result": {"status": "needs_tasks", "tasks": [{"name": "t1", "agent": "tester"}]}},
            "wants 1 task: tester (t1)",
        ),
        ("ended", {"result": {"status": "cancelled"}}, "cancelled"),
        ("cancel", {"reason": "too dear"}, "cancel was asked for: too dear"),
        ("cancel", {"reason": ""}, "cancel was asked for"),
        ("pause", {}, "pause was asked for"),
        ("resume", {}, "pause was taken back"),
        ("redriven", {"continuation": 1}, "redriven from the dead letters, as continuation 1"),
        ("of_a_later_version", {"x": 1}, 'of_a_later_version: {"x": 1}'),
    ],
)
def test_each_fact_is_said_in_a_line(kind: str, data: dict[str, Any], said: str) -> None:
    assert said_of(kind, data) == said


def test_a_long_outcome_is_cut() -> None:
    said = said_of("step_done", {"name": "s", "n": 0, "outcome": "x" * 1000, "seconds": 0.0})
    assert len(said) < 150
    assert said.endswith("x…")


def test_what_an_agent_says_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in said_of("step_done", {"name": "\x1b[2J", "n": 0, "outcome": "\x1b]0;x\x07", "seconds": 0.0})
