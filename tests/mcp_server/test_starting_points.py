"""Which repository a request starts from: the one that is open in the client, unless it is named. It is only read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.mcp_server.chat import Desk


def a_repository(folder: Path) -> Path:
    """With one commit and a file that is not committed."""
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("print('hello')\n")
    for words in (
        ["init", "--quiet", "--initial-branch", "main"],
        ["add", "."],
        ["-c", "user.name=Me", "-c", "user.email=me@example.org", "commit", "--quiet", "-m", "Begin"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
    (folder / "later.py").write_text("not committed\n")
    return folder


def seen(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("modern", [False, True], ids=["2025", "2026"])
async def test_it_is_the_one_that_the_client_has_open(desk: Desk, modern: bool) -> None:
    app = a_repository(desk.folder / "my app")
    before = seen(app)
    async with desk.chat(roots=[app], modern=modern) as chat:
        submitted = await chat.call("submit_request", description="Make a file", workflow=desk.making)
        assert submitted["starts_from"]["repo"] == str(app)
        assert submitted["starts_from"]["why"] == "the repository that is open in the client"
        request_id = submitted["request_id"]
        question = await chat.asks(request_id)
        await chat.call("answer_question", id=question["id"], text="red")
        await chat.ended(request_id)
        work = await chat.call("show_work", request_id=request_id)
        assert work["base"] == submitted["starts_from"]["commit"]
        assert [one["path"] for one in work["files"]] == ["made.txt"]
        assert work["starts_from"] == str(app)
        assert work["take"]["merge"] == f"beth merge {request_id}"
    assert seen(app) == before
    assert desk.beth("merge", request_id).returncode == 0


@pytest.mark.parametrize("modern", [False, True], ids=["2025", "2026"])
async def test_of_several_one_must_be_named(desk: Desk, modern: bool) -> None:
    one, other = a_repository(desk.folder / "one"), a_repository(desk.folder / "other")
    async with desk.chat(roots=[one, other], modern=modern) as chat:
        said = await chat.refused("submit_request", description="play", workflow=desk.plain)
        assert f"several repositories are open here: {one}, {other}" in said
        told = await chat.call("submit_request", description="play", workflow=desk.plain, repo=str(other))
        assert told["starts_from"]["repo"] == str(other)


async def test_for_a_client_that_does_not_tell_it_is_where_the_server_was_started(desk: Desk) -> None:
    (desk.folder / "elsewhere").rmdir()
    here = a_repository(desk.folder / "elsewhere")
    async with desk.chat() as chat:
        told = await chat.call("submit_request", description="play", workflow=desk.plain)
        assert told["starts_from"]["repo"] == str(here)
        assert told["starts_from"]["why"] == "the repository that this server was started in"


async def test_where_there_is_none_the_request_starts_from_nothing_and_says_so(desk: Desk) -> None:
    async with desk.chat(roots=[desk.folder / "elsewhere"]) as chat:
        told = await chat.call("submit_request", description="play", workflow=desk.plain)
        assert told["starts_from"] == {"why": "no folder that is open in the client is in a git repository"}
        said = await chat.refused("submit_request", description="play", workflow=desk.plain, branch="main")
        assert "branch names a branch of a repository, and there is none" in said


async def test_the_prompt_has_the_model_do_it_all(desk: Desk) -> None:
    async with desk.chat() as chat:
        (prompt,) = (await chat.session.list_prompts()).prompts
        assert prompt.name == "build"
        got = await chat.session.get_prompt("build", {"what": "A clock", "criteria": "it ticks"})
        text = got.messages[0].content.text  # type: ignore[union-attr]
        assert "A clock" in text
        assert "It is done when: it ticks" in text
