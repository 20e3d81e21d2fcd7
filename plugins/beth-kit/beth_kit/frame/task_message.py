"""The first message to a model: its task, as it came over the bus. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from beth_kit.frame.text import Tag, cut, fenced, one_line, size, storable
from beth_sdk.messages import Artifact, Task


def first_message(task: Task, most: int) -> str:
    """The task in words, in at most `most` bytes of an outcome. Where it is longer, results of earlier tasks are cut
    first, then further fields, the description last, each with a note."""
    parts = [(title, storable(text)) for title, text in _parts(task)]
    left = most - size(_joined([(title, "") for title, _ in parts])) - _CLOSING
    kept = []
    for number, (title, text) in enumerate(parts):
        # Whoever comes later may have at least a little, so that nothing is left out without a word.
        reserved = sum(min(size(later), _LEAST) for _, later in parts[number + 1 :])
        shortened = cut(text, max(0, left - reserved), title)
        left -= size(shortened)
        kept.append((title, shortened))
    return _joined(kept)


_LEAST = 512
"""Bytes that a part of the message gets in any case, if it needs them."""

_CLOSING = 64  # what `_closed` may add


def _joined(parts: list[tuple[str, str]]) -> str:
    return "\n\n".join(f"## {title}\n\n{_closed(text)}" if title else text for title, text in parts)


def _closed(text: str) -> str:
    """A part that was cut within its fence ends it all the same."""
    for tag in _TAGS:
        if text.startswith(f"<{tag}") and not text.endswith(f"</{tag}>"):
            return f"{text}\n</{tag}>"
    return text


_TAGS: tuple[Tag, ...] = ("upstream_results", "task_fields")


def _parts(task: Task) -> Iterator[tuple[str, str]]:
    """Titles and texts, what matters most first."""
    payload = task.payload
    extra = dict(payload.model_extra or {})
    upstream = extra.pop("upstream", None)
    yield "Your task", payload.description
    if payload.acceptance_criteria:
        yield "It is done when", "\n".join(f"- {_indented(one)}" for one in payload.acceptance_criteria)
    yield "Where it belongs", "\n".join(f"- {line}" for line in _belonging(task))
    if task.inputs:
        yield "What there is to build on", "\n".join(f"- {_input(one)}" for one in task.inputs)
    if extra:
        yield "Further fields of the task", fenced("task_fields", _json(extra))
    if upstream:
        yield "What earlier tasks brought", fenced("upstream_results", _json(upstream))


def _belonging(task: Task) -> Iterator[str]:
    yield f"task {task.id}, of the type {task.type}"
    if task.request_id is not None:
        yield f"request {task.request_id}"
    context = task.payload.context
    told = {} if context is None else {name: value for name, value in context.to_json().items() if value is not None}
    if told.get("epic_id") == task.request_id:
        told.pop("epic_id", None)
    for name, value in told.items():
        yield f"{one_line(name)}: {one_line(value) if isinstance(value, str) else _json(value, indent=None)}"
    if task.payload.beads_id is not None:
        yield f"issue {one_line(task.payload.beads_id)} in beads"
    if task.payload.deps:
        yield f"builds on {', '.join(map(one_line, task.payload.deps))}"


def _input(artifact: Artifact) -> str:
    extra = artifact.model_extra or {}
    if artifact.kind == "git":
        where = one_line(artifact.ref or artifact.uri or "")
        at = f" at commit {one_line(artifact.commit)[:12]}" if artifact.commit else ""
        if extra.get("conflict"):
            return f"a merge that conflicts: both sides are laid out in your work tree, with conflict markers ({where})"
        return f"git: {where}{at}; what was merged so far is in your work tree"
    told = {name: value for name, value in artifact.to_json().items() if name != "kind"}
    return f"{artifact.kind}: {_json(told, indent=None)}"


def _indented(text: str) -> str:
    return text.strip().replace("\n", "\n  ")


def _json(value: Any, indent: int | None = 1) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=False)
