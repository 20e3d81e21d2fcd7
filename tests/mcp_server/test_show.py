"""A request from a chat: submitted, watched, a question answered, complete, and the work shown."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.mcp_server.chat import Desk


async def test_a_request_is_submitted_watched_answered_and_completed(desk: Desk) -> None:
    async with desk.chat() as chat:
        submitted = await chat.call(
            "submit_request",
            description="Make a file",
            criteria=["made.txt says hello"],
            workflow=desk.making,
            repo="none",
        )
        request_id = submitted["request_id"]
        assert submitted["models"]["maker"].startswith("scripted/")
        assert submitted["max_cost_usd"] == 5.0, "the policy's"
        assert submitted["starts_from"] == {"why": "you asked for an empty repository"}

        question = await chat.asks(request_id)
        assert (question["id"], question["asked_by"]) == (f"{request_id}.1", "maker")
        assert (question["text"], question["options"]) == ("Which colour?", ["red", "blue"])
        waiting = await chat.call("request_status", request_id=request_id)
        assert waiting["status"] == "waiting"
        assert "answer_question" in waiting["next"]

        assert (await chat.call("answer_question", id=question["id"], text="red"))["counted"] is True
        done = await chat.ended(request_id)
        assert done["status"] == "complete", done
        assert [(task["role"], task["status"], task["summary"]) for task in done["tasks"]] == [
            ("maker", "complete", "made")
        ]
        assert done["cost_usd"] == 0.25
        assert done["branch"]["commits_by_role"] == {"maker": 1}

        work = await chat.call("show_work", request_id=request_id)
        assert [(one["role"], one["subject"], one["files"]) for one in work["commits"]] == [
            ("maker", "Make the file", 1)
        ]
        assert work["files"] == [{"path": "made.txt", "added": 1, "deleted": 0}]
        assert work["take"]["merge"] == f"beth merge {request_id} --into REPO"
        assert desk.beth("show", request_id).returncode == 0


async def test_watching_waits_for_the_answer_and_tells_what_happens_meanwhile(desk: Desk) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, total, message))

    async with desk.chat() as chat:
        request_id = await chat.submit("wait for somebody", desk.plain)
        watching = asyncio.ensure_future(chat.call("watch_request", progress, request_id=request_id, seconds=40))
        while not any("step wait" in (message or "") for _, _, message in heard):
            await asyncio.sleep(0.05)
        assert not watching.done()
        desk.open_gate("on")
        told = await watching
        assert (told["changed"], told["status"]) == (True, "complete")
        assert any("player only: step" in line for line in told["happened"])
        assert [done for done, _, _ in heard] == sorted({done for done, _, _ in heard}), "each is more than the last"


async def test_watching_comes_back_without_news_when_the_time_is_up(desk: Desk) -> None:
    async with desk.chat() as chat:
        request_id = await chat.submit("wait for somebody", desk.plain)
        told = await chat.call("watch_request", request_id=request_id, seconds=1)
        assert (told["changed"], told["status"]) == (False, "running")
        desk.open_gate("on")
        assert (await chat.ended(request_id))["tasks"][0]["summary"] == "read on"


async def test_of_two_answers_one_counts(desk: Desk) -> None:
    async with desk.chat() as chat:
        request_id = await chat.submit("ask", desk.plain)
        question = await chat.asks(request_id)
        told = await asyncio.gather(
            *(chat.result("answer_question", id=question["id"], text=text) for text in ("red", "blue"))
        )
        counted = [
            text
            for text, one in zip(("red", "blue"), told, strict=True)
            if not one.is_error and (one.structured_content or {})["counted"]
        ]
        done = await chat.ended(request_id)
        assert [done["tasks"][0]["summary"]] == counted
        late = await chat.call("answer_question", id=question["id"], text="blue")
        assert late["counted"] is False


async def test_a_cancelled_request_ends(desk: Desk) -> None:
    async with desk.chat() as chat:
        request_id = await chat.submit("ask", desk.plain)
        await chat.asks(request_id)
        await chat.call("cancel_request", id=request_id, reason="not wanted")
        done = await chat.ended(request_id)
        assert (done["status"], done["reason"]) == ("cancelled", "not wanted")
        assert "has ended" in await chat.refused("cancel_request", id=request_id)


async def test_a_note_reaches_the_task(desk: Desk) -> None:
    async with desk.chat() as chat:
        request_id = await chat.submit("wait for somebody", desk.plain)
        await at_work(chat, request_id)
        await chat.call("tell_task", task_id=f"{request_id}.1", text="mind the gap")
        desk.open_gate("on")
        assert (await chat.ended(request_id))["tasks"][0]["summary"] == "read on mind the gap"


async def test_requests_are_listed_the_newest_first(desk: Desk) -> None:
    async with desk.chat() as chat:
        assert (await chat.call("list_requests"))["requests"] == []
        first = await chat.submit("play", desk.plain)
        await chat.ended(first)
        second = await chat.submit("ask", desk.plain)
        await chat.asks(second)
        told = await chat.call("list_requests")
        assert [(one["request_id"], one["status"]) for one in told["requests"]] == [
            (second, "waiting"),
            (first, "complete"),
        ]
        assert [one["request_id"] for one in (await chat.call("list_requests", only_open=True))["requests"]] == [second]
        assert (await chat.call("list_requests", limit=1))["more"] == 1


async def test_the_models_are_those_that_the_server_was_started_with(desk: Desk) -> None:
    model = desk.environment["BETH_MODELS"]
    async with desk.chat("--model", f"maker={model}", variables={"BETH_MODELS": ""}) as chat:
        submitted = await chat.call("submit_request", description="Make a file", workflow=desk.making, repo="none")
        assert submitted["models"] == {"maker": model}
        await chat.asks(submitted["request_id"])


async def at_work(chat: Any, request_id: str) -> None:
    """Wait until its task has begun its long step."""
    heard: list[str] = []
    while not any("step before" in line for line in heard):
        heard += (await chat.call("watch_request", request_id=request_id, seconds=1))["happened"]
