"""What Beth asks herself, put to the user in the chat: a plan, and more money."""

from __future__ import annotations

from tests.mcp_server.chat import Desk


async def test_a_plan_is_approved_in_the_chat_before_anything_is_done(desk: Desk) -> None:
    async with desk.chat() as chat:
        request_id = await chat.submit("play", desk.plain, approve_plan=True)
        question = await chat.asks(request_id)
        assert (question["id"], question["kind"], question["asked_by"]) == (request_id, "plan", "beth")
        told = await chat.call("request_status", request_id=request_id)
        assert [(task["name"], task["role"], task["type"]) for task in told["plan"]] == [("only", "player", "act")]
        assert told["tasks"] == []
        assert "is no answer" in await chat.refused("answer_question", id=request_id, text="maybe")
        assert (await chat.call("answer_question", id=request_id, text="approve"))["counted"]
        done = await chat.ended(request_id)
        assert (done["status"], done["plan"]) == ("complete", [])


async def test_a_plan_that_is_not_wanted_ends_the_request(desk: Desk) -> None:
    async with desk.chat() as chat:
        request_id = await chat.submit("play", desk.plain, approve_plan=True)
        await chat.asks(request_id)
        await chat.call("answer_question", id=request_id, text="stop")
        assert (await chat.ended(request_id))["status"] in ("cancelled", "failed")


async def test_when_the_money_is_used_up_the_user_is_asked_for_more(desk: Desk) -> None:
    async with desk.chat() as chat:
        request_id = await chat.submit("Make a file", desk.making, max_cost_usd=0.1)
        first = await chat.asks(request_id)
        assert first["kind"] == "task"
        await chat.call("answer_question", id=first["id"], text="red")
        money = await chat.asks(request_id)
        assert (money["id"], money["kind"]) == (request_id, "budget")
        told = await chat.call("request_status", request_id=request_id)
        assert told["max_cost_usd"] == 0.1
        await chat.call("answer_question", id=request_id, text="1.00")
        done = await chat.ended(request_id)
        assert (done["status"], done["max_cost_usd"]) == ("complete", 1.0)
