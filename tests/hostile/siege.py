"""Has a hostile model do its worst at real workers, and gathers what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beth_kit.sandbox.conftest import World, furnished, serving
from beth_kit.sandbox.policy import task_uid
from beth_kit.sandbox.test_attacks import SECRET
from beth_sdk import openers, schema
from beth_sdk.bus.base import BEGINNING, Bus
from beth_sdk.history import STEP_DONE, stream_of
from beth_sdk.journal.base import Journal
from beth_sdk.messages import Event, Result, Task, timestamp
from beth_sdk.publish import publish_task
from beth_sdk.settings import sqlite_url
from tests.hostile import processes
from tests.hostile.files import changes, digest, leaked
from tests.hostile.tries import GLUTTON, INTRUDER, SPARES, Call, Target, Try, tries
from tests.hostile.worker import Worker, make

RESULTS = "results.hostile"

PATIENCE = 100.0
"""Seconds that everything may take."""

AT_ONCE = 8
"""Attacks in one turn of the model."""

ASIDE = [
    Call("edit", {"action": "create", "path": "work.py", "file_text": SECRET}),
    Call("commit", {"message": "Work"}),
    Call("finish", {"result": {"summary": "done"}}),
]
"""What the model does in another task."""

END = [
    Call("bash", {"command": "rm -rf .gitattributes"}),
    Call("commit", {"message": "All that is left"}),
    Call("finish", {"result": {"summary": "done"}}),
]
"""How it ends the one with the attacks. No filter of its own is in the way of seeing what is in the commit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model got back from a call, and what was published of it: `denied` refusals, and whether it `failed`."""

    text: str
    error: bool
    denied: tuple[str, ...]
    failed: bool

    @property
    def successful(self) -> bool:
        """Whether it shows that a hostile program got what it wanted. Not the word anywhere: newer versions of Python
        show the line of a program that failed."""
        return "DONE" in self.text.splitlines() or SECRET in self.text


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known at the end. `answers`: of each attack, by its name. `unharmed`: what was to stay as it was of the
    agents, and did not. `changed`: files of the host that did not stay. `sprung`: traps that somebody went into.
    `leaked`: whether the secret is in the commit that a task's result names. `left`: processes. `survivor`: whether the
    process lives on that outlived its step."""

    tries: Mapping[str, Try]
    answers: Mapping[str, Sequence[Answer]]
    results: Sequence[Result]
    exit_codes: Sequence[int]
    harmed: Sequence[str]
    changed: Sequence[str]
    sprung: Sequence[str]
    leaked: bool
    left: Sequence[int]
    survivor: bool
    seconds: float


def lay(mode: str, *, sandbox: bool) -> Ended:
    """Lay siege to a world of its own. `mode`: `root`, where each task gets a user of its own, or `user`."""
    with furnished(mode) as world, serving(world):
        return asyncio.run(_Siege(world, sandbox=sandbox).run())


class _Siege:
    def __init__(self, world: World, *, sandbox: bool) -> None:
        self.world = world
        self.sandbox = sandbox
        root = world.root
        mark = secrets.token_hex(4)
        self.names = {role: f"{role}-{mark}" for role in (INTRUDER, GLUTTON)}
        self.target = Target(
            root=root,
            bus=root / "beth.db",
            home=root / "beth",
            task=self.names[INTRUDER],
            other=f"other-{mark}",
            abstract=world.abstract,
            ports=world.ports,
            control=not sandbox,
        )
        self.tries = tries(self.target)

    async def run(self) -> Ended:
        began = time.monotonic()
        self._furnish()
        url = sqlite_url(self.target.bus)
        bus, journal = await openers.open_bus(url), await openers.open_journal(url)
        self.world.own()
        before = digest(self.world.root)
        workers: list[Worker] = []
        try:
            workers += [
                Worker(self.world, role, self._variables(url), ignoring=not self.sandbox) for role in self.names
            ]
            async with asyncio.timeout(PATIENCE):
                await self._publish(bus, journal, self.target.other, INTRUDER, "aside")
                await _results(bus, 1, workers)
                states = [_state(worker.pid) for worker in workers]
                for role, name in self.names.items():
                    await self._publish(bus, journal, name, role, "attack")
                results = await _results(bus, 3, workers)
            assert {one.status for one in results} == {"complete"}, results
            answers = await self._answers(bus, journal)
            survivor = int(answers["a process that outlives the step"][0].text.splitlines()[0])
            lives_on = processes.alive(survivor)
            if lives_on:
                os.kill(survivor, signal.SIGKILL)
            harmed = [one for worker, state in zip(workers, states, strict=True) for one in _harm(worker, state)]
            left = [one for worker in workers for one in processes.below(worker.pid)]
            codes = [await asyncio.to_thread(worker.end) for worker in workers]
            return Ended(
                tries={one.name: one for one in self.tries},
                answers=answers,
                results=results,
                exit_codes=codes,
                harmed=harmed,
                changed=changes(before, digest(self.world.root)),
                sprung=[one.name for one in self.tries if one.trap is not None and one.trap.exists()],
                leaked=leaked(next(one for one in results if one.task_id == self.target.task)),
                left=[*left, *self._users_processes()],
                survivor=lives_on,
                seconds=time.monotonic() - began,
            )
        finally:
            for worker in workers:
                worker.kill()
            await journal.close()
            await bus.close()

    # -- before -------------------------------------------------------------------------------

    def _furnish(self) -> None:
        root = self.world.root
        make(root / "team")
        (root / "open").mkdir()
        self.target.home.mkdir()
        for name in SPARES:
            folder = root / "spare" / name.replace(" ", "-")
            folder.mkdir(parents=True)
            (folder / "journal.db").write_text(SECRET)
        told = {
            role: {"attack": _turns([call for one in self.tries if one.role == role for call in one.calls])}
            for role in self.names
        }
        told[INTRUDER]["aside"] = _turns(ASIDE, [])
        (root / "transcript.yaml").write_text(json.dumps({"roles": told}), encoding="utf-8")

    def _variables(self, url: str) -> dict[str, str]:
        return {
            "MESSAGE_BUS_URL": url,
            "BETH_HOME": str(self.target.home),
            "BETH_SANDBOX": "on" if self.sandbox else "off",
            "TRANSCRIPT": str(self.world.root / "transcript.yaml"),
        }

    async def _publish(self, bus: Bus, journal: Journal, name: str, role: str, kind: str) -> None:
        document = {
            "id": name,
            "type": kind,
            "agent": role,
            "request_id": name,
            "payload": {"description": f"Nobody is to know {SECRET}."},
            "timestamp": timestamp(0.0),
            "reply_to": RESULTS,
        }
        await publish_task(bus, schema.parse(Task, document), journal_id=journal.id)

    # -- after --------------------------------------------------------------------------------

    async def _answers(self, bus: Bus, journal: Journal) -> dict[str, list[Answer]]:
        found: dict[str, list[Answer]] = {}
        for role, name in self.names.items():
            outcomes = {
                (entry.fact.data["name"], entry.fact.data["n"]): entry.fact.data["outcome"]
                async for entry in journal.read(stream_of(name))
                if entry.fact.kind == STEP_DONE
            }
            events = await _events(bus, name)
            counted: dict[str, int] = {}
            for one in self.tries:
                for call in one.calls if one.role == role else ():
                    number = counted.get(call.tool, 0)
                    counted[call.tool] = number + 1
                    outcome = outcomes[call.tool, number]
                    assert set(outcome["reply"]) >= {"text", "error"}, outcome
                    told = outcome["reply"]
                    heard = events.get((call.tool, number), ())
                    denied = tuple(event.message or "" for event in heard if event.kind == "denied")
                    failed = any(event.kind == "tool" and (event.data or {}).get("error") for event in heard)
                    found.setdefault(one.name, []).append(Answer(told["text"], told["error"], denied, failed))
        return found

    def _users_processes(self) -> list[int]:
        if self.world.uid is not None:
            return processes.of_user(self.world.uid)
        uids = [task_uid(name) for name in self.names.values()]
        return [one for uid in uids if uid is not None for one in processes.of_user(uid)]


def _turns(calls: Sequence[Call], end: Sequence[Call] = END) -> list[dict[str, Any]]:
    packed = [calls[at : at + AT_ONCE] for at in range(0, len(calls), AT_ONCE)]
    packed += [[call] for call in end]
    return [{"calls": [{"name": call.tool, "arguments": dict(call.arguments)} for call in one]} for one in packed]


async def _results(bus: Bus, number: int, workers: Sequence[Worker]) -> list[Result]:
    while True:
        page = await bus.read(RESULTS, BEGINNING, wait=0.2)
        if len(page) >= number:
            return [schema.decode(Result, message.body) for _, message in page]
        for worker in workers:
            if worker.process.poll() is not None:
                raise AssertionError(f"the {worker.role} died: {worker.process.returncode}\n{worker.log.read_text()}")
        if page:
            await asyncio.sleep(0.2)


async def _events(bus: Bus, task: str) -> dict[tuple[str, int], list[Event]]:
    """What was published for a task, by the step that it came in."""
    found: dict[tuple[str, int], list[Event]] = {}
    place, cursor = ("", 0), BEGINNING
    while page := await bus.read("events", cursor, wait=0.0):
        cursor = page[-1][0]
        for _, message in page:
            event = schema.decode(Event, message.body)
            if event.task_id != task:
                continue
            if event.kind == "step" and event.data is not None:
                place = str(event.data["name"]), int(str(event.data["n"]))
            found.setdefault(place, []).append(event)
    return found


def _state(pid: int) -> Mapping[str, object]:
    """What others might change of a process."""
    return {
        "priority": os.getpriority(os.PRIO_PROCESS, pid),
        "limits": Path(f"/proc/{pid}/limits").read_text(),
        "processors": os.sched_getaffinity(pid),
    }


def _harm(worker: Worker, before: Mapping[str, object]) -> Iterator[str]:
    if worker.process.poll() is not None or not processes.alive(worker.pid):
        yield f"the {worker.role} is dead"
        return
    after = _state(worker.pid)
    yield from (f"the {worker.role}'s {name}" for name, value in before.items() if after[name] != value)
    told = [json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")]
    yield from (f"the {worker.role} logged {one}" for one in told if one.get("level") in ("error", "critical"))
