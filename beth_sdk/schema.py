"""Bytes to messages and back, the packaged schemas, and errors with a path to what is wrong."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import BaseModel, ValidationError

from beth_sdk import messages
from beth_sdk.errors import InvalidMessage, VersionRefused
from beth_sdk.messages import ACCEPTED, CONTRACT_VERSION, portable
from beth_sdk.patterns import TIMESTAMP_PATTERN, VERSION_PATTERN
from beth_sdk.strict_json import FINITE, dumps, loads, not_json, path

if TYPE_CHECKING:  # a worker decodes without schemas, and importing jsonschema takes as long as all of the SDK
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError as Violation

__all__ = [
    "MESSAGES",
    "NOTHING",
    "check",
    "check_version",
    "decode",
    "dumps",
    "encode",
    "guess",
    "loads",
    "parse",
    "problems",
    "schema",
    "schema_bytes",
]

MESSAGES = ("task", "result", "event", "control", "manifest")
"""The names of the contract's schemas, `schemas/v1/<name>.schema.json`."""

M = TypeVar("M", bound=BaseModel)


class _Nothing:
    def __repr__(self) -> str:
        return "nothing"


NOTHING: Final = _Nothing()
"""The value of an `InvalidMessage` where a required field is missing."""


@functools.cache
def schema(name: str) -> Mapping[str, Any]:
    """The JSON Schema of one message, as packaged. Raises KeyError for a name that is not in `MESSAGES`."""
    return cast("Mapping[str, Any]", json.loads(schema_bytes(name)))


def schema_bytes(name: str) -> bytes:
    """The schema's file as it is packaged, byte for byte. Raises KeyError for a name that is not in `MESSAGES`."""
    from importlib import resources

    if name not in MESSAGES:
        raise KeyError(name)
    return resources.files("beth_sdk").joinpath("schemas", "v1", f"{name}.schema.json").read_bytes()


def encode(message: messages._Model) -> bytes:
    """A message as it travels. Raises `MessageTooLarge`."""
    return dumps(message.to_json(), what=type(message).__name__.lower())


def decode(model: type[M], body: bytes) -> M:
    """A message from its bytes. Raises `InvalidMessage`, `MessageTooLarge` or `VersionRefused`."""
    return parse(model, loads(body, what=model.__name__.lower()))


def parse(model: type[M], document: Any) -> M:
    """A message from plain JSON values. Raises `InvalidMessage` or `VersionRefused`."""
    check_version(document)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        what = model.__name__.lower()
        raise _outermost(_from_pydantic(error, what), what)[0] from None


def check(name: str, document: Any) -> None:
    """Hold plain JSON values against a schema. Raises `InvalidMessage` for what is most wrong, or `VersionRefused`."""
    for problem in problems(name, document):
        raise problem


def problems(name: str, document: Any) -> list[InvalidMessage]:
    """Everything that a schema finds wrong, one for each place, outer ones first.

    Raises `VersionRefused` for a newer major version, KeyError for a name that is not in `MESSAGES`.
    """
    check_version(document)
    if foreign := not_json(document, name):
        return [foreign]
    return _outermost(_from_schema(name, document), name)


def violations(rules: Mapping[str, Any], document: Any, *, what: str) -> list[InvalidMessage]:
    """Everything that a schema of somebody's own (an agent's input or output) finds wrong with plain JSON values."""
    from jsonschema import Draft202012Validator

    return [
        InvalidMessage(path(tuple(one.absolute_path)), one.instance, one.message, message=what)
        for one in sorted(Draft202012Validator(rules).iter_errors(document), key=lambda one: one.json_path)
    ]


def check_version(document: Any) -> None:
    """Refuse what a newer major version of the contract wrote, before anything else is said of it."""
    if not isinstance(document, Mapping):
        return
    theirs = document.get("schema_version")
    if not isinstance(theirs, str) or len(theirs) > 16 or re.search(VERSION_PATTERN, theirs) is None:
        return
    if int(theirs.split(".")[0]) > int(CONTRACT_VERSION.split(".")[0]):
        raise VersionRefused(theirs, CONTRACT_VERSION)


def guess(document: Any) -> str:
    """Which of `MESSAGES` a document means to be, by the fields that only one of them has."""
    keys = set(document) if isinstance(document, Mapping) else set()
    if keys & {"manifest_version", "role", "task_types"}:
        return "manifest"
    if "kind" in keys:
        return "event" if keys & {"id", "message", "data"} else "control"
    if keys & {"task_id", "status"}:
        return "result"
    return "task"


# -- what is wrong, in the same words whichever side found it ---------------------------------

_Found = tuple[tuple[str | int, ...], Any, str]
"""Where it is, the value there, what is accepted."""

_TYPES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "an array",
    "object": "an object",
}
_REQUIRED, _KNOWN = "a value: this field is required", "a known field"

_MODEL_WORDS = {
    "missing": _REQUIRED,
    "extra_forbidden": _KNOWN,
    "finite_number": FINITE,
    "string_type": _TYPES["string"],
    "int_type": _TYPES["integer"],
    "float_type": _TYPES["number"],
    "bool_type": _TYPES["boolean"],
    "list_type": _TYPES["array"],
    "dict_type": _TYPES["object"],
    "model_type": _TYPES["object"],
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:.17g}",
    "string_too_short": "a length of at least {min_length}",
    "string_too_long": "a length of at most {max_length}",
    "too_short": "a length of at least {min_length}",
}
"""What pydantic's kinds of error say, filled from their context."""

_SCHEMA_WORDS = {
    "minimum": "at least {minimum}",
    "exclusiveMinimum": "more than {exclusiveMinimum}",
    "maximum": "at most {maximum}",
    "minLength": "a length of at least {minLength}",
    "maxLength": "a length of at most {maxLength}",
    "minItems": "a length of at least {minItems}",
    "format": ACCEPTED[portable(TIMESTAMP_PATTERN)],
}
"""What the schemas' keywords say, filled from the schema they stand in."""


def _outermost(found: Iterator[_Found], what: str) -> list[InvalidMessage]:
    first: dict[str, _Found] = {}
    for one in found:
        first.setdefault(path(one[0]), one)
    ordered = sorted(first.items(), key=lambda item: (len(item[1][0]), item[0]))
    return [InvalidMessage(where, value, accepted, message=what) for where, (_, value, accepted) in ordered]


def _from_pydantic(error: ValidationError, what: str) -> Iterator[_Found]:
    for one in error.errors(include_url=False):
        kind, context = one["type"], one.get("ctx", {})
        where = one["loc"][:-1] if one["loc"][-1:] == ("[key]",) else one["loc"]
        value = NOTHING if kind == "missing" else one["input"]
        if kind == "string_pattern_mismatch":
            accepted = _matching(what, context["pattern"])
        elif kind == "literal_error":
            accepted = "one of " + context["expected"].replace(" or ", ", ").replace("'", '"')
        else:
            accepted = _MODEL_WORDS.get(kind, "").format_map(context) or one["msg"].removeprefix("Value error, ")
        yield where, value, accepted


def _matching(name: str, pattern: str) -> str:
    return _described(name).get(pattern, f"a string that matches {pattern}")


@functools.cache
def _described(name: str) -> Mapping[str, str]:
    """What the patterns of a schema accept, in words: its own where it defines one."""
    definitions = schema(name).get("$defs", {}) if name in MESSAGES else {}
    words = {one["pattern"]: one["description"].rstrip(".") for one in definitions.values() if "pattern" in one}
    return {pattern: text[0].lower() + text[1:] for pattern, text in words.items()} | ACCEPTED


def _from_schema(name: str, document: Any) -> Iterator[_Found]:
    violations = list(_validator(name).iter_errors(document))
    # What a mistyped key leaves out is no news.
    violations = [one for one in violations if one.validator != "oneOf"] or violations
    leaves = (leaf for violation in violations for leaf in _leaves(violation))
    # As pydantic has it, where two things are wrong with one place: a key before its value, length before pattern.
    for leaf in sorted(leaves, key=lambda leaf: (not _of_key(leaf), leaf.validator == "pattern")):
        yield from _of_violation(leaf, name)


def _of_key(violation: Violation) -> bool:
    return "propertyNames" in violation.absolute_schema_path


def _leaves(violation: Violation) -> Iterator[Violation]:
    """What is really wrong. Every `anyOf` of the schemas is something, or null: what the something says is wrong."""
    if violation.validator != "anyOf":
        yield violation
        return
    for inner in violation.context or ():
        if inner.relative_schema_path[0] == 0:
            yield from _leaves(inner)


def _of_violation(violation: Violation, name: str) -> Iterator[_Found]:
    where, instance = tuple(violation.absolute_path), violation.instance
    rule = cast("Mapping[str, Any]", violation.schema)
    keyword = str(violation.validator)
    if keyword == "required":
        for key in rule["required"]:
            if key not in cast("Mapping[str, Any]", instance):
                yield (*where, key), NOTHING, _REQUIRED
    elif keyword == "additionalProperties":
        for key, value in cast("Mapping[str, Any]", instance).items():
            if key not in rule["properties"]:
                near = difflib.get_close_matches(key, rule["properties"], 1)
                known = f" (did you mean {near[0]}?)" if near else f": {', '.join(rule['properties'])}"
                yield (*where, key), value, _KNOWN + known
    else:
        if _of_key(violation):
            where = (*where, str(instance))
        yield where, instance, _words(name, keyword, rule, violation.message)


def _words(name: str, keyword: str, rule: Mapping[str, Any], message: str) -> str:
    # That null would do too, where it would, is left out: nobody who wrote something else meant none.
    match keyword:
        case "type":
            names = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
            return " or ".join(_TYPES[one] for one in names if one != "null")
        case "enum":
            return "one of " + ", ".join(json.dumps(value) for value in rule["enum"] if value is not None)
        case "oneOf":
            return f"exactly one of {' and '.join(key for branch in rule['oneOf'] for key in branch['required'])}"
        case "pattern":
            return _matching(name, rule["pattern"])
        case _:
            return _SCHEMA_WORDS[keyword].format_map(rule) if keyword in _SCHEMA_WORDS else message


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import ValidationError as Violation
    from jsonschema.validators import extend

    formats = FormatChecker(formats=())

    @formats.checks("date-time", raises=ValueError)
    def is_timestamp(value: object) -> bool:
        if isinstance(value, str):
            messages.parse_timestamp(value)
        return True

    def pattern(_: Any, wanted: str, instance: object, __: Any) -> Iterator[Violation]:
        # As in ECMA 262, where `$` is the end and not also the place before a last newline.
        if isinstance(instance, str) and re.search(wanted.removesuffix("$") + r"\Z", instance) is None:
            yield Violation(f"{instance!r} does not match {wanted!r}")

    strict = extend(Draft202012Validator, {"pattern": pattern})  # type: ignore[no-untyped-call]
    return cast("Draft202012Validator", strict(schema(name), format_checker=formats))
