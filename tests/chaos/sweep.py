"""Kills `beth run` at every point of bus and journal, resumes it, and checks what became of the request."""

from __future__ import annotations

import asyncio
import json
import math
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from beth_sdk import openers
from beth_sdk.journal.base import Journal
from beth_sdk.settings import sqlite_url
from tests.chaos import distribution, processes
from tests.chaos.agents import Script
from tests.chaos.checker import check
from tests.chaos.gather import REQUESTS, gather

T = TypeVar("T")

LEASE = 1.0
"""Seconds: what a resumed request waits for at most, because the holds of the killed process have to run out."""

AT_ONCE = 8
"""Trials side by side: most of one is waiting for leases."""

LONGEST = 60.0
"""Seconds after which a run counts as hanging."""

KILLED, HANGS = -signal.SIGKILL, 1000
"""Exit codes: of a process that was killed, and of one that had to be."""

TEAM: tuple[tuple[str, str, list[str], Script], ...] = (
    ("requirements", "product-manager", [], Script()),
    # Long enough for renewals, and with an attempt that fails and is handed back.
    ("implementation", "developer", ["requirements"], Script(seconds=(0.0, 0.45, 0.0), raises=True)),
    # A continuation, and a task that another one wanted.
    ("verification", "tester", ["implementation"], Script(delegates="developer")),
)
KEYS = 5
"""Results of a request: one of each of the three tasks, one of the errand, and the tester's before that."""


@dataclass(frozen=True, slots=True, order=True)
class Kill:
    """The process kills itself when it hits `point` for the `occurrence`th time."""

    point: str
    occurrence: int

    def __str__(self) -> str:
        return f"{self.occurrence}@{self.point}"


@dataclass(frozen=True, slots=True)
class Trial:
    """A request that was killed as planned, resumed, and looked at. `reached`: of the kills, those that happened."""

    kills: tuple[Kill, ...]
    reached: int
    problems: tuple[str, ...]


@dataclass(slots=True)
class Report:
    """What came of a sweep. `hits`: how often a run hits each point. `before`: for a point that only a resumed run has,
    the kill that leads there."""

    seed: int
    hits: Counter[str] = field(default_factory=Counter)
    before: dict[str, Kill] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def kills(self) -> Counter[str]:
        """How often a process was killed at each point."""
        return Counter(kill.point for trial in self.trials for kill in trial.kills[: trial.reached])

    @property
    def missed(self) -> list[str]:
        """Points at which no process was killed."""
        return sorted(self.hits.keys() - self.kills.keys())

    @property
    def problems(self) -> list[str]:
        """What went wrong, and points that the sweep was to kill at and never did."""
        found = [f"{' then '.join(map(str, t.kills))}: {problem}" for t in self.trials for problem in t.problems]
        return found + [f"{point}: never killed there" for point in self.missed]

    def table(self) -> str:
        """For each call, how often an undisturbed run hits the points before and after it, and the kills there."""
        hits, kills = self.hits, self.kills
        calls = sorted({point.rpartition(" ")[0] for point in hits})
        width = max(map(len, calls), default=0)
        lines = [f"{'call'.ljust(width)}  hits before  kills   hits after  kills"]
        for call in calls:
            before, after = f"{call} before", f"{call} after"
            numbers = f"{hits[before]:11}  {kills[before]:5}  {hits[after]:11}  {kills[after]:5}"
            lines.append(f"{call.ljust(width)}  {numbers}")
        lines.append(
            f"seed {self.seed}: {len(hits)} points, {hits.total()} hits; {kills.total()} kills in "
            f"{len(self.trials)} trials, {len(self.problems)} problems; {self.seconds:.0f} s"
        )
        return "\n".join(lines)


class Sweep:
    """Trials in a folder, each in a home of its own, kept where something went wrong. `without`: a safeguard that is
    taken out, to see that it is missed."""

    def __init__(self, folder: Path, *, seed: int, without: str | None = None) -> None:
        self._folder = folder
        self._without = without
        self._random = random.Random(seed)
        self._team = distribution.make(folder / "team")
        self._workflow = folder / "workflow.toml"
        self._workflow.write_text(_workflow(), encoding="utf-8")
        self._homes = 0
        self.report = Report(seed)

    async def short(self, seconds: float) -> Report:
        """Kill once at every point, at one of its occurrences; and at further ones until `seconds` have passed."""
        began = time.monotonic()
        await self._look_for_points()
        hits = self.report.hits
        await self._try(self._kills(point, self._random.randint(1, hits[point])) for point in self._shuffled(hits))
        await self._try(self._kills(point, 1) for point in self.report.missed)  # of some there are not always as many
        further = self._shuffled((point, n) for point in hits for n in range(1, hits[point] + 1))
        await self._try((self._kills(*one) for one in further), until=began + seconds)
        self.report.seconds = time.monotonic() - began
        return self.report

    async def long(self) -> Report:
        """Kill at every point, at each of its occurrences; half of the times the process that resumes is killed too."""
        began = time.monotonic()
        await self._look_for_points()
        hits = self.report.hits
        every = self._shuffled((point, n) for point in hits for n in range(1, hits[point] + 1))
        second = [Kill(*self._random.choice(every)) for _ in every]
        twice = [self._random.random() < 0.5 for _ in every]
        await self._try(
            (*self._kills(*one), *([again] if both else []))
            for one, again, both in zip(every, second, twice, strict=True)
        )
        await self._try(self._kills(point, 1) for point in self.report.missed)
        self.report.seconds = time.monotonic() - began
        return self.report

    async def trial(self, *kills: Kill) -> Trial:
        """One request: run with the first kill, resumed with each of the others, then resumed in peace."""
        home = self._home()
        reached = 0
        for kill in kills:
            code = await self._beth(home, kill=kill)
            if code != KILLED:
                break
            reached += 1
        else:
            code = await self._beth(home)
        problems = await self._problems(home, code)
        if not problems:
            shutil.rmtree(home)
        return Trial(kills, reached, tuple(problems))

    # -- points -------------------------------------------------------------------------------

    async def _look_for_points(self) -> None:
        """Count the points of a run that nobody kills, and of one that resumes when a task has ended and nobody has
        been told."""
        hits, before = self.report.hits, self.report.before
        hits.update(await self._points())
        ended = Kill("journal.append[task: ended] after", 1)
        for point, count in (await self._points(ended)).items():
            if point not in hits:
                hits[point], before[point] = count, ended

    async def _points(self, *kills: Kill) -> Counter[str]:
        home = self._home()
        for kill in kills:
            assert await self._beth(home, kill=kill) == KILLED
        code = await self._beth(home, points=True)
        problems = await self._problems(home, code)
        assert problems == [], problems
        hits = Counter((home / "points").read_text().splitlines())
        shutil.rmtree(home)
        return hits

    def _kills(self, point: str, occurrence: int) -> tuple[Kill, ...]:
        before = self.report.before.get(point)
        return (*([before] if before else []), Kill(point, occurrence))

    def _shuffled(self, some: Iterable[T]) -> list[T]:
        shuffled = list(some)
        self._random.shuffle(shuffled)
        return shuffled

    # -- trials -------------------------------------------------------------------------------

    async def _try(self, plans: Iterable[tuple[Kill, ...]], *, until: float = math.inf) -> None:
        """Carry out trials, several side by side; begins none after the moment `until` on the monotonic clock."""
        left = iter(list(plans))

        async def some() -> None:
            for kills in left:
                if time.monotonic() >= until:
                    return
                self.report.trials.append(await self.trial(*kills))

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    def _home(self) -> Path:
        self._homes += 1
        home = self._folder / f"home-{self._homes}"
        home.mkdir()
        return home

    async def _beth(self, home: Path, *, kill: Kill | None = None, points: bool = False) -> int:
        """Run the request, or go on with it as a user would; returns the exit code, or `HANGS`."""
        environment = distribution.environment(self._team, home, lease=LEASE, ledger=home / "ledger")
        if kill is not None:
            environment["CHAOS_KILL"] = str(kill)
        if self._without is not None:
            environment["CHAOS_WITHOUT"] = self._without
        if points:
            environment["CHAOS_POINTS"] = str(home / "points")
        child = processes.start("beth", [*await self._command(home), "--json"], environment, home / "output")
        try:
            return await asyncio.wait_for(child.wait(), LONGEST)
        except TimeoutError:
            child.signal(signal.SIGKILL)
            return HANGS

    async def _command(self, home: Path) -> list[str]:
        """`beth run` where there is no request yet, otherwise `beth resume`: by its name where it has ended."""
        async with _journal(home) as journal:
            async for stream in journal.streams(REQUESTS):
                kinds = {entry.fact.kind async for entry in journal.read(stream)}
                return ["resume", stream.removeprefix(REQUESTS)] if "ended" in kinds else ["resume"]
        return ["run", "Build something", "--workflow", str(self._workflow)]

    async def _problems(self, home: Path, code: int) -> list[str]:
        """What is wrong with a request that was run to its end."""
        output = (home / "output").read_text("utf-8", "replace")
        problems = [] if code == 0 else [f"exit code {code}: {output[-2000:]}"]
        if '"status": "complete"' not in output.rpartition("\n{")[2]:
            problems.append(f"is not complete: {output[-2000:]}")
        async with _journal(home) as journal:
            bus = await openers.open_bus(_url(home))
            try:
                history = await gather(
                    bus, journal, ledger_file=home / "ledger", logs=[home / "beth" / "logs" / "beth.log"]
                )
            finally:
                await bus.close()
        if len(set(history.taken)) != KEYS:
            problems.append(f"{len(set(history.taken))} results were accepted, not {KEYS}")
        return problems + [str(violation) for violation in check(history)]


def _url(home: Path) -> str:
    return sqlite_url(home / "beth" / "beth.db")


@asynccontextmanager
async def _journal(home: Path) -> AsyncIterator[Journal]:
    journal = await openers.open_journal(_url(home))
    try:
        yield journal
    finally:
        await journal.close()


def _workflow() -> str:
    """The team's tasks as a workflow file. What JSON makes of strings and lists of strings is TOML too."""
    lines = ['name = "kills"']
    for name, agent, needs, script in TEAM:
        lines += ["[[task]]", 'type = "work"', f"name = {json.dumps(name)}", f"agent = {json.dumps(agent)}"]
        lines += [f"needs = {json.dumps(needs)}", f"description = {json.dumps(script.description())}"]
    return "\n".join(lines)
