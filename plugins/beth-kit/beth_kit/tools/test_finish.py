"""`finish`: a result that fits its schema, of a workspace whose work is kept."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from beth_kit.context import KitContext
from beth_kit.tools.commit import commit
from beth_kit.tools.conftest import Contexts
from beth_kit.tools.finish import finish_tool
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.git import identity_of
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.task import Origin

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.org/output",
    "type": "object",
    "properties": {
        "files": {"type": "array", "items": {"$ref": "#/$defs/file"}, "maxItems": 3},
        "again": {"$ref": "#/properties/files"},
    },
    "required": ["files"],
    "additionalProperties": False,
    "$defs": {"file": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
}


async def test_without_a_schema_the_result_is_a_summary(kit_context: KitContext) -> None:
    reply = await finish_tool(None).call(kit_context, {"result": {"summary": "All done."}})
    assert (reply.error, reply.data) == (False, {"result": {"summary": "All done."}})
    assert (await finish_tool(None).call(kit_context, {"result": {}})).error


async def test_every_mistake_in_the_result_is_told_with_its_place(kit_context: KitContext) -> None:
    reply = await finish_tool(SCHEMA).call(kit_context, {"result": {"files": [{"name": 1}, {}], "more": 1}})
    assert reply.error
    assert "result" not in reply.data
    for words in (
        "- result.files[0].name: 1 is not of type 'string'",
        "- result.files[1]: 'name' is a required",
        "more",
    ):
        assert words in reply.text


async def test_of_very_many_mistakes_the_first_are_told(kit_context: KitContext) -> None:
    schema = {"type": "array", "items": {"type": "string"}}
    reply = await finish_tool(schema).call(kit_context, {"result": list(range(30))})
    assert "- and 20 more" in reply.text


@pytest.mark.parametrize("arguments", [{}, {"summary": "x"}, {"result": {"summary": "x"}, "more": 1}])
async def test_a_result_that_is_not_in_its_place_is_answered(
    kit_context: KitContext, arguments: dict[str, Any]
) -> None:
    reply = await finish_tool(None).call(kit_context, arguments)
    assert reply.error
    assert '{"result": …}' in reply.text


@pytest.mark.parametrize(
    ("result", "valid"),
    [
        ({"files": [{"name": "a"}]}, True),
        ({"files": [{}]}, False),
        ({"files": [], "again": [{"name": 1}]}, False),
        ({}, False),
    ],
)
def test_the_parameters_that_a_model_sees_mean_what_the_schema_does(result: Any, valid: bool) -> None:
    parameters = finish_tool(SCHEMA).parameters
    assert Draft202012Validator(parameters).is_valid({"result": result}) is valid
    assert Draft202012Validator(SCHEMA).is_valid(result) is valid


async def test_uncommitted_work_keeps_a_task_from_ending(kit_context: KitContext) -> None:
    directory = (await kit_context.workspace.clone()).directory
    (directory / "a.txt").write_text("one\n")
    finish = finish_tool(None)
    refused = await finish.call(kit_context, {"result": {"summary": "Done."}})
    assert refused.error
    assert "not committed: a.txt" in refused.text
    assert not refused.data
    await commit.call(kit_context, {"message": "Add a"})
    assert (await finish.call(kit_context, {"result": {"summary": "Done."}})).data


async def test_ignored_files_do_not(kit_context: KitContext) -> None:
    directory = (await kit_context.workspace.clone()).directory
    (directory / ".gitignore").write_text("*.log\n")
    await commit.call(kit_context, {"message": "Ignore logs"})
    (directory / "x.log").write_text("noise\n")
    assert (await finish_tool(None).call(kit_context, {"result": {"summary": "Done."}})).data


async def test_a_merge_that_is_not_committed_keeps_a_task_from_ending(contexts: Contexts) -> None:
    repository = await RequestRepository.open(contexts.home, "r1")
    sides = []
    for task in ("ours", "theirs"):
        side = contexts.make(task={"id": task})
        (await side.workspace.clone()).directory.joinpath("a.txt").write_text(task)
        sides.append((await commit.call(side, {"message": task})).data["commit"])
    await repository.move_branch(sides[0], await repository.head())
    conflict = await repository.merge(sides[1], "Merge", identity_of("beth"))
    assert isinstance(conflict, Conflict)

    ctx = contexts.make(task={"id": "resolve"}, origin=Origin(contexts.home, "r1", conflict=conflict))
    (await ctx.workspace.clone()).directory.joinpath("a.txt").write_text("ours")
    finish = finish_tool(None)
    assert await ctx.workspace.changed() == ()
    assert "the merge is not committed" in (await finish.call(ctx, {"result": {"summary": "Done."}})).text
    assert not (await commit.call(ctx, {"message": "Resolve"})).error
    assert (await finish.call(ctx, {"result": {"summary": "Done."}})).data
