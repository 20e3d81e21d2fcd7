"""A history is made shorter without tearing apart what belongs together."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from beth_kit.loop.condense import LEAST_GAIN, Decision, apply, condense, decide, estimate
from beth_kit.model.base import Message

HEAD: list[Message] = [
    {"role": "system", "content": "You are the developer."},
    {"role": "user", "content": "Build it."},
]


def turn(number: int, output: int = 2000, say: str = "", tool: str = "bash") -> list[Message]:
    call = {"id": f"c{number}", "type": "function", "function": {"name": tool, "arguments": "{}"}}
    return [
        {"role": "assistant", "content": say or None, "tool_calls": [call], "signature": f"s{number}"},
        {"role": "tool", "tool_call_id": f"c{number}", "content": "x" * output},
    ]


def history(turns: int, output: int = 2000) -> list[Message]:
    return [*HEAD, *(message for number in range(turns) for message in turn(number, output))]


def roles(messages: Sequence[Message]) -> list[str]:
    return [str(message["role"]) for message in messages]


# -- what is taken away -----------------------------------------------------------------------


def test_old_outputs_go_first() -> None:
    found = condense(history(20))
    assert found is not None
    assert found.decision.dropped_before == 0
    assert found.messages[3]["content"] == "[output of bash left out: 2,000 characters]"
    assert found.messages[-1]["content"] == "x" * 2000
    assert found.after <= found.before * (1 - LEAST_GAIN)


def test_no_more_outputs_go_than_need_be() -> None:
    found = condense(history(40))
    assert found is not None
    assert 18 <= found.decision.stubs_before <= 24


def test_a_short_output_stays() -> None:
    messages = [*HEAD, *turn(0, output=40), *history(20)[2:]]
    assert apply(messages, Decision(15))[3]["content"] == "x" * 40


def test_where_outputs_are_not_enough_old_turns_go_and_one_line_says_so() -> None:
    messages = [*HEAD, *(message for number in range(30) for message in turn(number, 100, say=f"Step {number} " * 50))]
    found = condense(messages)
    assert found is not None
    assert found.decision.dropped_before > 0
    summary = str(found.messages[2]["content"])
    dropped = found.decision.dropped_before
    assert summary.startswith(f"[{dropped} earlier turns left out. Tools called in them: bash ×{dropped}.")
    assert f"Step {dropped - 1} " in summary
    assert len(summary) < 1500


def test_the_frame_and_what_people_said_always_stay() -> None:
    note: Message = {"role": "user", "content": "A note from a person, while you work:\nUse tabs."}
    messages = [*history(10), note, *history(30)[22:]]
    left = apply(messages, Decision(25, 25))
    assert list(left[:2]) == HEAD
    assert note in left
    assert roles(left)[:4] == ["system", "user", "user", "user"]


def test_what_stays_of_a_models_messages_stays_as_the_provider_gave_it() -> None:
    messages = history(20)
    left = apply(messages, Decision(15, 5))
    assert [one for one in left if one["role"] == "assistant"] == [
        one for one in messages if one["role"] == "assistant"
    ][5:]


def test_a_second_summary_takes_the_first_in() -> None:
    once = apply([*HEAD, *turn(0, say="First"), *turn(1, tool="edit"), *history(20)[6:]], Decision(2, 2))
    twice = apply(once, Decision(4, 4))
    summaries = [str(one["content"]) for one in twice if "left out. Tools" in str(one["content"])]
    assert len(summaries) == 1
    assert "[4 earlier turns left out. Tools called in them: bash ×3, edit ×1." in summaries[0]
    assert "- First" in summaries[0]


# -- when nothing is taken away ---------------------------------------------------------------


def test_a_history_in_which_nothing_can_go_is_not_condensed() -> None:
    assert decide(HEAD) is None
    assert decide([*HEAD, *turn(0, output=90_000)]) is None


def test_a_gain_under_the_least_is_none() -> None:
    frame: list[Message] = [HEAD[0], {"role": "user", "content": "y" * 100_000}]
    assert decide([*frame, *history(20)[2:]]) is None


def test_what_would_still_be_over_the_budget_is_none() -> None:
    assert decide(history(40), budget_tokens=100) is None
    found = condense(history(40), budget_tokens=5000)
    assert found is not None
    assert found.after <= 5000


def test_with_few_and_long_turns_fewer_than_wanted_stay_as_they_are() -> None:
    found = condense(history(4, output=30_000))
    assert found is not None
    assert found.messages[-1]["content"] == "x" * 30_000


def test_a_history_that_was_just_condensed_cannot_be_once_more() -> None:
    messages: Sequence[Message] | None = history(60)
    rounds = 0
    while messages is not None:
        found = condense(messages)
        messages = None if found is None else found.messages
        rounds += 1
    assert rounds < 12


# -- always -----------------------------------------------------------------------------------

_texts = st.one_of(st.text(max_size=40), st.integers(200, 4000).map(lambda count: "o" * count))


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    messages = list(HEAD)
    for number in range(draw(st.integers(0, 25))):
        count = draw(st.integers(0, 3))
        ids = [f"c{number}.{place}" for place in range(count)]
        calls = [{"id": one, "function": {"name": draw(st.text(max_size=12)), "arguments": "{}"}} for one in ids]
        said: dict[str, Any] = {"role": "assistant", "content": draw(_texts)}
        messages.append({**said, "tool_calls": calls} if calls else said)
        messages += [{"role": "tool", "tool_call_id": one, "content": draw(_texts)} for one in ids]
        if draw(st.integers(0, 4)) == 0:
            messages.append({"role": "user", "content": draw(_texts)})
    return messages


decisions = st.builds(Decision, st.integers(0, 30), st.integers(0, 30))


@given(histories(), decisions)
def test_a_call_and_its_answer_stay_or_go_together(messages: list[Message], decision: Decision) -> None:
    left = apply(messages, decision)
    called = [call["id"] for one in left for call in one.get("tool_calls", ())]
    answered = [one["tool_call_id"] for one in left if one["role"] == "tool"]
    assert called == answered


@given(histories(), decisions)
def test_applying_a_decision_twice_is_applying_it_once(messages: list[Message], decision: Decision) -> None:
    once = apply(messages, decision)
    assert list(apply(once, decision)) == list(once)


@given(histories(), decisions, decisions)
def test_a_later_decision_on_what_is_left_does_what_it_does_on_the_whole(
    messages: list[Message], earlier: Decision, more: Decision
) -> None:
    later = Decision(earlier.stubs_before + more.stubs_before, earlier.dropped_before + more.dropped_before)
    assert roles(apply(apply(messages, earlier), later)) == roles(apply(messages, later))


@given(histories(), decisions, histories())
def test_what_comes_after_a_decision_is_added_as_it_is(
    messages: list[Message], decision: Decision, later: list[Message]
) -> None:
    turns = sum(one["role"] == "assistant" for one in messages)
    decision = Decision(min(decision.stubs_before, turns), min(decision.dropped_before, turns))
    new = later[2:]
    assert list(apply([*messages, *new], decision)) == [*apply(messages, decision), *new]


@given(histories())
def test_deciding_is_deterministic_keeps_the_last_turn_and_brings_enough(messages: list[Message]) -> None:
    before = copy.deepcopy(messages)
    decision = decide(messages)
    assert decision == decide(copy.deepcopy(messages))
    assert messages == before
    if decision is None:
        return
    journaled = Decision(**json.loads(json.dumps(dataclasses.asdict(decision))))
    left = apply(messages, journaled)
    last = max(place for place, one in enumerate(messages) if one["role"] == "assistant")
    tail = messages[last:]
    assert list(left[-len(tail) :]) == tail
    assert estimate(left) <= estimate(messages) * (1 - LEAST_GAIN) + 1
    people = [one for one in messages if one["role"] in {"system", "user"}]
    assert [one for one in left if one in people] == people
