"""Requests at random: whatever people, agents and crashes do, they end, or somebody is told what they wait for."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import (
    TTL,
    Killed,
    Life,
    Office,
    Through,
    asking,
    delegating,
    inputs,
    parked,
    result_of,
)
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.policy import Policy
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import cancelled
from beth_agent_beth.orchestration.outcome import waits_for_a_person, word_of
from beth_agent_beth.orchestration.workspaces import Impossible, Moved, Opened, Source
from beth_kit.workspace.conflict import Conflict
from beth_sdk import history, schema
from beth_sdk.errors import ConfigurationError
from beth_sdk.journal.base import Fact
from beth_sdk.messages import FINAL_STATUSES, Result, Task

ROLES = ("worker", "developer", "helper", "beth")
REFUSES = {"decision": "changes_requested", "findings": [{"title": "It breaks", "severity": "high", "detail": "x"}]}
REPOSITORY = "file:///r"
STEPS, TO_THE_END = 40, 400


def a_plan(rng: random.Random) -> list[dict[str, Any]]:
    """Up to six tasks, some of them gates that have others looked at again."""
    tasks: list[dict[str, Any]] = []
    for number in range(rng.randint(1, 6)):
        before = [one["name"] for one in tasks]
        one: dict[str, Any] = {"name": f"t{number}", "agent": "worker", "type": "act", "size": rng.choice("SML")}
        one["needs"] = rng.sample(before, rng.randint(0, min(2, len(before))))
        if rng.random() < 0.5:
            gates = [other["name"] for other in tasks if other.get("gate")]
            one |= {"gate": True, "recheck": rng.sample(gates, rng.randint(0, len(gates)))}
        tasks.append(one)
    return tasks


class Chance:
    """Workspaces in which work fits together with the rest as it happens."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.heads = (f"{number:040x}" for number in range(1, 10**6))

    async def open(self, request_id: str, source: Source | None, *, when: float) -> Opened:
        return Opened("/r", REPOSITORY, f"beth/{request_id}", "0" * 40)

    async def merge(
        self, request_id: str, commit: str, message: str, *, base: str, since: str
    ) -> Moved | Conflict | Impossible:
        match self._rng.randrange(10):
            case 0 | 1 | 2:
                return Conflict(("a.txt",), ours="1" * 40, theirs="2" * 40, base="0" * 40, tree="3" * 40)
            case 3:
                return Impossible("it is gone")
        return Moved(next(self.heads), {"worker": 1})


class Game:
    """One request, a Beth who may be killed at any time, people and agents who do anything."""

    def __init__(self, office: Office, seed: int) -> None:
        self.office = office
        self.rng = random.Random(seed)
        chance = Through(Chance(self.rng)).as_workspaces
        self.workspaces = chance if self.rng.random() < 0.5 else None
        self.beth = office.beth(workspaces=self.workspaces)
        self.pool: dict[str, Task] = {}
        """What agents have, by key."""
        self.planned = a_plan(self.rng)

    async def begin(self) -> None:
        rng = self.rng
        fields: dict[str, Any] = {"plan": None} if rng.random() < 0.25 else {}
        if rng.random() < 0.5:
            fields["budget"] = {"cost_usd": rng.choice([0.0, 0.01, 0.3, 2.0])}
        rounds = rng.randint(0, 2)
        policy = Policy.model_validate({"gate": {"rounds": rounds}})
        await self.office.submit(*self.planned, policy=policy, approve_plan=rng.random() < 0.2, **fields)

    async def state(self) -> RequestState:
        return await self.office.state()

    # -- Beth ---------------------------------------------------------------------------------

    async def attend(self, *results: Result, calm: bool = False) -> None:
        rng, office = self.rng, self.office
        if calm or rng.random() < 0.8:
            found = await self.beth.attend("r", inputs(*results), reconcile=calm or rng.random() < 0.3)
            assert found == await self.state(), "what she knows is what the facts say"
        else:
            life = Life(rng.randint(1, 6))
            journal, bus = Through(office.journal, life), Through(office.bus, life)
            for one in (journal, bus):
                getattr(one, rng.choice(["before", "after"]))[rng.choice(["append", "publish", "take"])] = life.hit
            try:
                dying = office.beth(bus=bus.as_bus, journal=journal.as_journal, workspaces=self.workspaces)
                await dying.attend("r", inputs(*results))
            except Killed:
                office.clock.advance(TTL + 1)
            self.beth = office.beth(workspaces=self.workspaces)
        for task in await office.queued(*ROLES):
            self.pool[task.key] = task
        await self.look()

    async def look(self) -> None:
        """What holds at every moment."""
        state = await self.state()
        committed, total = state.budget.committed.cost_usd, state.budget.total.cost_usd
        assert total is None or (committed or 0) <= total + 1e-9
        published: Counter[str] = Counter()
        stopped = False
        async for entry in self.office.journal.read(facts.stream_of("r")):
            match entry.fact.kind:
                case facts.PUBLISHING:
                    told = entry.fact.data["task"]
                    published[f"{told['id']}:{told.get('continuation', 0)}"] += 1
                    assert not stopped, "nothing is published after a cancel"
                case facts.CANCEL if "task_id" not in entry.fact.data:
                    stopped = True
        assert set(published.values()) <= {1}, "each continuation is published once"

    # -- agents -------------------------------------------------------------------------------

    async def work(self, *, well: bool = False) -> None:
        """One of those who have a task ends it."""
        key = self.rng.choice(sorted(self.pool))
        task = self.pool.pop(key)
        known = await self.office.task(task.id)
        if task.continuation in known.ended or (known.redriven or {}).get("continuation", 0) > task.continuation:
            return  # Beth ended it in somebody's place, or a person had it tried again
        result = self.outcome(task, known, well=well)
        if result.status == "complete" and self.workspaces is not None and self.rng.random() < 0.5:
            artifact = {"kind": "git", "uri": REPOSITORY, "commit": f"{self.rng.getrandbits(160):040x}"}
            result = schema.parse(Result, {**result.to_json(), "artifacts": [artifact]})
        await self.office.end(result)
        if well or self.rng.random() < 0.9:  # else it is lost on the way
            await self.attend(result, calm=well)

    def outcome(self, task: Task, known: history.TaskHistory, *, well: bool) -> Result:
        rng = self.rng
        budget = task.budget.cost_usd if task.budget is not None else None
        used = round((known.usage.get("cost_usd") or 0.0), 6)
        usage = {"cost_usd": round(max(used, (budget if budget is not None else 0.1) * rng.choice([0.0, 0.5, 1.0])), 9)}
        if known.cancel_reason is not None:
            return cancelled(result_of(task, usage=usage), "told to")
        if known.paused:
            return parked(task)
        if task.agent == "beth":
            plan = {"name": "planned", "task": self.planned}
            return (
                result_of(task, result={"plan": plan}, usage=usage)
                if well or rng.random() < 0.8
                else result_of(task, "failed", usage=usage)
            )
        if well:
            return result_of(task, usage=usage, verdict={"decision": "approved"})
        match rng.randrange(9):
            case 0:
                return result_of(task, "failed", usage=usage)
            case 1:
                return asking(task, question_id=f"ask:{task.continuation}", usage=usage)
            case 2 if len(task.id.split(".")) < 4:
                wanted = [f"{task.key} {number}" for number in range(rng.randint(1, 3))]
                return delegating(task, *wanted, question_id=f"delegate:{task.continuation}").with_(usage=usage)
            case 3 if budget is not None:
                details = {"limit": "budget", "dimension": "cost_usd", "spent": budget, "wanted": 0.01}
                error = {"code": "cost_limit", "message": "used up", "retryable": False, "details": details}
                return result_of(task, "failed", error=error, usage={"cost_usd": budget})
            case 4 | 5:
                return result_of(task, usage=usage, verdict=REFUSES)
            case _:
                return result_of(task, usage=usage, verdict={"decision": "approved"})

    # -- people -------------------------------------------------------------------------------

    async def answer(self, *, well: bool = False) -> None:
        state, rng = await self.state(), self.rng
        for asked in state.open_questions:
            words: tuple[str, ...] = asked.options or (("+1",) if well else ("+1", "+0.001", "stop"))
            word = "accept" if well and "accept" in words else words[0] if well else rng.choice(words)
            await requests.answer(self.office.bus, self.office.journal, asked.about, word)
        for one in state.questions:
            await requests.answer(self.office.bus, self.office.journal, one.id, "yes")

    async def steer(self) -> None:
        rng, bus, journal = self.rng, self.office.bus, self.office.journal
        name = rng.choice(["r", *(await self.state()).tasks])
        try:
            match rng.randrange(7):
                case 0 | 1 | 2:
                    await requests.pause(bus, journal, name)
                case 3 | 4 | 5:
                    await requests.resume(bus, journal, name)
                case _ if rng.random() < 0.4:
                    await requests.cancel(bus, journal, name, "enough")
        except ConfigurationError:
            pass  # it has ended

    async def redrive(self) -> None:
        """Have one that failed tried again, as with a dead letter."""
        state = await self.state()
        failed = [one for one in state.tasks.values() if one.status in ("failed", "rejected") and one.accepted is None]
        if not failed or state.cancel_reason is not None:
            return
        one = self.rng.choice(failed)
        assert one.task is not None
        again = one.task.with_(continuation=one.continuation + 1)
        if again.budget is not None:  # as a redrive does: no more than was used
            again = again.with_(budget=again.budget.with_(cost_usd=state.budget.used_by(one.id).cost_usd or 0.0))
        data = {"continuation": again.continuation, "task": again.to_json()}
        await self.office.journal.append(
            history.stream_of(one.id), [Fact(history.REDRIVEN, data)], key=f"redriven:{one.task.key}"
        )
        self.pool[again.key] = again
        await requests.reopen(self.office.bus, self.office.journal, "r")

    # -- the game -----------------------------------------------------------------------------

    async def play(self) -> None:
        await self.begin()
        for _ in range(STEPS):
            chance = self.rng.random()
            if chance < 0.55 and self.pool:
                await self.work()
            elif chance < 0.65:
                await self.answer()
            elif chance < 0.75:
                await self.steer()
            elif chance < 0.8:
                await self.redrive()
            await self.attend()
            if not self.pool and self.rng.random() < 0.3:
                await self.settle()

    async def settle(self) -> None:
        """Nobody has anything: the request has ended, or says what it waits for."""
        await self.attend(calm=True)
        state = await self.state()
        if self.pool or state.ended:
            return
        stands = {one.id: (one.status, one.paused) for one in state.tasks.values()}
        assert waits_for_a_person(state), (word_of(state), stands)
        assert word_of(state) in ("waiting", "paused"), (word_of(state), stands)

    async def to_the_end(self) -> RequestState:
        """From here on everybody does well."""
        for _ in range(TO_THE_END):
            await self.settle()
            state = await self.state()
            if state.ended:
                return state
            if self.pool:
                await self.work(well=True)
            elif state.open_questions or state.questions:
                await self.answer(well=True)
            else:
                await requests.resume(self.office.bus, self.office.journal, "r")
        raise AssertionError("it goes on for ever")


@pytest.mark.parametrize("first", range(0, 120, 20))
async def test_a_request_ends_or_says_what_it_waits_for_whatever_happens(first: int) -> None:
    ended: Counter[str] = Counter()
    for seed in range(first, first + 20):
        game = Game(await Office.empty(), seed)
        try:
            await game.play()
            state = await game.to_the_end()
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
        ended[state.status] += 1
        assert all(one.status in {*FINAL_STATUSES, "waiting"} for one in state.tasks.values()), seed
        assert not state.outstanding
        if state.status == "complete":
            assert all(gate.passed for gate in state.gates.values()), seed
            assert all(one.status == "complete" for one in state.tasks.values() if one.parent is None), seed
    assert len(ended) > 1, "games that all end alike show little"
