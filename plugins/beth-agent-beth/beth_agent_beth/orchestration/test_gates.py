"""Gates send work back, look again, and in the end a person decides."""

from __future__ import annotations

from typing import Any

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import Office, inputs, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.policy import Policy
from beth_agent_beth.orchestration.orchestrator import Orchestrator
from beth_agent_beth.orchestration.outcome import outcome_of, summary_of, waits_for_a_person, word_of
from beth_sdk.errors import ConfigurationError
from beth_sdk.messages import Task

BUILD = {"name": "build", "agent": "builder", "type": "make"}
CHECK = {"name": "check", "agent": "checker", "type": "verify", "needs": ["build"], "gate": True}
AFTER = {"name": "after", "agent": "last", "type": "act", "needs": ["check"]}
AUDIT = {"name": "audit", "agent": "auditor", "type": "review", "needs": ["build"], "gate": True, "recheck": ["check"]}
ROLES = ("builder", "checker", "developer", "auditor", "last")

FOUND = [{"title": "It accepts a used token", "severity": "high", "place": "auth.py:12", "detail": "run x"}]
REFUSES: dict[str, Any] = {"verdict": {"decision": "changes_requested", "findings": FOUND}}
APPROVES: dict[str, Any] = {"verdict": {"decision": "approved"}}


class Play:
    """A request and a Beth; tasks end as they are told."""

    def __init__(self, office: Office, beth: Orchestrator) -> None:
        self.office = office
        self.beth = beth

    async def next(self) -> Task:
        """The only task that waits."""
        (task,) = await self.office.queued(*ROLES)
        return task

    async def end(self, task: Task, status: str = "complete", **fields: Any) -> None:
        await self.beth.attend("r", inputs(result_of(task, status, **fields)))

    async def to_the_question(self) -> None:
        """Build, and have the gate refuse whatever is done about it."""
        await self.end(await self.next())
        for _ in range(3):
            await self.end(await self.next(), **REFUSES)
            await self.end(await self.next())
        await self.end(await self.next(), **REFUSES)

    async def answer(self, text: str, name: str = "r.2") -> bool:
        counted = await requests.answer(self.office.bus, self.office.journal, name, text)
        await self.beth.attend("r")
        return counted


async def play(office: Office, *tasks: dict[str, Any], **fields: Any) -> Play:
    await office.submit(*tasks, **fields)
    beth = office.beth()
    await beth.attend("r")
    return Play(office, beth)


async def test_what_a_gate_found_is_fixed_and_looked_at_again(office: Office) -> None:
    on = await play(office, BUILD, CHECK, AFTER)
    await on.end(await on.next())
    await on.end(await on.next(), **REFUSES)
    fix = await on.next()
    assert (fix.id, fix.agent, fix.type) == ("r.4", "developer", "fix")
    told = fix.payload.to_json()
    assert (told["findings"], told["gate"], told["round"]) == (FOUND, "check", 1)
    assert "what checker found in check" in fix.payload.description
    assert "Build it" in fix.payload.description
    assert [one["name"] for one in told["upstream"]] == ["build", "check"]
    await on.end(fix)
    again = await on.next()
    assert (again.id, again.agent, again.type) == ("r.5", "checker", "verify")
    told = again.payload.to_json()
    assert (told["round"], [one["name"] for one in told["upstream"]]) == (2, ["build", "check-fix"])
    await on.end(again, **APPROVES)
    assert (await on.next()).agent == "last"


async def test_a_request_whose_gate_approved_in_the_end_is_complete(office: Office) -> None:
    on = await play(office, BUILD, CHECK)
    await on.end(await on.next())
    await on.end(await on.next(), **REFUSES)
    await on.end(await on.next())
    await on.end(await on.next(), **APPROVES)
    state = await office.state()
    assert (state.status, state.reason) == ("complete", "")
    assert [one.name for one in state.tasks.values()] == ["build", "check", "check-fix", "check-2"]


async def test_a_gate_without_objections_makes_no_further_task(office: Office) -> None:
    on = await play(office, BUILD, CHECK)
    await on.end(await on.next())
    await on.end(await on.next(), **APPROVES)
    state = await office.state()
    assert (state.status, len(state.tasks)) == ("complete", 2)


async def test_after_three_fixes_a_person_is_asked(office: Office) -> None:
    on = await play(office, BUILD, CHECK, AFTER)
    await on.to_the_question()
    state = await office.state()
    names = [one.name for one in state.tasks.values()]
    assert names[3:] == ["check-fix", "check-2", "check-fix-2", "check-3", "check-fix-3", "check-4"]
    assert await office.queued(*ROLES) == []
    (asked,) = summary_of(state)["questions"]
    assert (asked["task_id"], asked["kind"], asked["options"]) == ("r.2", "gate", ["another round", "accept", "stop"])
    assert "It accepts a used token" in asked["text"]
    assert (word_of(state), waits_for_a_person(state), outcome_of(state)) == ("waiting", True, None)


async def test_the_question_is_asked_once(office: Office) -> None:
    on = await play(office, BUILD, CHECK)
    await on.to_the_question()
    await office.beth().attend("r", reconcile=True)
    assert (await office.kinds()).count(facts.ASKING) == 1


async def test_accepting_goes_on_as_it_is(office: Office) -> None:
    on = await play(office, BUILD, CHECK, AFTER)
    await on.to_the_question()
    assert await on.answer("accept")
    await on.end(await on.next())
    assert (await office.state()).status == "complete"


async def test_stopping_fails_the_request_for_what_the_gate_found(office: Office) -> None:
    on = await play(office, BUILD, CHECK, AFTER)
    await on.to_the_question()
    assert await on.answer("stop")
    state = await office.state()
    assert state.status == "failed"
    assert "check: changes requested" in state.reason


async def test_another_round_is_one_more_with_the_hint_and_then_it_is_asked_again(office: Office) -> None:
    on = await play(office, BUILD, CHECK)
    await on.to_the_question()
    assert await on.answer("another round: look at the clock")
    fix = await on.next()
    assert (fix.payload.to_json()["hint"], fix.payload.to_json()["round"]) == ("look at the clock", 4)
    await on.end(fix)
    await on.end(await on.next(), **REFUSES)
    state = await office.state()
    assert [one.id for one in state.open_questions] == ["gate:r.2:2"]


async def test_of_two_answers_the_first_counts(office: Office) -> None:
    on = await play(office, BUILD, CHECK, AFTER)
    await on.to_the_question()
    first, second = office.bus, office.journal
    assert await requests.answer(first, second, "r.2", "accept")
    assert not await requests.answer(first, second, "r.2", "stop")
    await on.beth.attend("r")
    assert (await on.next()).agent == "last"


async def test_the_question_may_be_answered_by_the_name_of_the_request_or_of_a_later_round(office: Office) -> None:
    on = await play(office, BUILD, CHECK)
    await on.to_the_question()
    with pytest.raises(ConfigurationError, match=r"another round \| accept \| stop"):
        await on.answer("perhaps", name="r")
    assert await on.answer("accept", name="r.8")
    assert (await office.state()).status == "complete"


async def test_a_plan_may_name_who_fixes(office: Office) -> None:
    on = await play(office, BUILD, {**CHECK, "fix": {"agent": "builder", "type": "mend"}})
    await on.end(await on.next())
    await on.end(await on.next(), **REFUSES)
    fix = await on.next()
    assert (fix.agent, fix.type) == ("builder", "mend")


async def test_where_nobody_can_fix_a_person_is_asked_at_once(office: Office) -> None:
    team = [{"role": "builder"}, {"role": "checker"}]
    on = await play(office, BUILD, CHECK, team=team)
    await on.end(await on.next())
    await on.end(await on.next(), **REFUSES)
    (asked,) = (await office.state()).open_questions
    assert "nobody can fix it" in asked.text


async def test_the_policy_says_how_many_rounds_there_are(office: Office) -> None:
    policy = Policy.model_validate({"gate": {"rounds": 1}})
    on = await play(office, BUILD, CHECK, policy=policy)
    await on.end(await on.next())
    await on.end(await on.next(), **REFUSES)
    await on.end(await on.next())
    await on.end(await on.next(), **REFUSES)
    assert len((await office.state()).open_questions) == 1


async def test_another_gate_looks_again_after_a_fix_if_the_plan_says_so(office: Office) -> None:
    on = await play(office, BUILD, CHECK, AUDIT)
    await on.end(await on.next())
    check, audit = await office.queued(*ROLES)
    await on.end(check, **APPROVES)
    await on.end(audit, **REFUSES)
    await on.end(await on.next())
    again = {task.agent: task for task in await office.queued(*ROLES)}
    assert set(again) == {"auditor", "checker"}
    await on.end(again["auditor"], **APPROVES)
    assert (await office.state()).status == "running"
    await on.end(again["checker"], **APPROVES)
    assert (await office.state()).status == "complete"


async def test_a_fix_that_fails_fails_the_request(office: Office) -> None:
    on = await play(office, BUILD, CHECK)
    await on.end(await on.next())
    await on.end(await on.next(), **REFUSES)
    await on.end(await on.next(), "failed")
    state = await office.state()
    assert state.status == "failed"
    assert "check-fix failed: it broke" in state.reason


async def test_cancelling_a_request_that_asks_ends_it(office: Office) -> None:
    on = await play(office, BUILD, CHECK)
    await on.to_the_question()
    await requests.cancel(office.bus, office.journal, "r", "enough")
    await on.beth.attend("r")
    state = await office.state()
    assert (state.status, state.reason, state.open_questions) == ("cancelled", "enough", [])


async def test_a_gate_that_is_cancelled_in_a_later_round_fails_the_request(office: Office) -> None:
    on = await play(office, BUILD, CHECK)
    await on.end(await on.next())
    await on.end(await on.next(), **REFUSES)
    await on.end(await on.next())
    await on.end(await on.next(), "cancelled", error={"code": "cancelled", "message": "no", "retryable": False})
    state = await office.state()
    assert (state.status, state.reason) == ("failed", "check-2 cancelled: no")
