"""Documents for the tests of agreement: made from a schema or from a model, never from both.

A seeded random puts them together from hypothesis's leaves: hypothesis alone would take minutes for thousands of them.
"""

from __future__ import annotations

import copy
import functools
import types
import typing
from collections.abc import Callable, Mapping
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, JsonValue, StringConstraints, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from beth_sdk import messages, patterns, schema
from beth_sdk.manifest import Manifest
from beth_sdk.messages import portable
from beth_sdk.strict_json import walk
from tests.contract.leaves import json_values, matching, numbers, texts, times, unknown_field, whole

MODELS: Mapping[str, type[messages._Model]] = {
    "task": messages.Task,
    "result": messages.Result,
    "event": messages.Event,
    "control": messages.Control,
    "manifest": Manifest,
}

# -- from a schema ----------------------------------------------------------------------------

_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "examples", "default"}


def from_schema(name: str, random: Random, *, all_fields: bool = False) -> Any:
    """A document that is valid under a schema: with some of the optional fields, or all of them."""
    root = schema.schema(name)
    while True:
        document = _SchemaWalk(root, random, all_fields).value(root)
        if not schema.problems(name, document):  # only the rules between fields are left to chance
            return document


class _SchemaWalk:
    def __init__(self, root: Mapping[str, Any], random: Random, all_fields: bool) -> None:
        self.root = root
        self.random = random
        self.all_fields = all_fields

    def value(self, rule: Mapping[str, Any]) -> Any:
        if "$ref" in rule:
            return self.value(self.root["$defs"][rule["$ref"].removeprefix("#/$defs/")])
        if "anyOf" in rule:
            return self.value(rule["anyOf"][0] if self.all_fields else self.random.choice(rule["anyOf"]))
        if "const" in rule:
            return rule["const"]
        if "enum" in rule:
            return self.random.choice(rule["enum"])
        kinds = rule.get("type", "anything")
        kind = kinds if isinstance(kinds, str) else kinds[0] if self.all_fields else self.random.choice(kinds)
        makers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "object": self.object,
            "array": self.array,
            "string": self.string,
            "integer": lambda rule: self.random.choice(whole(rule["minimum"], rule["maximum"])),
            "number": self.number,
            "boolean": lambda _: self.random.choice([True, False]),
            "null": lambda _: None,
            "anything": lambda _: copy.deepcopy(self.random.choice(json_values())),
        }
        return makers[kind](rule)

    def object(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        known, rest = rule.get("properties", {}), rule.get("additionalProperties", True)
        branches = [branch["required"] for branch in rule.get("oneOf", ())]
        required = [*rule.get("required", ()), *(self.random.choice(branches) if branches else ())]
        barred = {key for branch in branches for key in branch} - {*required}
        made = {
            key: self.value(inner)
            for key, inner in known.items()
            if key in required or (key not in barred and (self.all_fields or self.random.random() < 0.4))
        }
        if isinstance(rest, dict):
            made |= {self.value(rule["propertyNames"]): self.value(rest) for _ in range(self.random.randint(0, 2))}
        elif rest and self.random.random() < 0.3:
            made |= [unknown_field(self.random, known)]
        return made

    def array(self, rule: Mapping[str, Any]) -> list[Any]:
        least = 1 if self.all_fields else rule.get("minItems", 0)
        return [self.value(rule["items"]) for _ in range(self.random.randint(least, 2))]

    def string(self, rule: Mapping[str, Any]) -> str:
        if rule.get("format") == "date-time":
            return self.random.choice(times())
        if rule.get("title") == "Contract version":
            return self.random.choice(["0.9", "1.0", "1.99"])
        possible = matching(rule["pattern"]) if "pattern" in rule else texts()
        least, most = rule.get("minLength", 0), rule.get("maxLength", 2**20)
        return self.random.choice([one for one in possible if least <= len(one) <= most])

    def number(self, rule: Mapping[str, Any]) -> float:
        over = "exclusiveMinimum" in rule
        return self.random.choice(
            numbers(rule["exclusiveMinimum"] if over else rule["minimum"], rule.get("maximum"), over)
        )


def keywords(name: str) -> set[str]:
    """Every keyword that a schema uses, so that none is left out of the tests unseen."""
    found: set[str] = set()
    for where, value in walk(dict(schema.schema(name))):
        named_by_us = bool(where) and where[-1] in ("properties", "$defs")
        if isinstance(value, dict) and not named_by_us and "default" not in where:
            found |= set(value)
    return found - _ANNOTATIONS


# -- from a model -----------------------------------------------------------------------------


def from_model(model: type[BaseModel], random: Random, *, all_fields: bool = False) -> dict[str, Any]:
    """A document that a model accepts: with some of the optional fields, or all of them."""
    while True:
        document = _ModelWalk(random, all_fields).fields(model)
        if model is Manifest:
            document.pop(random.choice(["class", "command"]), None)
        try:
            model.model_validate(document)
        except ValidationError as error:
            if any(one["type"] != "value_error" or one["loc"] for one in error.errors()):
                raise  # only the rules between fields are left to chance
        else:
            return document


class _ModelWalk:
    def __init__(self, random: Random, all_fields: bool) -> None:
        self.random = random
        self.all_fields = all_fields

    def fields(self, model: type[BaseModel]) -> dict[str, Any]:
        hints = _hints(model)
        made = {
            info.alias or name: self.value(hints[name])
            for name, info in model.model_fields.items()
            if info.is_required() or self.all_fields or self.random.random() < 0.4
        }
        if model.model_config["extra"] == "allow" and self.random.random() < 0.3:
            made |= [unknown_field(self.random, model.model_fields)]
        return made

    def value(self, hint: Any) -> Any:
        if hint is JsonValue:
            return copy.deepcopy(self.random.choice(json_values()))
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return self.fields(hint)
        if get_origin(hint) is Annotated:
            inner, *metadata = get_args(hint)
            limits = _limits(metadata)
            return self.leaf(hint, inner, limits) if get_origin(inner) is None else self.parts(inner, limits)
        return self.parts(hint, {}) if get_origin(hint) is not None else self.leaf(hint, hint, {})

    def parts(self, hint: Any, limits: Mapping[str, Any]) -> Any:
        origin, inner = get_origin(hint), get_args(hint)
        if origin is Literal:
            return self.random.choice(inner)
        if origin in (Union, types.UnionType):
            wanted = [one for one in inner if one is not types.NoneType]
            return self.value(self.random.choice(wanted if self.all_fields else list(inner)))
        count = self.random.randint(max(limits.get("min_length", 0), int(self.all_fields)), 2)
        if origin is list:
            return [self.value(inner[0]) for _ in range(count)]
        assert origin is dict, hint
        return {self.value(inner[0]): self.value(inner[1]) for _ in range(count)}

    def leaf(self, hint: Any, kind: Any, limits: Mapping[str, Any]) -> Any:
        if kind is types.NoneType:
            return None
        if kind is bool:
            return self.random.choice([True, False])
        if kind is int:
            return self.random.choice(whole(limits["ge"], limits["le"]))
        if kind is float:
            return self.random.choice(numbers(limits.get("ge", limits.get("gt")), limits.get("le"), "gt" in limits))
        assert kind is str, hint
        return self.random.choice(_accepted_texts(hint, limits.get("pattern")))


@functools.cache
def _hints(model: type[BaseModel]) -> Mapping[str, Any]:
    return typing.get_type_hints(model, include_extras=True)


@functools.cache
def _accepted_texts(hint: Any, pattern: str | None) -> list[str]:
    if pattern == portable(patterns.VERSION_PATTERN):
        return ["0.9", "1.0", "1.99"]
    if pattern == portable(patterns.TIMESTAMP_PATTERN):
        return [one for one in matching(pattern) + times() if _accepts(hint, one)]
    return [one for one in (texts() if pattern is None else matching(pattern)) if _accepts(hint, one)]


def _accepts(hint: Any, value: Any) -> bool:
    try:
        TypeAdapter(hint).validate_python(value)
    except ValidationError:
        return False
    return True


def _limits(metadata: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in metadata:
        if isinstance(one, StringConstraints):
            found |= {"pattern": one.pattern} if one.pattern else {}
        for rule in one.metadata if isinstance(one, FieldInfo) else ():
            if isinstance(rule, annotated_types.Ge | annotated_types.Gt | annotated_types.Le):
                found |= (
                    vars(rule) if hasattr(rule, "__dict__") else {key: getattr(rule, key) for key in rule.__slots__}
                )
            elif isinstance(rule, annotated_types.MinLen):
                found["min_length"] = rule.min_length
    return found
