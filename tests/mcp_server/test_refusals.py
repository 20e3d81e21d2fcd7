"""What a chat is told that asks for something wrong: one line to read, nothing written, and the server goes on."""

from __future__ import annotations

import pytest

from beth_agent_beth.mcp.tools import TOOLS
from tests.mcp_server.chat import Desk, MCPError


async def test_the_tools_are_listed_as_they_are(desk: Desk) -> None:
    async with desk.chat() as chat:
        listed = (await chat.session.list_tools()).tools
        assert [one.model_dump() for one in listed] == [one.listed().model_dump() for one in TOOLS]


async def test_bad_input_is_refused_in_a_line(desk: Desk) -> None:
    async with desk.chat() as chat:
        said = await chat.refused("submit_request", description="play", max_cost=1)
        assert said == "submit_request: there is no argument max_cost"
        assert "description: field required" in await chat.refused("submit_request")
        assert "no workflow is called 'featrue'" in await chat.refused(
            "submit_request", description="play", workflow="featrue", repo="none"
        )
        assert "is no directory and no https://" in await chat.refused(
            "submit_request", description="play", workflow=desk.plain, repo="/nowhere"
        )
        assert "seconds: input should be less than or equal to 50" in await chat.refused(
            "watch_request", request_id="beth-x", seconds=600
        )
        assert (await chat.call("list_requests"))["requests"] == []


async def test_a_description_is_never_a_file_nor_standard_input(desk: Desk) -> None:
    secret = desk.folder / "secret.txt"
    secret.write_text("secret")
    async with desk.chat() as chat:
        for description in (str(secret), "-"):
            request_id = await chat.submit(description, desk.plain)
            assert (await chat.call("request_status", request_id=request_id))["description"] == description


async def test_what_does_not_exist_is_refused_in_a_line(desk: Desk) -> None:
    async with desk.chat() as chat:
        for tool, arguments in (
            ("watch_request", {"request_id": "beth-nothere"}),
            ("request_status", {"request_id": "beth-nothere"}),
            ("show_work", {"request_id": "beth-nothere"}),
            ("cancel_request", {"id": "beth-nothere"}),
            ("answer_question", {"id": "beth-nothere.1", "text": "red"}),
            ("tell_task", {"task_id": "beth-nothere.1", "text": "hello"}),
        ):
            assert "no request is called 'beth-nothere'" in await chat.refused(tool, **arguments)
        with pytest.raises(MCPError, match="there is no tool 'make_coffee'"):
            await chat.session.call_tool("make_coffee", {})


async def test_an_answer_that_is_no_option_is_refused_and_the_question_stays(desk: Desk) -> None:
    async with desk.chat() as chat:
        request_id = await chat.submit("ask", desk.plain)
        question = await chat.asks(request_id)
        assert "red | blue" in await chat.refused("answer_question", id=question["id"], text="green")
        assert (await chat.asks(request_id)) == question


async def test_a_task_that_has_ended_is_told_nothing(desk: Desk) -> None:
    async with desk.chat() as chat:
        request_id = await chat.submit("play", desk.plain)
        await chat.ended(request_id)
        assert "has ended (complete)" in await chat.refused("tell_task", task_id=f"{request_id}.1", text="hello")
        assert "has ended: complete" in await chat.refused("cancel_request", id=request_id)


async def test_a_missing_key_is_said_before_anything_is_written(desk: Desk) -> None:
    async with desk.chat(variables={"BETH_MODELS": "openai/gpt-5.6"}) as chat:
        said = await chat.refused("submit_request", description="Make", workflow=desk.making, repo="none")
        assert "OPENAI_API_KEY" in said
        assert (await chat.call("list_requests"))["requests"] == []


async def test_without_the_package_it_says_what_to_install(desk: Desk) -> None:
    (desk.folder / "site" / "mcp_types.py").write_text("raise ImportError('No module named mcp_types')\n")
    with desk.process() as process:
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    line = errors.decode()
    assert line.count("\n") == 1
    assert "pip install 'mcp>=2.2,<3'" in line


async def test_a_wrong_setting_ends_it_with_a_line(desk: Desk) -> None:
    desk.variables["BETH_LOG_LEVEL"] = "chatty"
    with desk.process() as process:
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert errors.decode().startswith("beth: BETH_LOG_LEVEL='chatty' is not accepted")


async def test_an_agent_that_cannot_work_here_is_told_of_in_the_chat(desk: Desk) -> None:
    async with desk.chat(variables={"BETH_MODELS": ""}) as chat:
        wanted = {"description": "ask", "workflow": desk.plain, "repo": "none"}
        while not (told := await chat.result("submit_request", **wanted)).is_error:
            assert told.structured_content is not None
            await chat.asks(told.structured_content["request_id"])  # another agent does its part all the same
        said = await chat.refused("submit_request", **wanted)
        assert "has no model: set LLM_PROVIDER and LLM_MODEL" in said or "MISSING" in said
        assert said.endswith("; the user must put that right and start this server again")
