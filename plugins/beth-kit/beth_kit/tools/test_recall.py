"""`remember` and `recall` over a real memory."""

from __future__ import annotations

from beth_kit.context import KitContext
from beth_kit.tools.conftest import Contexts
from beth_kit.tools.recall import recall, remember
from beth_sdk.testing.clock import ManualClock


async def test_what_one_task_remembers_another_recalls(contexts: Contexts) -> None:
    one = contexts.make(clock=ManualClock())
    one.call_id = "call-1"
    reply = await remember.call(one, {"text": "The tests need a database.", "tags": ["tests"]})
    assert reply.text == "remembered: The tests need a database."
    other = contexts.make(task={"id": "task-2"})
    assert (await recall.call(other, {"query": "database"})).text == "(2023-11-14) [tests] The tests need a database."
    assert (await recall.call(other, {"query": "unrelated"})).text == "no note fits"
    assert (await recall.call(other, {"tags": ["other"]})).text == "no note fits"


async def test_a_call_that_runs_again_is_one_note(contexts: Contexts) -> None:
    ctx = contexts.make()
    for call in ("call-1", "call-1", "call-2"):
        ctx.call_id = call
        await remember.call(ctx, {"text": f"Note of {call}"})
    assert (await recall.call(ctx, {})).text.count("Note of") == 2


async def test_a_note_that_cannot_be_kept_is_answered(kit_context: KitContext) -> None:
    reply = await remember.call(kit_context, {"text": "x" * 100_000})
    assert reply.error
    assert "not remembered" in reply.text


async def test_a_secret_is_not_kept(kit_context: KitContext) -> None:
    kit_context.call_id = "c"
    reply = await remember.call(kit_context, {"text": "the key is sk-ant-REDACTED"})
    assert "abcdefghij" not in reply.text
