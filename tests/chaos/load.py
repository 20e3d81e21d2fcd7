"""What a fleet is given to do: requests whose tasks fan out, tasks published directly, and copies of some of those."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from beth_agent_beth import requests
from beth_agent_beth.plan import workflow
from beth_sdk import schema
from beth_sdk.bus.base import Bus, Outgoing
from beth_sdk.journal.base import Journal
from beth_sdk.messages import Task, timestamp
from beth_sdk.publish import JOURNAL_HEADER, publish_task, queue_of
from tests.chaos.agents import Script
from tests.chaos.checker import Key

ROLE = "developer"
DIRECT = "results.chaos"
"""Where the results of tasks go that were published directly."""

LARGEST_REQUEST = 20
COPIES = 0.1
"""Of the tasks that are published directly, how many are on the bus twice, as after a broker's reconnect."""


@dataclass(frozen=True, slots=True)
class Load:
    """What was published, and its publisher was told so. `copies`: tasks that are on the bus twice; `blocked`: steps
    that block their loop."""

    requests: tuple[str, ...]
    direct: tuple[str, ...]
    copies: int
    blocked: int
    acknowledged: frozenset[Key]


async def publish(bus: Bus, journal: Journal, *, tasks: int, lease: float, dice: random.Random) -> Load:
    """Publish as many tasks, about half of them in requests. `lease` in seconds: some of their steps take longer."""
    scripts = [a_script(lease, dice) for _ in range(tasks)]
    in_requests, direct = scripts[: tasks // 2], scripts[tasks // 2 :]
    keys: set[Key] = set()
    names: list[str] = []
    while in_requests:
        size = dice.randint(1, LARGEST_REQUEST)
        these, in_requests = in_requests[:size], in_requests[size:]
        names.append(await _submit(bus, journal, f"request-{len(names) + 1}", these))
        keys |= {(f"{names[-1]}.{number}", 0) for number, _ in enumerate(these, start=1)}
    copies = 0
    for number, script in enumerate(direct, start=1):
        task = a_task(f"task-{number}", script)
        await publish_task(bus, task, journal_id=journal.id)
        keys.add((task.id, 0))
        if dice.random() < COPIES:
            await publish_copy(bus, journal, task)
            copies += 1
    return Load(
        requests=tuple(names),
        direct=tuple(f"task-{number}" for number, _ in enumerate(direct, start=1)),
        copies=copies,
        blocked=sum(len(script.blocks) for script in scripts),
        acknowledged=frozenset(keys),
    )


async def publish_copy(bus: Bus, journal: Journal, task: Task) -> None:
    """The same task once more, under another key, so that the bus does not notice."""
    body = schema.encode(task)
    await bus.publish(queue_of(ROLE), Outgoing(f"{task.key}-again", body, headers={JOURNAL_HEADER: journal.id}))


def a_task(name: str, script: Script) -> Task:
    """A task that is published directly."""
    document = {
        "id": name,
        "type": "work",
        "agent": ROLE,
        "payload": {"description": script.description()},
        "timestamp": timestamp(0.0),
        "reply_to": DIRECT,
    }
    return schema.parse(Task, document)


def a_script(lease: float, dice: random.Random) -> Script:
    """Most tasks are quick; some take longer than a lease, some block their loop for longer, some fail once."""
    what = dice.random()
    if what < 0.85:
        return Script(seconds=(dice.uniform(0, 0.02), dice.uniform(0, 0.02), 0.0))
    if what < 0.95:
        return Script(seconds=(lease * dice.uniform(0.3, 0.8), lease * dice.uniform(0.3, 0.8), lease * 0.5))
    if what < 0.98:
        number = dice.randrange(3)
        seconds = [lease * 1.4 if n == number else 0.0 for n in range(3)]
        return Script(seconds=(seconds[0], seconds[1], seconds[2]), blocks=(number,))
    return Script(raises=True)


async def _submit(bus: Bus, journal: Journal, name: str, scripts: Sequence[Script]) -> str:
    """A request: one task first, then most of them side by side, then one last."""
    planned = []
    for number, script in enumerate(scripts, start=1):
        last = number == len(scripts)
        needs = [] if number == 1 else [f"t{before}" for before in range(1, number)] if last else ["t1"]
        planned.append(
            {"name": f"t{number}", "agent": ROLE, "type": "work", "needs": needs, "description": script.description()}
        )
    plan = workflow.Plan.model_validate({"name": "fan-out", "task": planned})
    return await requests.submit(bus, journal, "chaos", plan=plan, request_id=name)
