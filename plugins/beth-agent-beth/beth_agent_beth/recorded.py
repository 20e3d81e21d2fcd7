"""A request beside its recorded model calls: all that a replay needs, and where its work began."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beth_agent_beth.fold import policy
from beth_agent_beth.fold.policy import Policy
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.orchestration.merging import begun_at, source_of
from beth_agent_beth.orchestration.replaying import order_of, planning_steps
from beth_agent_beth.plan import workflow
from beth_kit.workspace import refs, source
from beth_kit.workspace.git import prepare
from beth_sdk import schema
from beth_sdk.clock import Clock
from beth_sdk.errors import ConfigurationError, InvalidMessage

FILE = "request.json"
FORMAT = 1

SOURCE = "source.git"
"""The repository that the request started from, at the commit of then: a replay needs no network for that either."""

_BRANCH = "refs/heads/main"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded of a request. `received_at` in seconds since the Unix epoch; `repo` as the request has it."""

    request_id: str
    description: str
    plan: workflow.Plan | None
    received_at: float
    criteria: list[str] = field(default_factory=list)
    priority: int = 2
    repo: dict[str, str | None] | None = None
    order: list[str] = field(default_factory=list)
    team: list[dict[str, Any]] = field(default_factory=list)
    policy: Policy | None = None
    budget: dict[str, Any] | None = None


def check_folder(folder: Path, request_id: str | None = None) -> None:
    """Raises `ConfigurationError` for a folder that cannot be written, or that has the recording of another request."""
    file = folder / FILE
    if file.exists():
        known = _document(file)["request_id"]
        if known != request_id:
            raise ConfigurationError(f"{folder} holds the recording of {known} already; name an empty folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{folder}: {error.strerror or error}") from None
    if not os.access(folder, os.W_OK):
        raise ConfigurationError(f"{folder}: nothing can be written there")


def write(folder: Path, state: RequestState) -> None:
    """Keep a request as it was received, and in which order its tasks were published and merged so far."""
    request, edited = state.request, state.edited
    document = {
        "format": FORMAT,
        "request_id": state.id,
        "description": request["description"],
        "acceptance_criteria": list(request.get("acceptance_criteria", [])),
        "plan": edited or request.get("plan"),
        "team": list(request.get("team", ())),
        "policy": request.get("policy"),
        "budget": request.get("budget"),
        "priority": request.get("priority", 2),
        "received_at": begun_at(state),
        "repo": request.get("repo"),
        "order": [step for step in order_of(state) if not (edited and step in planning_steps(state))],
    }
    _write(folder / FILE, json.dumps(document, indent=1, ensure_ascii=True) + "\n")


async def write_source(folder: Path, state: RequestState, clock: Clock) -> None:
    """Keep what the request's repository began with, if it began with any. Raises `WorkspaceError`."""
    given, branch = source_of(state), state.branch
    if given is None or given.commit is None or branch.repository is None:
        return
    git = await prepare(folder / SOURCE, clock)
    if await refs.read(git, _BRANCH) is None:
        await git.run("symbolic-ref", "HEAD", _BRANCH)
        await source.fetch(git, branch.repository, None, _BRANCH, branch.base)


def read(folder: Path) -> Recorded:
    """What was recorded. Raises `ConfigurationError`."""
    file = folder / FILE
    document = _document(file)
    try:
        plan = None if document["plan"] is None else workflow.plan_of(document["plan"], str(file))
        repo = document["repo"]
        if repo is not None:
            repo = {name: repo.get(name) for name in ("source", "branch", "commit")}
            if (folder / SOURCE).is_dir():
                repo = {"source": str((folder / SOURCE).absolute()), "branch": None, "commit": repo["commit"]}
        return Recorded(
            str(document["request_id"]),
            str(document["description"]),
            plan,
            float(document["received_at"]),
            [str(one) for one in document["acceptance_criteria"]],
            int(document["priority"]),
            repo,
            [str(one) for one in document.get("order", ())],
            [dict(one) for one in document.get("team", ())],
            None if document.get("policy") is None else policy.of(document["policy"], str(file)),
            None if document.get("budget") is None else dict(document["budget"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"{file}: not a recorded request ({error}); record again") from None


def _document(file: Path) -> dict[str, Any]:
    try:
        body = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror or error}; --record DIR makes one") from None
    try:
        document: dict[str, Any] = schema.loads(body, what=str(file))
    except InvalidMessage as error:
        raise ConfigurationError(f"{file}: not a recorded request ({error}); record again") from None
    if document.get("format") != FORMAT or "request_id" not in document:
        raise ConfigurationError(f"{file}: not a recorded request of format {FORMAT}; record again")
    return document


def _write(file: Path, text: str) -> None:
    """The whole file or none of it."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(name).replace(file)
