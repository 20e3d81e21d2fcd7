"""Dead letters: what a queue gave up on, why, and what people decided about it afterwards.

`<queue>.dead` is a topic of facts, exempt from retention: `dead`, then perhaps `redriven` or `dropped`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from beth_sdk import schema
from beth_sdk.bus.base import BEGINNING, DEAD_SUFFIX, Bus, Message
from beth_sdk.clock import Clock
from beth_sdk.errors import BethError, ConfigurationError
from beth_sdk.history import REDRIVEN, read_history, stream_of
from beth_sdk.journal.base import Fact, Journal
from beth_sdk.messages import Control, Task, timestamp
from beth_sdk.publish import publish_task, send_control


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One task, or bytes that never were one, that a queue gave up on. `state`: `dead`, `redriven` or `dropped`."""

    queue: str
    key: str
    reason: str
    at: str
    task: dict[str, Any] | None
    body: bytes
    history: Sequence[dict[str, Any]]
    error: dict[str, Any] | None
    state: str = "dead"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; the body as text where it is text."""
        return {
            "queue": self.queue,
            "key": self.key,
            "state": self.state,
            "reason": self.reason,
            "at": self.at,
            "error": self.error,
            "history": list(self.history),
            "task": self.task,
            "body": self.body.decode("utf-8", "backslashreplace") if self.task is None else None,
        }


def topic_of(queue: str) -> str:
    """The topic of a queue's dead letters."""
    return queue + DEAD_SUFFIX


async def bury(
    bus: Bus,
    queue: str,
    body: bytes,
    reason: str,
    clock: Clock,
    *,
    task: Task | None = None,
    history: Sequence[dict[str, Any]] = (),
    error: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> None:
    """Keep a task that was given up on; `body` are its bytes as they came. Burying it twice is one dead letter."""
    key = task.key if task else "bytes-" + hashlib.sha256(body).hexdigest()[:16]
    document = {
        "fact": "dead",
        "key": key,
        "reason": reason,
        "at": timestamp(clock.wall()),
        "history": list(history),
        "error": error,
        "body": base64.b64encode(body).decode("ascii"),
        "headers": headers or {},
        "parsed": task is not None,
    }
    await bus.append(topic_of(queue), Message(key, schema.dumps(document, limit=None)))


async def list_dead(bus: Bus, queue: str) -> list[DeadLetter]:
    """The dead letters of a queue, oldest first, those that were redriven or dropped included."""
    letters: dict[str, DeadLetter] = {}
    cursor = BEGINNING
    while page := await bus.read(topic_of(queue), cursor, limit=500):
        cursor = page[-1][0]
        for _, message in page:
            try:
                document = schema.loads(message.body, what="dead letter", limit=None)
                key, fact = str(document["key"]), str(document["fact"])
                if fact == "dead":
                    letters.setdefault(key, _letter(queue, document))
                elif key in letters:
                    letters[key] = replace(letters[key], state=fact)
            except (BethError, ValueError, KeyError, TypeError):
                continue  # anybody may write to a topic; what is no fact of ours hides none of ours
    return list(letters.values())


async def find_dead(bus: Bus, queues: Sequence[str], name: str) -> DeadLetter:
    """The newest dead letter whose key or task id is `name`. Raises `ConfigurationError` where there is none."""
    found = [
        letter
        for queue in queues
        for letter in await list_dead(bus, queue)
        if name in (letter.key, letter.key.rpartition(":")[0])
    ]
    if not found:
        raise ConfigurationError(f"no dead letter is called {name!r}; `beth dead list` shows them")
    return found[-1]


async def drop(bus: Bus, letter: DeadLetter, clock: Clock) -> None:
    """Mark a dead letter as dealt with. It stays in the topic."""
    _must_be_dead(letter)
    await _mark(bus, letter, "dropped", clock)


async def redrive(bus: Bus, journal: Journal, letter: DeadLetter, clock: Clock) -> Task:
    """Try a dead task again: it goes on from its journal as the next continuation, with all its attempts again.

    Raises `ConfigurationError` for bytes that never were a task, and for a letter that was dealt with already.
    """
    _must_be_dead(letter)
    if letter.task is None:
        raise ConfigurationError(f"{letter.key} never was a task, so it cannot be tried again; mend and submit it anew")
    dead = schema.parse(Task, letter.task)
    continuation = dead.continuation + 1
    again = dead.with_(continuation=continuation, **await _budget_again(journal, dead))
    await journal.append(
        stream_of(dead.id),
        [Fact(REDRIVEN, {"continuation": continuation, "task": again.to_json()})],
        key=f"redriven:{letter.key}",
    )
    await publish_task(bus, again, journal_id=journal.id, queue=letter.queue)
    await _mark(bus, letter, "redriven", clock)
    if again.request_id:
        await send_control(
            bus, "beth", Control(kind="resume", task_id=again.id, request_id=again.request_id, reason="redriven")
        )
    return again


async def _budget_again(journal: Journal, dead: Task) -> dict[str, Any]:
    """No more than the task has used up, where more may be had: what was left of its slice may be another task's by
    now. It goes on once it is given more."""
    budget = dead.budget
    if budget is None or not budget.more:
        return {}
    history = await read_history(journal, dead.id)
    used = history.usage
    tokens = int(used.get("input_tokens", 0) + used.get("output_tokens", 0))
    spent = {"cost_usd": used.get("cost_usd", 0.0), "tokens": tokens, "seconds": round(history.seconds, 3)}
    limited = {name: amount for name, amount in spent.items() if getattr(budget, name) is not None}
    return {"budget": {**budget.to_json(), **limited}}


async def _mark(bus: Bus, letter: DeadLetter, fact: str, clock: Clock) -> None:
    document = {"fact": fact, "key": letter.key, "at": timestamp(clock.wall())}
    await bus.append(topic_of(letter.queue), Message(letter.key, schema.dumps(document)))


def _must_be_dead(letter: DeadLetter) -> None:
    if letter.state != "dead":
        raise ConfigurationError(f"{letter.key} was {letter.state} already")


def _letter(queue: str, document: dict[str, Any]) -> DeadLetter:
    body = base64.b64decode(document["body"])
    task: dict[str, Any] | None = None
    if document.get("parsed"):
        try:
            task = schema.loads(body, limit=None)
        except BethError:
            task = None
    return DeadLetter(
        queue, document["key"], document["reason"], document["at"], task, body, document["history"], document["error"]
    )
