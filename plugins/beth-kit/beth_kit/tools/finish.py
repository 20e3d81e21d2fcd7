"""`finish`: end the task with a result that fits its type's output schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beth_kit.context import KitContext
from beth_kit.tools.base import Tool, ToolReply
from beth_kit.tools.commit import named

SUMMARY: Mapping[str, Any] = {
    "type": "object",
    "properties": {"summary": {"type": "string", "minLength": 1, "description": "what was done, in a few sentences"}},
    "required": ["summary"],
}
"""The result of a task type that declares no output schema."""

MOST_ERRORS = 10
"""What is wrong with a result that a model is told at once."""

DESCRIPTION = (
    "End the task, with its result. Everything that is to be kept must be committed before. After this nothing more "
    "happens, so check first that the task is done."
)

_HOISTED = ("$defs", "definitions")


def finish_tool(output_schema: Mapping[str, Any] | None) -> Tool:
    """The tool for one task type. What it replies in `data["result"]` ends the task."""
    wanted = SUMMARY if output_schema is None else output_schema

    def check(arguments: Mapping[str, Any]) -> str | None:
        if set(arguments) != {"result"}:
            return 'send {"result": …} with the whole result in it, and nothing else'
        wrong = _violations(wanted, arguments["result"])
        if not wrong:
            return None
        more = f"\n- and {len(wrong) - MOST_ERRORS} more" if len(wrong) > MOST_ERRORS else ""
        return "the result is not as it must be:\n" + "\n".join(f"- {one}" for one in wrong[:MOST_ERRORS]) + more

    return Tool("finish", DESCRIPTION, _parameters(wanted), _finish, check, writes=False)


async def _finish(ctx: KitContext, arguments: Mapping[str, Any], /) -> ToolReply:
    changed = await ctx.workspace.changed()
    if changed:
        reason = (
            f"finish: not committed: {named(changed)}. Commit what belongs to the work; undo the rest (git checkout -- "
            "FILE, rm) or have it ignored (.gitignore), then finish again"
        )
        return ToolReply(reason, error=True)
    if await ctx.workspace.merging():
        return ToolReply("finish: the merge is not committed yet: commit it, then finish again", error=True)
    return ToolReply("finished", data={"result": arguments["result"]})


def _violations(schema: Mapping[str, Any], document: Any) -> list[str]:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    # A registry of its own, so that no reference is ever looked up on the network.
    rules = Draft202012Validator(schema, registry=Registry())
    found = sorted(rules.iter_errors(document), key=lambda one: one.json_path)
    return [f"{one.json_path.replace('$', 'result', 1)}: {one.message[:500]}" for one in found]


def _parameters(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The tool's parameters: the schema below `result`, with its references still leading to what they did."""
    inner = {key: _moved(value) for key, value in schema.items() if key not in (*_HOISTED, "$schema", "$id")}
    hoisted = {key: _moved(schema[key]) for key in _HOISTED if key in schema}
    return {
        "type": "object",
        "properties": {"result": inner},
        "required": ["result"],
        "additionalProperties": False,
        **hoisted,
    }


def _moved(value: Any) -> Any:
    if isinstance(value, list):
        return [_moved(one) for one in value]
    if not isinstance(value, dict):
        return value
    moved = {key: _moved(one) for key, one in value.items()}
    reference = value.get("$ref")
    if isinstance(reference, str) and reference.startswith("#") and not reference.startswith(("#/$defs", "#/def")):
        moved["$ref"] = f"#/properties/result{reference[1:]}"
    return moved
