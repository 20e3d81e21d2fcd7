"""A plan as the TOML file that people edit and `--workflow` takes. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beth_agent_beth.plan.workflow import Plan, PlannedTask

_KEYS = ("name", "agent", "type", "needs", "gate", "size", "fix", "recheck", "reason", "description")
"""Of a task, in the order in which they are read best."""


def written(plan: Plan, remarks: Sequence[str] = ()) -> str:
    """The file: the remarks as comments, then the plan. Reading it gives the same plan."""
    lines = [f"# {one}" for one in remarks]
    lines += ["", f"name = {_value(plan.name)}"] if lines else [f"name = {_value(plan.name)}"]
    if plan.description:
        lines.append(f"description = {_text(plan.description)}")
    for task in plan.task:
        lines += ["", "[[task]]", *_task(task)]
    return "\n".join(lines) + "\n"


def _task(task: PlannedTask) -> Iterator[str]:
    given = task.model_dump(mode="json", exclude_defaults=True)
    for key in sorted(given, key=lambda name: _KEYS.index(name) if name in _KEYS else len(_KEYS)):
        value = given[key]
        yield f"{key} = {_text(value) if isinstance(value, str) else _value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {_value(one)}" for key, one in value.items() if one is not None)
        return f"{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(one) for one in value)}]"
    # A basic string of TOML is one of JSON, but for the delete character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _text(text: str) -> str:
    """A text of several lines on several lines."""
    if "\n" not in text:
        return _value(text)
    body = _value(text)[1:-1].replace("\\n", "\n") if "\\\\n" not in _value(text) else None
    if body is None or '"""' in body:
        return _value(text)
    return f'"""\n{body}"""'
