"""A tool: a name, what a model is told of it, and a function. `@tool` makes one of a typed function."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, overload

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from beth_kit.context import KitContext
from beth_sdk.errors import ConfigurationError

Repeat = Literal["safe", "told"]
"""What happens to a call whose worker died in it: `safe`: it runs again, for resuming has restored the workspace and
nothing outside could be reached; `told`: it does not, and the model is told that it may have run."""

MAX_OUTPUT = 10_000
"""Characters of a tool's output that a model gets; longer output is cut to its head and its tail."""


@dataclass(frozen=True, slots=True)
class ToolReply:
    """What a model gets back. `error`: it did not work; the model is to try something else. `data`: JSON that the loop
    reads, the model does not."""

    text: str
    error: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)


class Run(Protocol):
    """A tool's function. What it raises becomes the attempt's failure; what the model did wrong is a reply."""

    def __call__(self, ctx: KitContext, arguments: Mapping[str, Any], /) -> Awaitable[ToolReply]: ...


@dataclass(frozen=True, slots=True)
class Tool:
    """`parameters` is a JSON Schema of an object. `check` gives what is wrong with a call's arguments, in words for the
    model, or None. `writes`: whether the workspace may change, so that it is snapshotted afterwards. `suspends`: the
    call may end the delivery (a question, subtasks), so it is no step of its own: it journals itself."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    run: Run
    check: Callable[[Mapping[str, Any]], str | None]
    repeat: Repeat = "safe"
    writes: bool = True
    suspends: bool = False

    @property
    def definition(self) -> dict[str, Any]:
        """The tool as a `ModelRequest` has it."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}

    async def call(self, ctx: KitContext, arguments: Mapping[str, Any]) -> ToolReply:
        """Check the arguments and run; a mistake in them is a reply with an error."""
        wrong = self.check(arguments)
        if wrong is not None:
            return ToolReply(f"{self.name}: {wrong}", error=True)
        return await self.run(ctx, arguments)


def parse_arguments(text: str) -> Mapping[str, Any] | str:
    """The arguments of a call as a model wrote them, or what is wrong with them in words for the model."""
    try:
        found = json.loads(text.strip() or "{}", parse_constant=_refuse)
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "the arguments hold half of a surrogate pair, which is no character; send whole characters"
    except (ValueError, RecursionError) as error:
        return f"the arguments are not JSON ({error}); send one JSON object"
    if not isinstance(found, dict):
        return f"the arguments are a JSON {_json_kind(found)}, not an object; send one JSON object"
    return found


def shortened(text: str, most: int = MAX_OUTPUT) -> str:
    """`text`, or its head and tail with how much is left out between them."""
    if len(text) <= most:
        return text
    half = most // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[… {left_out:,} of {len(text):,} characters left out …]\n{text[-half:]}"


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *, name: str | None = None, repeat: Repeat = "safe", writes: bool = True, suspends: bool = False
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    repeat: Repeat = "safe",
    writes: bool = True,
    suspends: bool = False,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a typed async function: `async def search(ctx: KitContext, query: Annotated[str, "what to look
    for"], limit: int = 10) -> str`.

    Its first parameter is the context; the others are the tool's parameters, described by their annotations. Its
    docstring is the description. It returns a text, which is cut to `MAX_OUTPUT`, a `ToolReply`, or what JSON can hold.
    Raises `ConfigurationError` for a function that is not async, has no docstring or no parameter for the context, or
    has a parameter without a type or that cannot be given by name.
    """
    if function is not None:
        return _made(function, name, repeat, writes, suspends)
    return lambda given: _made(given, name, repeat, writes, suspends)


def _made(function: Callable[..., Any], name: str | None, repeat: Repeat, writes: bool, suspends: bool) -> Tool:
    called = name or function.__name__
    if not inspect.iscoroutinefunction(function):
        raise ConfigurationError(f"tool {called}: it must be an `async def` function")
    described = inspect.cleandoc(function.__doc__ or "")
    if not described:
        raise ConfigurationError(f"tool {called}: it has no docstring, and a model knows a tool by that")
    model = _arguments_of(function, called)

    def check(arguments: Mapping[str, Any]) -> str | None:
        try:
            model.model_validate(arguments)
        except ValidationError as error:
            return _in_words(error)
        return None

    async def run(ctx: KitContext, arguments: Mapping[str, Any], /) -> ToolReply:
        found = model.model_validate(arguments)
        given = {str(one.alias): getattr(found, name) for name, one in type(found).model_fields.items()}
        return _replied(await function(ctx, **given))

    return Tool(called, described, _schema_of(model), run, check, repeat, writes, suspends)


def _replied(returned: Any) -> ToolReply:
    if isinstance(returned, ToolReply):
        return returned
    if returned is None:
        return ToolReply("done")
    text = returned if isinstance(returned, str) else json.dumps(returned, ensure_ascii=False, default=str)
    return ToolReply(shortened(text))


def _arguments_of(function: Callable[..., Any], called: str) -> type[BaseModel]:
    hints = typing.get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    parameters = list(inspect.signature(function).parameters.values())
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not parameters or parameters[0].kind not in by_position:
        raise ConfigurationError(f"tool {called}: its first parameter must be the context")
    for number, parameter in enumerate(parameters[1:]):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigurationError(f"tool {called}: parameter {parameter.name} cannot be given by its name")
        if parameter.name not in hints:
            raise ConfigurationError(f"tool {called}: parameter {parameter.name} has no type")
        hint = hints[parameter.name]
        told = [one for one in typing.get_args(hint)[1:] if isinstance(one, str)] if _annotated(hint) else []
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        # Not by its own name: pydantic keeps some for itself (`copy`, `schema`, whatever begins with an underscore).
        fields[f"argument_{number}"] = (
            hint,
            Field(default, alias=parameter.name, description=told[0] if told else None),
        )
    return create_model(f"{called}_arguments", __config__=ConfigDict(extra="forbid"), **fields)


def _annotated(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Annotated


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema.pop("title", None)
    for described in schema.get("properties", {}).values():
        described.pop("title", None)
    return {**schema, "properties": schema.get("properties", {})}


def _in_words(error: ValidationError) -> str:
    found = [f"{'.'.join(str(part) for part in one['loc']) or 'arguments'}: {one['msg']}" for one in error.errors()]
    return "; ".join(found[:5])


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON value")


def _json_kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {list: "array", str: "string", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), "value")
