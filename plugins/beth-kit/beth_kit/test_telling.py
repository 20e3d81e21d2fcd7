"""The steps of an agent with a model in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beth_kit.gist import gist
from beth_kit.loop.agent import LLMAgent
from beth_kit.telling import Telling
from beth_kit.testing import Stage
from beth_sdk.cli.log_text import LogLines
from beth_sdk.cli.steps import Tellers
from beth_sdk.history import STEP_DONE
from beth_sdk.manifest import Manifest
from beth_sdk.messages import Payload, Task

MANIFEST = Manifest.model_validate({"manifest_version": 1, "role": "developer", "description": "x", "class": "x:Y"})

TASK = Task(
    id="request-1.2",
    type="task",
    agent="developer",
    request_id="request-1",
    payload=Payload(description="Write hello.txt"),
    timestamp="2026-01-30T10:00:00Z",
)

TRANSCRIPT = """
roles:
  developer:
    "*":
      - say: I write it first.
        calls: [{name: bash, arguments: {command: "echo hello > hello.txt; seq 40; exit 3"}}]
      - calls:
          - {name: edit, arguments: {action: create, path: big.txt, file_text: "one\\ntwo\\n"}}
          - {name: nonsense, arguments: {}}
      - calls: [{name: commit, arguments: {message: Say hello}}]
      - calls: [{name: finish, arguments: {result: {summary: It says hello}}}]
"""


async def told(stage: Stage, *, full: bool = False) -> list[str]:
    """What `beth log` says of everything that was played so far."""
    lines = LogLines(TASK.id, Tellers([Telling(stage.home / "repositories", TASK.id)]), full=full)
    return [line for entry in stage.diary.entries for line in lines.take_in(entry)]


async def played(tmp_path: Path) -> Stage:
    stage = Stage(LLMAgent(), MANIFEST, TASK, TRANSCRIPT, tmp_path, environ={"BETH_SANDBOX": "off"})
    assert (await stage.deliver()).status == "complete"
    return stage


async def test_it_says_what_the_model_said_and_called_and_what_came_back(tmp_path: Path) -> None:
    lines = [line.strip() for line in await told(await played(tmp_path))]
    shown = "\n".join(lines)
    assert "I write it first." in lines
    assert "-> bash command=echo hello > hello.txt; seq 40; exit 3" in lines
    assert "bash: echo hello > hello.txt; seq 40; exit 3 (exit code 3, " in shown
    assert "| [exit code 3]" in lines
    assert "-> edit action=create path=big.txt" in lines
    assert "| two" in lines
    assert "nonsense (did not run, " in shown
    assert "commit: Say hello (" in shown
    assert "| there is no tool 'nonsense'" in shown


async def test_a_turn_is_told_with_its_tokens_its_money_and_its_time(tmp_path: Path) -> None:
    (line, *_) = [line for line in await told(await played(tmp_path)) if ", turn 1: " in line]
    assert "tokens in, " in line
    assert "$0.0" in line
    assert line.rstrip().endswith(" s")


async def test_a_long_answer_is_cut_unless_everything_is_wanted(tmp_path: Path) -> None:
    stage = await played(tmp_path)
    assert any("lines left out; --full shows them]" in line for line in await told(stage))
    whole = [line.strip() for line in await told(stage, full=True)]
    assert [line for line in whole if line in {f"| {n}" for n in range(1, 41)}] == [f"| {n}" for n in range(1, 41)]
    assert any(line.startswith("what it is (system prompt):") for line in whole)


async def test_a_call_that_a_replay_repeats_is_told_once(tmp_path: Path) -> None:
    stage = await played(tmp_path)
    before = len(await told(stage))
    await stage.deliver()
    after = await told(stage)
    assert [line for line in after[before:] if ", turn " in line] == []


async def test_what_is_kept_in_the_repository_is_put_back(tmp_path: Path) -> None:
    stage = await played(tmp_path)
    workspace = stage.agent._equipment.context(TASK, stage.diary.delivered()).workspace
    name = await workspace.keep(json.dumps({"message": {"content": "kept words"}, "stop": "end"}).encode())
    outcome = {"reply": {"kept": name}, "usage": {}, "price": 0, "at": 0, "seconds": 0, "model": "m"}
    telling = Telling(stage.home / "repositories", TASK.id)
    data = await telling.whole({"name": "model", "n": 0, "outcome": outcome})
    assert data["outcome"]["reply"]["message"]["content"] == "kept words"
    assert "kept words" in (telling.lines(data, full=False) or [])


async def test_what_is_not_there_any_more_is_said_to_be_so(tmp_path: Path) -> None:
    outcome = {"reply": {"kept": "0" * 40}, "usage": {}, "price": 0, "at": 0, "seconds": 0, "model": "m"}
    data = {"name": "model", "n": 0, "outcome": outcome}
    tellers = Tellers([Telling(tmp_path, TASK.id)])
    assert await tellers.whole(data) == data
    assert "is not in" in tellers.problems[0]
    assert "kept elsewhere" in str(tellers.lines(data, full=False))


@pytest.mark.parametrize("outcome", [None, 1, {"text": "x"}, {"reply": "x"}])
def test_a_step_of_another_agent_is_none_of_it(outcome: Any) -> None:
    assert Telling(Path(), TASK.id).lines({"name": "translate", "n": 0, "outcome": outcome}, full=False) is None


async def test_every_step_of_the_loop_is_told_by_it(tmp_path: Path) -> None:
    stage = await played(tmp_path)
    telling = Telling(stage.home / "repositories", TASK.id)
    done = [entry.fact.data for entry in stage.diary.entries if entry.fact.kind == STEP_DONE]
    assert [data["name"] for data in done if telling.lines(data, full=False) is None] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"command": "pytest -q\n", "timeout": 5}, "pytest -q"),
        ({"action": "view", "path": "src/app.py"}, "view src/app.py"),
        ({"message": "Say hello", "paths": ["a"]}, "Say hello"),
        ({"packages": ["a", "b"]}, "a b"),
        ({"result": {"summary": "It is done"}}, "It is done"),
        ({"other": "words"}, "words"),
        ({"number": 1}, ""),
        ({"command": "git clone https://me:secret@example.org/x"}, "git clone https://***@example.org/x"),
        ({"command": "\x1b[2J" + "x" * 500}, "\\x1b[2J" + "x" * 112 + "…"),
    ],
)
def test_the_gist_of_a_call(arguments: dict[str, Any], said: str) -> None:
    found = gist(arguments)
    assert found.replace("me:***@", "***@") == said
