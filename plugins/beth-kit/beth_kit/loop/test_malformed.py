"""Replies that are not as they should be are answered as messages, and no provider is sent what it would refuse."""

from __future__ import annotations

from typing import Any

import pytest

from beth_kit.frame.frame import Frame
from beth_kit.loop.conftest import FINISH, Plays, bash, call, puppet_of, reply
from beth_kit.loop.conversation import NO_WORDS, Conversation
from beth_kit.tools.base import ToolReply
from beth_sdk.testing import Killed

FRAME = Frame("p 1", "m", "You are", "Do it", [], [], 100)


async def read_after(plays: Plays, wrong: dict[str, Any]) -> str:
    stage = plays(reply(wrong), reply(FINISH))
    assert (await stage.deliver()).status == "complete"
    return puppet_of(stage).read()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (call("shell"), "there is no tool 'shell'; there are bash, edit, commit, "),
        (call(""), "there is no tool ''"),
        (call("x" * 5000), f"there is no tool '{'x' * 64}'; "),
        (call("model"), "there is no tool 'model'"),
        (call("bash", "{not json"), "bash: the arguments are not JSON"),
        (call("bash", "[1]"), "bash: the arguments are a JSON array, not an object"),
        (call("bash", "[" * 100_000), "bash: the arguments are not JSON"),
        (call("bash", '{"command": NaN}'), "bash: the arguments are not JSON"),
        (call("bash", '{"command": "\\ud800"}'), "bash: the arguments hold half of a surrogate pair"),
        (call("bash", {}), "bash: command: Field required"),
        (call("bash", {"command": "ls", "cwd": "/"}), "bash: cwd: Extra inputs are not permitted"),
        (call("ask", "{not json"), "ask: the arguments are not JSON"),
        (call("finish", {"summary": "done"}), 'finish: send {"result": …}'),
        (call("finish", {"result": {"summary": 7}}), "finish: the result is not as it must be:\n- result.summary: "),
        ({"type": "function", "function": None}, "there is no tool ''"),
        ({"type": "function", "function": {"name": ["bash"], "arguments": None}}, "there is no tool ''"),
    ],
)
async def test_a_malformed_call_is_answered_with_what_is_wrong(plays: Plays, wrong: dict[str, Any], told: str) -> None:
    assert (await read_after(plays, wrong)).startswith(told)


async def test_arguments_as_an_object_or_left_out_are_taken_as_they_are_meant(plays: Plays) -> None:
    meant = {"type": "function", "function": {"name": "bash", "arguments": {"command": "echo hello"}}}
    assert await read_after(plays, meant) == "hello\n[exit code 0]"
    assert await read_after(plays, {"type": "function", "function": {"name": "recall"}}) == "no note fits"


async def test_calls_of_a_message_that_was_cut_off_are_not_run(plays: Plays) -> None:
    stage = plays(reply(bash("touch a.txt"), call("ask", {"question": "W"}), stop="length"), reply(FINISH))
    assert (await stage.deliver()).status == "complete"
    answers = [one["content"] for one in puppet_of(stage).seen()[1:]]
    assert [text.startswith("not run: your message was cut off") for text in answers] == [True, True]


async def test_a_message_that_was_cut_off_without_a_call_is_told_so(plays: Plays) -> None:
    stage = plays(reply(say="Well", stop="length"), reply(FINISH))
    await stage.deliver()
    assert puppet_of(stage).read() == "Your message was cut off at its token limit. Go on in smaller pieces."


@pytest.mark.parametrize("say", ["I am done", "", None])
async def test_a_message_without_a_call_is_told_that_nothing_happened(plays: Plays, say: str | None) -> None:
    stage = plays(reply(say=say), reply(FINISH))
    assert (await stage.deliver()).status == "complete"
    said, told = puppet_of(stage).seen()
    assert said["content"] == say or NO_WORDS
    assert told["content"].startswith("Nothing happens without a tool call.")


async def test_malformed_calls_are_answered_the_same_in_a_replay(plays: Plays) -> None:
    stage = plays(reply(call("shell"), call("bash", "{"), bash("echo once")), reply(FINISH))
    stage.diary.kill_after = lambda fact: fact.kind == "step_started" and fact.data["n"] == 1
    with pytest.raises(Killed):
        await stage.deliver()
    stage.diary.kill_after = lambda _: False
    assert (await stage.deliver()).status == "complete"
    assert [str(one["content"])[:17] for one in puppet_of(stage).seen()[1:]] == [
        "there is no tool ",
        "bash: the argumen",
        "once\n[exit code 0",
    ]
    assert len(stage.diary.outcomes("bash")) == 2


# -- what goes back to the provider -----------------------------------------------------------


def sent(*messages: dict[str, Any]) -> list[Any]:
    """What a provider gets of messages, each call answered with its number."""
    talk = Conversation(FRAME)
    for message in messages:
        for number, one in enumerate(talk.replied(message)):
            talk.answered(one, ToolReply(str(number)))
    return list(talk.messages[2:])


def said(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def test_a_well_formed_message_is_the_very_same() -> None:
    message = said(call("bash", {"command": "ls"}, "a"), {**call("bash", "{ }", "b"), "signature": "s"})
    assert sent(message)[0] is message


def test_calls_without_an_id_get_one_and_no_two_have_the_same() -> None:
    found = sent(
        said(call("bash"), call("bash", None, ""), call("bash", None, "a"), call("bash", None, "a")),
        said(call("bash", None, "a"), call("bash")),
    )
    ids = [one["id"] for message in found if message["role"] == "assistant" for one in message["tool_calls"]]
    assert len(set(ids)) == 6
    assert ids[2] == "a"
    assert [one["tool_call_id"] for one in found if one["role"] == "tool"] == ids


def test_arguments_that_are_no_object_are_sent_back_within_one() -> None:
    message, _ = sent(said(call("bash", '{"command": "ec', "a")))
    assert message["tool_calls"][0]["function"]["arguments"] == '{"malformed": "{\\"command\\": \\"ec"}'


def test_a_name_that_is_none_is_sent_back_as_one() -> None:
    message, _ = sent(said(call("bash; rm -rf /é", {}, "a")))
    assert message["tool_calls"][0]["function"]["name"] == "bash__rm_-rf___"


def test_a_message_that_says_nothing_gets_words_and_keeps_the_rest() -> None:
    (message,) = sent({"role": "assistant", "content": "", "tool_calls": [], "signature": "s"})
    assert message == {"role": "assistant", "content": NO_WORDS, "signature": "s"}
