"""Doing a task again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from beth_agent_beth.dev.changing import EVERY, Files
from beth_agent_beth.dev.replies import Replies, tool_answers
from beth_agent_beth.dev.scratch import in_environment, variables
from beth_kit.model.base import ModelRequest
from beth_kit.model.recording import NotRecorded
from beth_sdk.testing import ManualClock

ASK = ModelRequest([])


def turn(words: str) -> dict[str, Any]:
    reply = {"message": {"role": "assistant", "content": words}, "stop": "end"}
    return {"reply": reply, "usage": {"input_tokens": 5, "cost_usd": 0.25}, "price": 0.5, "at": 7.0, "model": "m"}


async def test_replies_are_given_one_after_the_other_at_their_cost() -> None:
    model = Replies([turn("one"), turn("two")], [])
    assert (model.name, model.estimate(ASK)) == ("m", 0.5)
    replies = [await model.complete(ASK), await model.complete(ASK)]
    assert [one.message["content"] for one in replies] == ["one", "two"]
    assert (replies[0].cost_usd, replies[0].usage.input_tokens, replies[0].at) == (0.25, 5, 7.0)


async def test_where_there_are_no_more_it_says_so() -> None:
    model = Replies([turn("one")], [])
    await model.complete(ASK)
    with pytest.raises(NotRecorded, match="there are 1 recorded replies, and this is turn 2; --model"):
        await model.complete(ASK)
    assert model.left is not None


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (("bash", "same", False), None),
        (("bash", "other", False), None),
        (("bash", "same", True), "after turn 1 bash fails, where it worked"),
        (("edit", "same", False), "after turn 1 edit was called, where it was bash"),
    ],
)
async def test_replies_fit_until_a_tool_fails_that_worked(now: tuple[str, str, bool], left: str | None) -> None:
    model = Replies([turn("one"), turn("two")], [("bash", "same", False)])
    await model.complete(ASK)
    model.answered(now[0], now[1], error=now[2])
    assert model.left == left
    assert model.differing == (["turn 1: bash"] if now[1] == "other" else [])


def test_only_tools_answer() -> None:
    tool = {"reply": {"text": "x", "error": False}, "snapshot": None, "seconds": 0, "ran": True}
    done: list[dict[str, Any]] = [
        {"name": "frame", "outcome": {"base": 1}},
        {"name": "bash", "outcome": tool},
        {"name": "x", "outcome": None},
    ]
    assert tool_answers(iter(done)) == [("bash", "x", False)]


def test_nothing_of_the_home_is_left_in_the_environment_of_a_try(tmp_path: Path) -> None:
    given = {"BETH_HOME": "/mine", "MESSAGE_BUS_URL": "redis://x", "BETH_JOURNAL_URL_FILE": "/f", "KEY": "k"}
    assert variables(tmp_path, given, "m/n") == {"BETH_HOME": str(tmp_path), "BETH_MODELS": "m/n", "KEY": "k"}


def test_the_environment_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("MINE", "1")
    with in_environment({"OTHER": "2"}):
        assert dict(os.environ) == {"OTHER": "2"}
    assert (os.environ["MINE"], "OTHER" in os.environ) == ("1", False)


async def test_a_saved_file_is_seen_at_the_next_look(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/implement.md").write_text("one")
    files, clock = Files(tmp_path), ManualClock()
    waiting = asyncio.ensure_future(files.wait(clock))
    await clock.until_sleeping()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/x.pyc").write_text("compiled")
    (tmp_path / ".implement.md.swp").write_text("an editor's own")
    clock.advance(EVERY)
    await clock.until_sleeping()
    assert not waiting.done()
    (tmp_path / "prompts/implement.md").write_text("two and more")
    clock.advance(EVERY)
    assert await waiting == ["prompts/implement.md"]


def test_a_removed_file_is_a_change_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    files = Files(tmp_path)
    (tmp_path / "a").unlink()
    assert files.changed() == ["a"]
    assert files.changed() == []
