"""The scripted model follows its transcript and refuses everything else."""

import json
from pathlib import Path
from typing import Any

import pytest

from beth_kit.model.base import ContextOverflow, ModelRefused, ModelRequest, ModelUnavailable, Usage
from beth_kit.model.scripted import ScriptedModel
from beth_kit.model.transcript import read
from beth_sdk.errors import ConfigurationError

TRANSCRIPT = r"""
roles:
  developer:
    implement:
      - say: I look first.
        calls: [{name: bash, arguments: {command: ls}}]
        usage: {input_tokens: 900, output_tokens: 40, cached_tokens: 100, reasoning_tokens: 7}
        cost_usd: 0.25
      - first_of:
          - when: {contains: README}
            calls: [{name: finish, arguments: {summary: done}}, {name: bash, arguments: "{not json"}]
          - when: {regex: "(?i)permission +denied"}
            error: refused
      - say: Done.
    "*":
      - say: Anything.
        repeat: true
  tester:
    test:
      - error: unavailable
      - error: overflow
"""


def scripted(text: str = TRANSCRIPT) -> ScriptedModel:
    return ScriptedModel.from_text(text)


def ask(*messages: Any, role: str = "developer", task_type: str = "implement") -> ModelRequest:
    return ModelRequest([{"role": "user", "content": "go"}, *messages], role=role, task_type=task_type)


def result(text: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "call_1_1", "content": text}


async def test_the_first_turn_is_said_with_its_calls_usage_and_cost() -> None:
    reply = await scripted().complete(ask())
    assert reply.message["content"] == "I look first."
    (call,) = reply.message["tool_calls"]
    assert call["function"]["name"] == "bash"
    assert json.loads(call["function"]["arguments"]) == {"command": "ls"}
    assert reply.stop == "tool_calls"
    assert reply.usage == Usage(900, 40, 100, 7)
    assert reply.cost_usd == 0.25
    assert scripted().estimate(ask()) == 0.25


async def test_a_transcript_reacts_to_the_last_tool_result() -> None:
    first = (await scripted().complete(ask())).message
    reply = await scripted().complete(ask(first, result("README.md")))
    assert [call["function"]["name"] for call in reply.message["tool_calls"]] == ["finish", "bash"]
    with pytest.raises(ModelRefused, match="as scripted"):
        await scripted().complete(ask(first, result([{"type": "text", "text": "Permission  denied"}])))


async def test_calls_have_ids_of_their_own_and_malformed_arguments_go_out_as_they_are() -> None:
    first = (await scripted().complete(ask())).message
    calls = (await scripted().complete(ask(first, result("README")))).message["tool_calls"]
    assert [call["id"] for call in calls] == ["call_2_1", "call_2_2"]
    assert calls[1]["function"]["arguments"] == "{not json"


async def test_a_turn_without_cost_costs_nothing_and_ends() -> None:
    reply = await scripted().complete(ask({"role": "assistant"}, {"role": "assistant"}))
    assert (reply.message["content"], reply.stop, reply.cost_usd, reply.usage) == ("Done.", "end", 0.0, Usage())


async def test_another_process_goes_on_with_the_next_turn_also_after_the_history_was_condensed() -> None:
    first = (await scripted().complete(ask())).message
    second = (await scripted().complete(ask(first, result("README")))).message
    reply = await scripted().complete(ask(second, result("ok")))
    assert reply.message["content"] == "Done."


async def test_any_task_type_and_a_repeated_turn() -> None:
    for turns in range(3):
        reply = await scripted().complete(ask(*[{"role": "assistant"}] * turns, task_type="other"))
        assert reply.message["content"] == "Anything."


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (ask(role="poet"), r"role 'poet', task type 'implement', turn 1 .*developer, tester.*was: 'go'"),
        (ask(role="tester", task_type="x"), r"role 'tester', task type 'x', turn 1 \(task types of the role: test\)"),
        (ask({"role": "assistant"}, result("no such thing")), r"turn 2 \(no alternative fits\).*was: 'no such thing'"),
        (ask({"role": "assistant"}), r"turn 2 \(no alternative fits\)"),
        (ask(*[{"role": "assistant"}] * 3), r"turn 4 \(the transcript has 3\)"),
    ],
)
async def test_what_it_does_not_know_it_refuses_naming_what_was_asked(request_: ModelRequest, says: str) -> None:
    with pytest.raises(ModelRefused, match=says):
        await scripted().complete(request_)
    assert scripted().estimate(request_) == 0


async def test_scripted_errors_are_raised() -> None:
    with pytest.raises(ModelUnavailable):
        await scripted().complete(ask(role="tester", task_type="test"))
    with pytest.raises(ContextOverflow):
        await scripted().complete(ask({"role": "assistant"}, role="tester", task_type="test"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("roles: [", "not YAML"),
        ("", "the whole file"),
        ("roles: {a: {b: []}}", r"roles\.a\.b"),
        ("roles: {a: {b: [{sya: x}]}}", r"sya.*not permitted"),
        ("roles: {a: {b: [{when: {}}]}}", "contains or regex"),
        ("roles: {a: {b: [{when: {regex: '('}}]}}", "not a regular expression"),
        ("roles: {a: {b: [{cost_usd: -1}]}}", "cost_usd"),
        ("!!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_a_wrong_transcript_is_refused_when_it_is_read(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        scripted(text)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml: cannot be read"):
        ScriptedModel.from_file(tmp_path / "none.yaml")


def test_a_file_gives_the_model_its_name(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(TRANSCRIPT)
    assert ScriptedModel.from_file(tmp_path / "team.yaml").name == "scripted/team"


# -- what was seen, folders -------------------------------------------------------------------

SEEING = r"""
roles:
  tester:
    test:
      - calls: [{name: bash, arguments: {command: "ls {{seen: ^- request (.+)$}}"}}]
      - calls: [{name: finish, arguments: {result: ["{{seen: \\d+ passed}}", {what: "{{seen: of (.+)}}"}]}}]
"""


async def test_a_turn_names_what_was_seen_the_newest_first() -> None:
    model = scripted(SEEING)
    told = {"role": "user", "content": "1 passed\n- request r-1\n- request r-2 of all"}
    first = await model.complete(ask(told, role="tester", task_type="test"))
    assert "ls r-1" in first.message["tool_calls"][0]["function"]["arguments"]
    second = await model.complete(ask(told, first.message, result("3 passed"), role="tester", task_type="test"))
    arguments = json.loads(second.message["tool_calls"][0]["function"]["arguments"])
    assert arguments == {"result": ["3 passed", {"what": "all"}]}


async def test_what_nobody_saw_is_refused_by_name() -> None:
    with pytest.raises(ModelRefused, match=r"tester/test, turn 1: it is for what fits '\^- request"):
        await scripted(SEEING).complete(ask(role="tester", task_type="test"))


def test_a_folder_is_a_transcript_with_the_roles_of_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("roles: {a: {'*': [{say: done}]}}")
    (tmp_path / "two.yaml").write_text("roles: {b: {'*': [{say: done, mark: here}]}}")
    assert sorted(read(tmp_path).roles) == ["a", "b"]
    (tmp_path / "three.yaml").write_text("roles: {b: {'*': [{say: again}]}}")
    with pytest.raises(ConfigurationError, match=r"two\.yaml: the role b is in another file"):
        read(tmp_path)


def test_an_empty_folder_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no transcript is in this folder"):
        read(tmp_path)
