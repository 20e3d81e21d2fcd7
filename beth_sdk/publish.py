"""Putting tasks, results and control messages on the bus: the one place that knows their topics, keys and headers."""

from __future__ import annotations

from beth_sdk import schema, trace
from beth_sdk.bus.base import Bus, Message, Outgoing
from beth_sdk.errors import LoopRefused
from beth_sdk.messages import Control, Result, Task

JOURNAL_HEADER = "beth-journal"
"""Names the journal in which the task is held; a worker on another journal refuses it."""

CONTENT_TYPE = "application/json"


def queue_of(role: str) -> str:
    """The queue a role's tasks are published to."""
    return f"tasks.{role}"


def control_topic(role: str) -> str:
    """The topic on which a role's workers are nudged."""
    return f"control.{role}"


def check_hops(task: Task) -> None:
    """Raises `LoopRefused` with the chain when a task is its own ancestor or has more ancestors than hops allowed."""
    chain = (*task.ancestors, task.id)
    if task.id in task.ancestors:
        raise LoopRefused(chain, "the task is its own ancestor")
    if len(task.ancestors) > task.max_hops:
        raise LoopRefused(chain, f"more than {task.max_hops} hops")


async def publish_task(
    bus: Bus, task: Task, *, journal_id: str, traceparent: str | None = None, queue: str | None = None, delay: float = 0
) -> None:
    """Publish a task to its role's queue (or to `queue`), to be handed out after `delay` seconds.

    Raises `MessageTooLarge`, `LoopRefused`, `BusUnavailable`.
    """
    check_hops(task)
    headers = {
        "content-type": CONTENT_TYPE,
        JOURNAL_HEADER: journal_id,
        trace.HEADER: trace.child(traceparent),
    }
    outgoing = Outgoing(task.key, schema.encode(task), task.priority, headers)
    await bus.publish(queue or queue_of(task.agent), outgoing, delay=delay)


async def publish_result(bus: Bus, topic: str, result: Result, *, traceparent: str | None = None) -> None:
    """Append a result to its topic. Raises `MessageTooLarge`, `BusUnavailable`."""
    headers = {"content-type": CONTENT_TYPE, trace.HEADER: trace.child(traceparent)}
    await bus.append(topic, Message(result.task_id, schema.encode(result), headers))


async def send_control(bus: Bus, role: str, control: Control) -> None:
    """Nudge the workers of a role. What counts is the fact in the journal; this only makes it seen sooner."""
    key = control.task_id or control.request_id or role
    await bus.append(control_topic(role), Message(key, schema.encode(control), {"content-type": CONTENT_TYPE}))
