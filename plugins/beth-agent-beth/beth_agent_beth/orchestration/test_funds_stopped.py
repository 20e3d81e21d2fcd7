"""A question about the budget that settles itself, or is answered with no."""

from __future__ import annotations

import pytest

from beth_agent_beth import requests
from beth_agent_beth.conftest import Facts, Office, delegating, inputs, parked, result_of
from beth_agent_beth.fold import facts
from beth_agent_beth.orchestration.outcome import outcome_of, waits_for_a_person, word_of
from beth_agent_beth.orchestration.test_funds import begun, given, used_up, used_up_by_all
from beth_agent_beth.plan.planning import about_the_budget
from beth_sdk import history
from beth_sdk.errors import ConfigurationError
from beth_sdk.journal.base import Entry, Fact, Version


async def test_who_waits_for_answers_is_told_although_more_could_begin_with_more_money(office: Office) -> None:
    beth = await begun(office, "a", "b")
    a, b = await office.queued("a", "b")
    await beth.attend("r", inputs(used_up(a, given(a))))
    await beth.attend("r", inputs(delegating(b, "one").with_(usage={"cost_usd": given(b)})))
    state = await office.state()
    assert "r.2" in state.to_delegate
    assert len(state.open_questions) == 1
    assert waits_for_a_person(state)


async def test_told_to_stop_nobody_waits_for_subtasks_that_never_begin(office: Office) -> None:
    beth = await begun(office, "a", "b")
    a, b = await office.queued("a", "b")
    await beth.attend("r", inputs(used_up(a, given(a))))
    wants = delegating(b, "one", "two").with_(usage={"cost_usd": given(b)})
    await beth.attend("r", inputs(wants))
    await requests.answer(office.bus, office.journal, "r", "stop")
    await beth.attend("r")
    state = await office.state()
    assert state.ended
    assert state.reason == "a failed: used up; b failed: no more money was given"


async def test_a_task_that_is_tried_again_after_no_more_was_given_takes_the_rest_along(office: Office) -> None:
    beth = await begun(office, "a", "b", "c: b")
    a, b = await office.queued("a", "b")
    rest = given(b) + 0.35  # more than it was given: models may take more than was expected
    await beth.attend("r", inputs(used_up(a, given(a)), result_of(b, usage={"cost_usd": rest})))
    await requests.answer(office.bus, office.journal, "r", "stop")
    await beth.attend("r")
    assert (await office.state()).status == "failed"
    again = a.with_(continuation=1)
    fact = facts.REDRIVEN, {"task": again.to_json()}
    state = await office.state()
    state.take_in(Entry(Version(state.version + 1), Fact(*fact), 1, 2000.0))
    assert "r.3" in state.ready
    assert not state.funds_stopped


async def test_a_question_about_money_that_nobody_needs_any_more_is_none(office: Office) -> None:
    beth = await begun(office, "a", "b")
    a, b = await office.queued("a", "b")
    await beth.attend("r", inputs(used_up(a, given(a)), parked(b).with_(usage={"cost_usd": given(b)})))
    assert len((await office.state()).open_questions) == 1
    await requests.cancel(office.bus, office.journal, a.id, "no need")
    await beth.attend("r")
    state = await office.state()
    assert state.open_questions == []
    with pytest.raises(ConfigurationError):
        await requests.answer(office.bus, office.journal, "r", "9")


async def test_an_answer_is_of_the_dimension_that_was_asked_about(office: Office) -> None:
    on = Facts()
    on.state.budget = type(on.state.budget).of({"cost_usd": 1.0, "tokens": 10})
    told = {"id": "budget:r:1", "about": "r", "kind": "budget", "text": "more?", "dimension": "tokens"}
    on.add(facts.ASKING, question=told)
    on.add(facts.ANSWERED, key="question/budget:r:1", text="50")
    assert (on.state.budget.total.tokens, on.state.budget.total.cost_usd) == (50, 1.0)


async def test_nobody_is_asked_for_money_on_behalf_of_a_task_that_is_paused(office: Office) -> None:
    beth = await begun(office, "a", "b: a", usd=0.1)
    task = await office.one_queued("a")
    await requests.pause(office.bus, office.journal, "r")
    await beth.attend("r", inputs(used_up(task, given(task), wanted=0.01)))
    state = await office.state()
    assert state.unfunded
    assert about_the_budget(state) is None
    assert (word_of(state), waits_for_a_person(state), outcome_of(state)) == ("paused", True, None)
    await requests.resume(office.bus, office.journal, "r")
    await beth.attend("r")
    assert (await office.one_queued("a")).continuation == 1


async def test_others_do_not_wait_for_one_that_is_short_and_paused(office: Office) -> None:
    beth = await begun(office, "a", "b")
    a, b = await office.queued("a", "b")
    await beth.attend("r", inputs(used_up(a, given(a))))
    await requests.pause(office.bus, office.journal, a.id)
    await beth.attend("r", inputs(delegating(b, "one").with_(usage={"cost_usd": given(b)})))
    assert [task.id for task in await office.queued("helper")] == ["r.2.1"], "it may cost nothing"


async def test_where_only_single_tasks_are_paused_the_request_says_so(office: Office) -> None:
    await office.submit("a")
    await requests.pause(office.bus, office.journal, "r")
    beth = office.beth()
    await beth.attend("r")
    await requests.resume(office.bus, office.journal, "r")
    await requests.pause(office.bus, office.journal, "r.1")
    await beth.attend("r")
    for task in await office.queued("a"):
        await beth.attend("r", inputs(parked(task)))
    state = await office.state()
    assert (state.paused, word_of(state), waits_for_a_person(state)) == (False, "paused", True)


async def test_a_planner_that_is_paused_alone_waits_for_a_person(office: Office) -> None:
    await office.submit(plan=None)
    beth = office.beth()
    await beth.attend("r")
    task = await office.one_queued("beth")
    await requests.pause(office.bus, office.journal, "r.0")
    await beth.attend("r", inputs(parked(task)))
    state = await office.state()
    assert (word_of(state), waits_for_a_person(state)) == ("paused", True)


async def test_a_dead_letter_that_is_tried_again_takes_the_place_of_more_money(office: Office) -> None:
    beth = await used_up_by_all(office)
    state = await office.state()
    (one,) = (state.tasks[task_id] for task_id in state.unfunded)
    assert one.task is not None
    again = one.task.with_(continuation=one.continuation + 1)
    data = {"continuation": again.continuation, "task": again.to_json()}
    await office.journal.append(history.stream_of(one.id), [Fact(history.REDRIVEN, data)], key="redriven:x")
    await beth.attend("r", reconcile=True)
    state = await office.state()
    assert state.tasks[one.id].continuation == again.continuation
    assert (state.unfunded, state.open_questions) == ({}, [])
