"""Gates side by side: what one has fixed the other sees, and what people are told of their rounds."""

from __future__ import annotations

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import Facts, Office, inputs, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.fold.policy import Policy
from beth_agent_beth.orchestration.test_gates import AFTER, APPROVES, AUDIT, BUILD, CHECK, REFUSES, ROLES, play
from beth_agent_beth.plan.planning import next_question
from beth_sdk.errors import ConfigurationError
from beth_sdk.messages import Task


async def test_a_gate_that_was_still_looking_when_another_had_something_fixed_looks_once_more(office: Office) -> None:
    on = await play(office, BUILD, CHECK, AUDIT, AFTER)
    await on.end(await on.next())
    check, audit = await office.queued(*ROLES)
    await on.end(audit, **REFUSES)
    await on.end(await on.next())
    await on.end(await on.next(), **APPROVES)
    await on.end(check, **APPROVES)
    again = await on.next()
    assert again.agent == "checker"
    assert [one["name"] for one in again.payload.to_json()["upstream"]] == ["build", "audit-fix"]
    await on.end(again, **APPROVES)
    assert (await on.next()).agent == "last"


async def test_a_gate_that_refused_while_another_had_something_fixed_looks_only_after_its_own_fix(
    office: Office,
) -> None:
    on = await play(office, BUILD, CHECK, AUDIT)
    await on.end(await on.next())
    check, audit = await office.queued(*ROLES)
    await on.end(audit, **REFUSES)
    await on.end(await on.next())
    await on.end(check, **REFUSES)
    left = {task.agent: task for task in await office.queued(*ROLES)}
    await on.end(left["auditor"], **APPROVES)
    await on.end(left["developer"])
    await on.end(await on.next(), **APPROVES)
    state = await office.state()
    assert state.status == "complete"
    assert sum(one.agent == "checker" for one in state.tasks.values()) == 2


async def test_two_gates_that_refuse_at_once_are_each_satisfied(office: Office) -> None:
    on = await play(office, BUILD, CHECK, {**AUDIT, "recheck": []})
    await on.end(await on.next())
    both = inputs(*(result_of(task, **REFUSES) for task in await office.queued(*ROLES)))
    await on.beth.attend("r", both)
    fixes = await office.queued(*ROLES)
    assert [one.payload.to_json()["gate"] for one in fixes] == ["check", "audit"]
    await on.beth.attend("r", inputs(*(result_of(task) for task in fixes)))
    again = await office.queued(*ROLES)
    await on.beth.attend("r", inputs(*(result_of(task, **APPROVES) for task in again)))
    assert (await office.state()).status == "complete"


async def test_what_comes_after_a_gate_is_told_what_it_said_last(office: Office) -> None:
    on = await play(office, BUILD, CHECK, AFTER)
    await on.end(await on.next())
    await on.end(await on.next(), result="no", **REFUSES)
    await on.end(await on.next())
    await on.end(await on.next(), result="yes", **APPROVES)
    told = (await on.next()).payload.to_json()
    assert [(one["name"], one["result"]) for one in told["upstream"]] == [("check-2", "yes")]
    assert told["deps"] == ["r.5"]


async def unfixable(office: Office) -> Task:
    on = await play(office, BUILD, CHECK, team=[{"role": "builder"}, {"role": "checker"}])
    await on.end(await on.next())
    check = await on.next()
    await on.end(check, **REFUSES)
    return check


async def test_no_further_round_is_offered_where_nobody_can_fix(office: Office) -> None:
    await unfixable(office)
    (asked,) = (await office.state()).open_questions
    assert asked.options == ("accept", "stop")
    assert "another round" not in asked.text
    with pytest.raises(ConfigurationError, match=r"accept \| stop"):
        await requests.answer(office.bus, office.journal, "r", "another round")


async def test_without_rounds_the_question_does_not_say_that_nobody_can_fix_it(office: Office) -> None:
    on = await play(office, BUILD, CHECK, policy=Policy.model_validate({"gate": {"rounds": 0}}))
    await on.end(await on.next())
    await on.end(await on.next(), **REFUSES)
    (asked,) = (await office.state()).open_questions
    assert "after 0 fixes" in asked.text
    assert "another round" in asked.options


async def test_the_reason_of_a_request_names_the_gate_whose_later_round_refused(office: Office) -> None:
    on = await play(office, BUILD, CHECK, AUDIT, policy=Policy.model_validate({"gate": {"rounds": 1}}))
    await on.end(await on.next())
    check, audit = await office.queued(*ROLES)
    await on.end(check, **APPROVES)
    await on.end(audit, **REFUSES)
    await on.end(await on.next())
    again = {task.agent: task for task in await office.queued(*ROLES)}
    await on.end(again["auditor"], **APPROVES)
    await on.end(again["checker"], **REFUSES)
    await on.end(await on.next())
    await on.end(await on.next(), **REFUSES)
    await on.answer("stop")
    assert (await office.state()).reason == "check: changes requested"


def test_a_gate_whose_work_could_not_be_merged_has_failed_rather_than_refused() -> None:
    given = Facts({**CHECK, "needs": []})
    given.add(facts.WORKSPACE, uri="file:///r", repository="/r", branch="beth/r", base="0" * 40)
    task = given.publish("r.1")
    artifact = {"kind": "git", "uri": "file:///r", "commit": "1" * 40}
    given.take(result_of(task, artifacts=[artifact], **REFUSES))
    given.add(facts.UNMERGED, task="r.1", reason="it is gone")
    one = given.state.tasks["r.1"]
    assert (one.status, one.refuses) == ("failed", False)


def test_nothing_is_asked_about_a_gate_of_a_request_that_is_being_cancelled() -> None:
    given = Facts({**CHECK, "needs": []})
    given.state.policy = Policy.model_validate({"gate": {"rounds": 0}})
    given.state.gates["r.1"].allowed = 0
    task = given.publish("r.1")
    given.add(facts.CANCEL, reason="enough")
    given.take(result_of(task, **REFUSES))
    assert given.state.undecided
    assert next_question(given.state) is None


async def test_what_a_cancelled_request_asked_takes_no_answer(office: Office) -> None:
    await unfixable(office)
    await requests.cancel(office.bus, office.journal, "r", "enough")
    await office.beth().attend("r")
    with pytest.raises(ConfigurationError, match="waits for no answer: it is cancelled"):
        await requests.answer(office.bus, office.journal, "r", "accept")
    with pytest.raises(ConfigurationError, match="waits for no answer"):
        await requests.answer(office.bus, office.journal, "r.2", "accept")
