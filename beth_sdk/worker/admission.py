"""Whether a worker does a task at all, decided from the message alone. Pure."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

from beth_sdk import schema, versions
from beth_sdk.errors import InvalidMessage, LoopRefused, Rejected
from beth_sdk.manifest import Manifest
from beth_sdk.messages import Task, parse_timestamp
from beth_sdk.publish import check_hops, queue_of


def admit(task: Task, manifest: Manifest, version: str, now: float) -> None:
    """Raises `Rejected` for a task that this agent must not do; `now` in seconds since the Unix epoch."""
    if queue_of(task.agent) not in manifest.queues:
        raise Rejected(f"this task is for {task.agent!r}; this agent plays {manifest.role!r}", code="wrong_role")
    if task.expires_at is not None and parse_timestamp(task.expires_at).timestamp() <= now:
        raise Rejected(f"the task expired at {task.expires_at}", code="expired")
    try:
        check_hops(task)
    except LoopRefused as error:
        raise Rejected(str(error), code="loop", details={"chain": list(error.chain)}) from None
    _check_version(task, version)
    _check_type(task, manifest)


def check_output(task: Task, manifest: Manifest, output: object) -> None:
    """Raises `InvalidMessage` where an agent's output breaks the schema of its task type."""
    declared = manifest.task_types.get(task.type)
    if declared is not None and declared.output is not None:
        _hold_against(_path(manifest, declared.output), output, "$.result")


def _check_version(task: Task, version: str) -> None:
    if task.requires is None:
        return
    try:
        met = versions.satisfies(version, task.requires)
    except ValueError as error:
        raise Rejected(f"requires: {error}", code="version") from None
    if not met:
        raise Rejected(f"the task requires version {task.requires}; this agent is {version}", code="version")


def _check_type(task: Task, manifest: Manifest) -> None:
    if not manifest.task_types:
        return
    declared = manifest.task_types.get(task.type)
    if declared is None:
        known = sorted(manifest.task_types)
        near = difflib.get_close_matches(task.type, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise Rejected(
            f"{manifest.role} does no tasks of type {task.type!r}, only {', '.join(known)}{hint}", code="unknown_type"
        )
    if declared.input is not None:
        try:
            _hold_against(_path(manifest, declared.input), task.payload.to_json(), "$.payload")
        except InvalidMessage as error:
            raise Rejected(str(error), code="invalid_input", details={"path": error.path}) from None


def _path(manifest: Manifest, name: str) -> Path:
    return Path(manifest.directory or ".") / name


def _hold_against(file: Path, document: object, at: str) -> None:
    found = schema.violations(json.loads(file.read_text(encoding="utf-8")), document, what=file.name)
    for problem in found:
        raise InvalidMessage(at + problem.path.removeprefix("$"), problem.value, problem.accepted, message=file.name)
