"""One task of an agent with a model, done by real workers one after the other, each killed where a schedule says."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from beth_sdk import openers, schema
from beth_sdk.bus.base import BEGINNING, Bus
from beth_sdk.history import ENDED, STARTED, STEP_DONE, stream_of
from beth_sdk.journal.base import Entry, Journal
from beth_sdk.messages import Result, Task, timestamp
from beth_sdk.publish import publish_task, queue_of
from beth_sdk.settings import sqlite_url
from tests.chaos import ledger
from tests.kit import team
from tests.kit.evidence import Call, Commit, Evidence, Kill, commits_of, git, place_of
from tests.kit.model_server import CALL, serving
from tests.kit.play import Script

TASK = "task-1"
RESULTS = "results.kit"

LEASE = 1.0
"""Seconds after which a killed worker's task goes to the next."""

PATIENCE = 60.0
"""Seconds that anything may take: a step, on a busy machine."""

LOOK = 0.01
"""Seconds between two looks at what nobody announces: the journal of another process."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A kill: `seconds` after `outcomes` are in the journal, at least one of them new. None: after the worker was
    started, whatever it does by then."""

    outcomes: int | None
    seconds: float


def schedule(steps: int, kills: int, dice: random.Random) -> list[Planned]:
    """Kills at random steps of a task of so many, some inside the step that follows, some after it. One in six hits the
    next worker while it starts, waits for the lease, replays or restores."""
    early = {number for number in range(1, kills) if dice.random() < 1 / 6}
    marks = sorted(dice.randrange(steps) for _ in range(kills - len(early)))
    late = (Planned(mark, dice.uniform(0.0, 0.3)) for mark in marks)
    return [Planned(None, dice.uniform(0.3, 2.0)) if number in early else next(late) for number in range(kills)]


class Run:
    """A task on a bus of its own in `folder`, its model and its worker."""

    def __init__(self, folder: Path, bus: Bus, journal: Journal, model_url: str, *, network: str) -> None:
        self.folder = folder
        self.entries: list[Entry] = []
        self.kills: list[Kill] = []
        self.worker: team.Worker
        self._bus = bus
        self._journal = journal
        distribution = team.make(folder / "team", network=network)
        self._variables = team.environment(distribution, folder, model_url, lease=LEASE)
        self._module: Sequence[str] = ("beth_sdk.cli",)

    def start(self, without: str | None = None) -> None:
        """Start the first worker; this and all that follow are `without` a safeguard: see `launch`."""
        if without is not None:
            self._module = ("tests.kit.launch", without)
        self._start()

    def start_to_die(self, point: str) -> None:
        """Start a worker that kills itself at a point of its journal: see `tests.chaos.launch`."""
        self._start(("tests.chaos.launch",), CHAOS_KILL=point)

    def _start(self, module: Sequence[str] | None = None, **more: str) -> None:
        log = self.folder / "worker.log"
        self.worker = team.Worker({**self._variables, **more}, log, module or self._module)

    async def publish(self) -> None:
        """Publish the task."""
        document = {
            "id": TASK,
            "type": "implement",
            "agent": team.ROLE,
            "payload": {"description": "Do what you are told."},
            "timestamp": timestamp(0.0),
            "reply_to": RESULTS,
        }
        await publish_task(self._bus, schema.parse(Task, document), journal_id=self._journal.id)

    # -- looking ------------------------------------------------------------------------------

    async def look(self) -> None:
        """Read what is new in the journal."""
        after = self.entries[-1].version if self.entries else None
        self.entries += [entry async for entry in self._journal.read(stream_of(TASK), after)]

    @property
    def work_tree(self) -> Path:
        """What the task's tools write."""
        return self.folder / "home" / "work" / TASK / TASK

    @property
    def calls(self) -> list[Call]:
        """What the model was called for so far."""
        lines = ledger.read(self.folder / "ledger", CALL)
        return [Call(**{field: line[field] for field in Call.__slots__}) for line in lines]

    def next_facts(self) -> str:
        """The facts of the append that makes the next outcome known, or the end. A model call, of which the intent is
        journaled first, comes after the frame and after each tool call."""
        if any(place_of(entry)[0] == "finish" for entry in self.entries if entry.fact.kind == STEP_DONE):
            return f"{STARTED}+{ENDED}"
        return STEP_DONE if self.outcomes() % 2 else f"{STARTED}+{STEP_DONE}"

    def outcomes(self, name: str | None = None) -> int:
        """How many outcomes the journal had at the last look, of steps of any name or of one."""
        done = (entry for entry in self.entries if entry.fact.kind == STEP_DONE)
        return sum(name is None or place_of(entry)[0] == name for entry in done)

    @property
    def ended(self) -> bool:
        return any(entry.fact.kind == ENDED for entry in self.entries)

    # -- killing ------------------------------------------------------------------------------

    async def kill(self, planned: Planned) -> None:
        """Kill the worker when it is time."""
        if planned.outcomes is not None:
            least = max(planned.outcomes, self.kills[-1].outcomes + 1 if self.kills else 0)
            await self.until(lambda: self.ended or self.outcomes() >= least, f"{least} outcomes")
        await asyncio.sleep(planned.seconds)
        await self.kill_now()

    async def kill_now(self) -> None:
        """Kill -9 the worker's process group, and start the next one at once."""
        ready = self.worker.ready
        self.worker.kill()
        await self.look()
        during = self._during() if ready else "start"
        self.killed(during)
        self._start()

    def killed(self, during: str) -> None:
        """Note a kill that has happened."""
        self.kills.append(Kill(self.outcomes(), self.outcomes("model"), len(self.calls), during))

    def _during(self) -> str:
        """What a kill has hit, as far as that can be seen from outside."""
        if self.ended:
            return "after the end"
        calls, previous = self.calls, self.kills[-1] if self.kills else None
        if previous is not None and (self.outcomes(), len(calls)) == (previous.outcomes, previous.calls):
            return "waiting, replay or restore"
        if self.outcomes("model") < len({call.turn for call in calls}):
            return "model call"
        return "tool call" if self.outcomes("model") > self._answered() else "between"

    def _answered(self) -> int:
        """How many tool calls have an outcome; each turn of a script has one."""
        return self.outcomes() - self.outcomes("model") - self.outcomes("frame")

    async def until(self, so: Callable[[], bool], what: str) -> None:
        """Look until it is so. Raises TimeoutError, AssertionError where the worker ended by itself."""
        deadline = time.monotonic() + PATIENCE
        while True:
            await self.look()
            if so():
                return
            if self.worker.died is not None or time.monotonic() > deadline:
                tail = "\n".join(self.worker.log.read_text().splitlines()[-20:])
                raise AssertionError(f"{what}: not within {PATIENCE} s; exit status {self.worker.died}\n{tail}")
            await asyncio.sleep(LOOK)

    # -- the end ------------------------------------------------------------------------------

    async def evidence(self) -> Evidence:
        """Wait for the end, have the worker end, and gather what is known."""
        await self.until(lambda: self.ended, "the end of the task")
        result = await self._result()
        await self._queue_is_empty()
        # Before it is ready, it ends by the signal as any process does.
        await self.until(lambda: self.worker.ready, "a last worker")
        status = await asyncio.to_thread(self.worker.end)
        await self.look()
        repository = self.folder / "home" / "repositories" / f"{TASK}.git"
        commits, tree = self._work(repository, result)
        left = _last_snapshot(self.entries)
        return Evidence(
            result=result,
            entries=self.entries,
            calls=self.calls,
            kills=self.kills,
            commits=commits,
            tree=tree,
            left="" if left is None else git(repository, "rev-parse", f"{left}^{{tree}}").strip(),
            seconds=0.0,
            exit_status=status,
        )

    def _work(self, repository: Path, result: Result) -> tuple[Sequence[Commit], str]:
        if not result.artifacts:
            return (), ""
        commit = result.artifacts[0].commit
        assert commit is not None
        commits = commits_of(repository, commit)
        return commits, commits[-1].tree

    async def _result(self) -> Result:
        async with asyncio.timeout(PATIENCE):
            while not (page := await self._bus.read(RESULTS, BEGINNING, wait=1.0)):
                pass
        results = [schema.decode(Result, message.body) for _, message in page]
        assert all(one == results[0] for one in results), "two different results were published"
        return results[0]

    async def _queue_is_empty(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                stats = await self._bus.stats(queue_of(team.ROLE))
                if not (stats.ready or stats.delayed or stats.in_flight):
                    return
                await asyncio.sleep(LOOK)


def _last_snapshot(entries: Sequence[Entry]) -> str | None:
    found = [entry.fact.data["outcome"].get("snapshot") for entry in entries if entry.fact.kind == STEP_DONE]
    return next((one for one in reversed(found) if one), None)


@asynccontextmanager
async def published(folder: Path, script: Script, *, network: str = "none") -> AsyncIterator[Run]:
    """A task that was published, and that nobody does yet, in an empty folder."""
    folder.mkdir()  # noqa: ASYNC240 - nobody waits
    url = sqlite_url(folder / "bus.db")
    bus, journal = await openers.open_bus(url), await openers.open_journal(url)
    try:
        with serving(script, folder / "ledger") as model_url:
            run = Run(folder, bus, journal, model_url, network=network)
            await run.publish()
            try:
                yield run
            finally:
                run.worker.kill()
    finally:
        await journal.close()
        await bus.close()


@asynccontextmanager
async def running(
    folder: Path, script: Script, *, network: str = "none", without: str | None = None
) -> AsyncIterator[Run]:
    """The same with a worker that does it."""
    async with published(folder, script, network=network) as run:
        run.start(without)
        yield run


async def play(folder: Path, script: Script, kills: Sequence[Planned] = ()) -> Evidence:
    """Have a task done, with these kills, and gather what is known."""
    began = time.monotonic()
    async with running(folder, script) as run:
        for planned in kills:
            await run.kill(planned)
        return dataclasses.replace(await run.evidence(), seconds=time.monotonic() - began)


async def sweep(folder: Path, script: Script) -> Evidence:
    """Have a task done whose workers each die at the next append to the journal: just before it, when a step was done
    and nobody knows, and the one after that just after it, when all is known and nothing was made of it."""
    began = time.monotonic()
    async with published(folder, script) as run:
        while not run.ended:
            facts = run.next_facts()
            for moment in ("before", "after"):
                run.start_to_die(f"1@journal.append[task: {facts}] {moment}")
                died = await asyncio.to_thread(run.worker.wait, PATIENCE)
                assert died == -signal.SIGKILL, f"{facts} {moment}: {died}"
                await run.look()
                run.killed(f"{facts} {moment}")
        run.start()
        return dataclasses.replace(await run.evidence(), seconds=time.monotonic() - began)
