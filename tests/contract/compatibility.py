"""Whether a newer schema still accepts all that an older one does, and still says all that it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_ANNOTATIONS = {"$schema", "$id", "$defs", "$comment", "title", "description", "examples", "deprecated"}
_AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_ALTERNATIVES = {"type", "anyOf", "$ref"}
_COMPARED = {
    *_ALTERNATIVES,
    *_AT_LEAST,
    *_AT_MOST,
    *("enum", "const", "default", "properties", "required", "additionalProperties", "propertyNames", "items"),
}


def narrowings(old: Schema, new: Schema) -> list[str]:
    """What was removed, required or narrowed from one schema to the next, each with its path. Empty: compatible.

    Where it cannot tell, as with a pattern or a keyword that it does not know, a change counts as narrowing.
    """
    return list(_Comparison(old, new).of(old, new, "$"))


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self.old = old
        self.new = new
        self.open: set[tuple[str, str]] = set()

    def of(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        """Every alternative of the old schema must be covered by some alternative of the new one."""
        pair = (str(old.get("$ref")), str(new.get("$ref")))
        if "None" not in pair:
            if pair in self.open:  # a definition that contains itself
                return
            self.open.add(pair)
        if "default" in old and old["default"] != _resolved(new, self.new).get("default"):
            yield f"{path}: default {old['default']!r} was changed"
        choices = list(_alternatives(new, self.new))
        for one in _alternatives(old, self.old):
            attempts = [list(self.single(one, choice, path)) for choice in choices]
            yield from min(attempts, key=len)
        self.open.discard(pair)

    def single(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        """Two schemas that have one type at most."""
        yield from _type_and_values(old, new, path)
        yield from _bounds(old, new, path)
        for keyword in (set(old) | set(new)) - _COMPARED - _ANNOTATIONS:
            if keyword in new and new[keyword] != old.get(keyword):
                yield f"{path}: {keyword} was {'changed' if keyword in old else 'added'}"
        for key in new.get("required", ()):
            if key not in old.get("required", ()):
                yield f"{path}.{key}: is now required"
        for key, rule in old.get("properties", {}).items():
            if key not in new.get("properties", {}):
                yield f"{path}.{key}: was removed"
            else:
                yield from self.of(rule, new["properties"][key], f"{path}.{key}")
        for keyword, where in (("additionalProperties", ".*"), ("propertyNames", ".*"), ("items", "[*]")):
            yield from self.rest(old.get(keyword, True), new.get(keyword, True), path + where)

    def rest(self, old: Schema | bool, new: Schema | bool, path: str) -> Iterator[str]:
        """What may stand where no name is given: True is anything, False is nothing."""
        if old is False or new is True or new == {}:
            return
        if new is False:
            yield f"{path}: is not accepted any more"
        elif old is True:
            yield f"{path}: was anything and is limited now"
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from self.of(old, new, path)


def _resolved(rule: Schema, root: Schema) -> Schema:
    while "$ref" in rule:
        target = root["$defs"][rule["$ref"].removeprefix("#/$defs/")]
        rule = {**target, **{key: value for key, value in rule.items() if key != "$ref"}}
    return rule


def _alternatives(rule: Schema, root: Schema) -> Iterator[Schema]:
    rule = _resolved(rule, root)
    if "anyOf" in rule:
        for branch in rule["anyOf"]:
            yield from _alternatives(branch, root)
    elif isinstance(rule.get("type"), list):
        yield from ({**rule, "type": one} for one in rule["type"])
    else:
        yield rule


def _type_and_values(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = old.get("type"), new.get("type")
    if after not in (None, before) and (before, after) != ("integer", "number"):
        yield f"{path}: type {before or 'anything'} became {after}"
    accepted = _values(new)
    if accepted is not None:
        for value in _values(old) or ["anything else"]:
            if value not in accepted:
                yield f"{path}: {value!r} is not accepted any more"


def _values(rule: Schema) -> list[Any] | None:
    return [rule["const"]] if "const" in rule else rule.get("enum")


def _bounds(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for keyword in _AT_LEAST:
        if keyword in new and (keyword not in old or new[keyword] > old[keyword]):
            yield f"{path}: {keyword} rose from {old.get(keyword, 'none')} to {new[keyword]}"
    for keyword in _AT_MOST:
        if keyword in new and (keyword not in old or new[keyword] < old[keyword]):
            yield f"{path}: {keyword} fell from {old.get(keyword, 'none')} to {new[keyword]}"
