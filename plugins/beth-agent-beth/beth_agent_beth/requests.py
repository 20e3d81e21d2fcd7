"""What people say about requests, as facts in the journal. The control message that follows each only hastens Beth."""

from __future__ import annotations

import base64
import difflib
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.policy import Policy
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.orchestration import answering, reconciling
from beth_agent_beth.orchestration.journaled import Standing, catch_up, standing_of, standings
from beth_agent_beth.orchestration.outcome import waits_for_a_person
from beth_agent_beth.plan import workflow
from beth_sdk import history, schema, trace
from beth_sdk.bus.base import Bus
from beth_sdk.errors import ConfigurationError, InvalidMessage, MessageTooLarge, StreamArchived
from beth_sdk.journal.base import Fact, Journal
from beth_sdk.messages import FINAL_STATUSES, Control, Payload
from beth_sdk.patterns import ID_PATTERN
from beth_sdk.publish import send_control

__all__ = [
    "answer",
    "cancel",
    "catch_up",
    "every",
    "exists",
    "find_task",
    "good_id",
    "new_id",
    "newest",
    "newest_open",
    "nudge",
    "others_going_on",
    "pause",
    "read",
    "reopen",
    "request_of",
    "resume",
    "roles_of",
    "submit",
]

MAX_REQUEST_BYTES = 64 * 1024
"""A request travels in each of its tasks, beside what earlier tasks brought; a longer text belongs in a file."""

MAX_ID = 64
"""Characters of a request's id. Those of its tasks, and of their subtasks, are made of it and must stay under 128."""

ACCEPTED_IDS = f"letters and digits in parts joined by '-' or '_', {MAX_ID} characters at most"


def new_id() -> str:
    """An id no other request has: `beth-` and eight characters, as beads names an epic."""
    return "beth-" + base64.b32encode(secrets.token_bytes(5)).decode("ascii").lower()


def good_id(request_id: str) -> bool:
    """Whether a request may be called so; with a dot it would read like the id of a task."""
    return len(request_id) <= MAX_ID and "." not in request_id and re.search(ID_PATTERN, request_id) is not None


async def submit(
    bus: Bus,
    journal: Journal,
    description: str,
    *,
    acceptance_criteria: Sequence[str] = (),
    plan: workflow.Plan | None,
    request_id: str | None = None,
    priority: int = 2,
    repo: Mapping[str, str | None] | None = None,
    environment: Mapping[str, str] | None = None,
    received_at: float | None = None,
    order: Sequence[str] = (),
    budget: Mapping[str, Any] | None = None,
    policy: Policy | None = None,
    team: Sequence[Mapping[str, Any]] = (),
    approve_plan: bool = False,
) -> str:
    """Hand in a request and return its id. With a `request_id`, submitting it twice is one request.

    Without a `plan` Beth's model makes one. `budget`: `cost_usd`, `tokens`, `seconds`, as far as there are limits.
    `policy`: what Beth goes by, the built-in one unless given. `team`: who can play a role, where that is known:
    `role`, `aliases`, `description`, `task_types`. With `approve_plan`, a person is asked before anything is done.

    `repo` is what it starts from: `source`, `branch`, `commit`. `environment` are variables for the agents that whoever
    goes on with the request starts. For one that is replayed, `received_at` says when it was received first, in seconds
    since the Unix epoch, and `order` in which order its tasks were published and merged.
    Raises `InvalidMessage`, `MessageTooLarge`.
    """
    if request_id is not None and not good_id(request_id):
        raise InvalidMessage("$.id", request_id, ACCEPTED_IDS, message="request")
    if not description.strip():
        raise InvalidMessage("$.description", description, "what shall be done, in words", message="request")
    request: dict[str, Any] = {
        "description": description,
        "acceptance_criteria": list(acceptance_criteria),
        "workflow": facts.AUTO if plan is None else plan.name,
        "priority": priority,
        "traceparent": trace.start(),
    }
    further = {
        "plan": plan and plan.model_dump(exclude_defaults=True),
        "budget": budget and {name: value for name, value in budget.items() if value is not None},
        "policy": policy and policy.model_dump(mode="json"),
        "team": [dict(one) for one in team],
        "approve_plan": approve_plan,
        "repo": repo and dict(repo),
        "environment": environment and dict(environment),
        "received_at": received_at,
        "order": list(order),
    }
    request |= {name: value for name, value in further.items() if value}
    size = len(schema.dumps({"d": description, "c": list(acceptance_criteria)}, limit=None))
    if size > MAX_REQUEST_BYTES:
        raise MessageTooLarge(size, MAX_REQUEST_BYTES, what="request")
    schema.parse(Payload, {"description": description, "acceptance_criteria": list(acceptance_criteria)})
    name = request_id or new_id()
    await journal.append(facts.stream_of(name), [Fact(facts.RECEIVED, {"request": request})], key="received")
    await nudge(bus, name)
    return name


async def nudge(bus: Bus, request_id: str) -> None:
    """Have Beth look at a request now."""
    await send_control(bus, "beth", Control(kind="resume", request_id=request_id))


async def read(journal: Journal, request_id: str) -> RequestState:
    """A request as its facts say. Raises `ConfigurationError` for one that does not exist."""
    state = RequestState(request_id)
    await catch_up(journal, state)
    if not state.request:
        raise ConfigurationError(f"no request is called {request_id!r}{await _near(journal, request_id)}")
    return state


async def _near(journal: Journal, request_id: str) -> str:
    """What somebody may have meant who named a request that there is not."""
    known = [stream.removeprefix(facts.PREFIX) async for stream in journal.streams(facts.PREFIX)]
    near = difflib.get_close_matches(request_id, known, n=1) or [one for one in known if one.startswith(request_id)][:1]
    return f"; did you mean {near[0]}?" if near else "; `beth list` shows them"


async def exists(journal: Journal, request_id: str) -> bool:
    """Whether there is a request of this id, an archived one included."""
    try:
        return (await standing_of(journal, request_id)).received_at is not None
    except StreamArchived:
        return True


async def every(journal: Journal) -> AsyncIterator[RequestState]:
    """All requests that are not archived."""
    async for stream in journal.streams(facts.PREFIX):
        state = RequestState(stream.removeprefix(facts.PREFIX))
        await catch_up(journal, state)
        if state.request:
            yield state


async def answer(bus: Bus, journal: Journal, name: str, text: str, *, plan: workflow.Plan | None = None) -> bool:
    """Answer the question of a task, or one that Beth asks about a request or a gate; of several answers the first
    counts. `plan` takes the place of the one that is to be approved. Returns whether this answer did.

    Raises `ConfigurationError` where nothing is asked, or the answer is none of the options.
    """
    state = await read(journal, facts.request_of(name))
    key, data = answering.checked(state, name, text, plan)
    token = secrets.token_hex(8)
    fact = Fact(facts.ANSWERED, {"key": key, "text": text, "token": token, **data})
    await journal.append(facts.stream_of(state.id), [fact], key=f"answer:{key}")
    await nudge(bus, state.id)
    async for entry in journal.read(facts.stream_of(state.id)):
        if entry.fact.kind == facts.ANSWERED and entry.fact.data["key"] == key:
            return entry.fact.data.get("token") == token
    return False


async def cancel(bus: Bus, journal: Journal, name: str, reason: str) -> None:
    """Cancel a request, or one task of it. Raises `ConfigurationError` for what does not exist or has ended."""
    await _steer(bus, journal, name, facts.CANCEL, {"reason": reason})


async def pause(bus: Bus, journal: Journal, name: str) -> None:
    """Have a request, or one task of it, stop at the next step boundary and wait."""
    state, one = await _steer(bus, journal, name, facts.PAUSE, {})
    # Told at once as well as through Beth: where she is about to stop, nobody else would.
    for task_id in state.outstanding:
        if one is None or task_id == one.id:
            await history.pause(journal, task_id, token=f"at:{state.version}")


async def resume(bus: Bus, journal: Journal, name: str) -> None:
    """Have a paused request or task go on."""
    await _steer(bus, journal, name, facts.RESUME, {})


async def reopen(bus: Bus, journal: Journal, name: str) -> str:
    """Take back the pause of a request or task, where there is one, and have an ended request go on of which a task was
    redriven. Returns the request's id. Raises `ConfigurationError` for what does not exist."""
    state = await read(journal, facts.request_of(name))
    if state.ended:
        for one in state.tasks.values():
            fact = await reconciling.redriven(journal, one)
            if fact is not None:
                await journal.append(facts.stream_of(state.id), [fact], key=reconciling.key_of(fact))
                await nudge(bus, state.id)
    elif state.paused or "." in name or any(one.paused for one in state.tasks.values()):
        await resume(bus, journal, name)
    return state.id


async def find_task(journal: Journal, task_id: str) -> tuple[RequestState, TaskState]:
    """A task and its request. Raises `ConfigurationError`."""
    state = await read(journal, facts.request_of(task_id))
    one = state.tasks.get(task_id)
    if one is None:
        named = [task.id for task in state.tasks.values() if task_id in (f"{state.id}.{task.name}", task.name)]
        hint = f"; did you mean {named[0]}?" if named else f"; `beth status {state.id}` shows them"
        raise ConfigurationError(f"{state.id} has no task {task_id!r}{hint}")
    return state, one


async def _steer(
    bus: Bus, journal: Journal, name: str, kind: str, data: dict[str, Any]
) -> tuple[RequestState, TaskState | None]:
    one: TaskState | None = None
    if "." in name:
        state, one = await find_task(journal, name)
        data = {**data, "task_id": name}
        going_on = one.id in state.outstanding or one.status == "unfunded"
        if one.result is not None and one.result.final and not going_on:
            raise ConfigurationError(f"{name} has ended: {one.status}")
    else:
        state = await read(journal, name)
    if state.ended:
        raise ConfigurationError(f"{state.id} has ended: {state.status}")
    await journal.append(facts.stream_of(state.id), [Fact(kind, data)], key=f"{kind}:{secrets.token_hex(8)}")
    await nudge(bus, state.id)
    return state, one


def roles_of(state: RequestState) -> set[str]:
    """The roles that the request still needs."""
    if state.workflow is None:
        proposal = state.proposal or {}
        planner = set() if state.planner is None or state.planner.status in FINAL_STATUSES else {"beth"}
        return planner | {str(task["agent"]) for task in proposal.get("task", ()) if isinstance(task, Mapping)}
    at_it = {one.agent for one in state.tasks.values() if one.status not in FINAL_STATUSES}
    # Of a team that nobody knows, nobody knows either whether there is somebody who fixes.
    fixers = [state.fixing_role(one) for one in state.gates.values() if not one.passed and state.team]
    return at_it | {one for one in fixers if one is not None}


def request_of(name: str) -> str:
    """The request that a request's or a task's id belongs to."""
    return facts.request_of(name)


async def newest(journal: Journal) -> str:
    """The request that was received last. Raises `ConfigurationError` where there is none."""
    return _newest([one async for one in standings(journal)], "there is no request yet")


async def newest_open(journal: Journal) -> str:
    """The request that was received last of those that have not ended. Raises `ConfigurationError`."""
    return _newest([one async for one in standings(journal) if one.open], "there is no open request")


async def others_going_on(journal: Journal, request_id: str) -> list[str]:
    """Every other request that is open and waits for nobody: whoever looks after requests here looks after it too."""
    found: list[str] = []
    async for one in standings(journal):
        if one.open and not one.paused and one.id != request_id:
            state = await read(journal, one.id)
            if not waits_for_a_person(state):
                found.append(one.id)
    return found


def _newest(found: Sequence[Standing], none: str) -> str:
    if not found:
        raise ConfigurationError(none)
    return max(found, key=lambda one: one.received_at or 0.0).id
