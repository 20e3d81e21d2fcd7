"""`commit`: what is kept, what is answered, and that a repeated call is one commit."""

from __future__ import annotations

import pytest

from beth_kit.context import KitContext
from beth_kit.tools.commit import commit
from beth_kit.tools.conftest import Contexts

AT = 1_760_000_000.25


@pytest.fixture
async def ctx(kit_context: KitContext) -> KitContext:
    kit_context.at = AT
    directory = (await kit_context.workspace.clone()).directory
    (directory / "a.txt").write_text("one\n")
    (directory / "b.txt").write_text("two\n")
    return kit_context


async def test_everything_is_committed_under_the_roles_name_at_the_time_of_the_reply(ctx: KitContext) -> None:
    reply = await commit.call(ctx, {"message": "Add two files"})
    made = reply.data["commit"]
    assert reply.text == f"committed {made[:12]}"
    git = (await ctx.workspace.clone()).git
    assert await git.line("log", "-1", "--format=%an %at %s", made) == f"Beth developer {int(AT)} Add two files"
    assert await ctx.workspace.committed() == made


async def test_of_named_paths_the_rest_is_told(ctx: KitContext) -> None:
    reply = await commit.call(ctx, {"message": "Add one", "paths": ["a.txt"]})
    assert reply.text.endswith("; not committed: b.txt")
    assert await ctx.workspace.changed() == ("b.txt",)


async def test_nothing_to_commit_is_answered(ctx: KitContext) -> None:
    await commit.call(ctx, {"message": "Add one", "paths": ["a.txt"]})
    ctx.at += 60
    reply = await commit.call(ctx, {"message": "Again", "paths": ["a.txt"]})
    assert reply.error
    assert "nothing to commit" in reply.text
    assert "changed are b.txt" in reply.text


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", ".git/config"])
async def test_a_path_outside_is_answered(ctx: KitContext, path: str) -> None:
    reply = await commit.call(ctx, {"message": "Steal", "paths": [path]})
    assert reply.error
    assert "not a path inside the workspace" in reply.text


@pytest.mark.parametrize("arguments", [{"message": " "}, {"message": "a\0b"}, {"message": "x", "paths": []}])
async def test_a_commit_without_words_or_files_is_answered(ctx: KitContext, arguments: dict[str, object]) -> None:
    assert (await commit.call(ctx, arguments)).error


async def test_the_same_call_again_is_the_same_commit(ctx: KitContext) -> None:
    first = await commit.call(ctx, {"message": "Add two files\n\nAnd why.\n"})
    assert await commit.call(ctx, {"message": "Add two files\n\nAnd why.\n"}) == first
    ctx.at += 1
    assert (await commit.call(ctx, {"message": "Add two files\n\nAnd why.\n"})).error


async def test_a_commit_whose_worker_died_before_its_outcome_is_made_again_as_it_was(contexts: Contexts) -> None:
    dying = contexts.make()
    (await dying.workspace.clone()).directory.joinpath("a.txt").write_text("one\n")
    before = await dying.workspace.snapshot()
    dying.at = AT
    first = await commit.call(dying, {"message": "Add one"})

    resumed = contexts.make()
    resumed.workspace.replayed(before)
    resumed.at = AT
    assert await commit.call(resumed, {"message": "Add one"}) == first
