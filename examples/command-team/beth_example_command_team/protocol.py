"""How a program talks to Beth: the task from stdin, progress to stderr, the result to stdout. Standard library only."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

EX_DATAERR = 65
"""From sysexits.h: what came in is no task for this agent; it ends rejected."""

HONEST = {"model": "none", "note": "no model was used"}
"""In every result of this team."""


def read_task() -> dict[str, Any]:
    """The task. Without one, ends the program in the way that rejects a task."""
    try:
        task: dict[str, Any] = json.load(sys.stdin)
        task["payload"]["description"].strip()
    except (ValueError, TypeError, KeyError, AttributeError):
        reject("stdin holds no task: a JSON object with payload.description, a text, is expected")
    return task


def reject(reason: str) -> NoReturn:
    """End the program and the task; nobody tries again."""
    print(reason, file=sys.stderr)
    sys.exit(EX_DATAERR)


def progress(message: str, **data: Any) -> None:
    """Tell whoever watches."""
    print(json.dumps({"progress": message, **data}), file=sys.stderr, flush=True)


def finish(summary: str, result: dict[str, Any], artifacts: list[dict[str, Any]], **more: Any) -> None:
    """The result; `more` are further fields of the result message, such as a verdict."""
    told = {"summary": summary, **result, **HONEST}
    message = {"status": "complete", "result": told, "usage": {"model": "none", "llm_calls": 0}, **more}
    if artifacts:
        message["artifacts"] = artifacts
    json.dump(message, sys.stdout)
    print()


def work_directory() -> Path:
    """Where the agents of a request work; the program is started there, too."""
    return Path(os.environ.get("BETH_WORK_DIR") or Path.cwd()).absolute()


def write(path: Path, text: str, media_type: str = "text/markdown") -> dict[str, Any]:
    """Write a file, whole or not at all, and return the artifact that refers to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode("utf-8", "replace")
    beginning = path.with_name(f".{path.name}.part")
    beginning.write_bytes(content)
    beginning.replace(path)
    return {
        "kind": "file",
        "uri": path.as_uri(),
        "media_type": media_type,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def criteria_of(task: dict[str, Any]) -> list[str]:
    """What the request asks for; its description where it names no criteria."""
    payload = task["payload"]
    return [str(one) for one in payload.get("acceptance_criteria") or [payload["description"]]]


def one_line(text: str) -> str:
    """Text that fits into a line of a list."""
    return " ".join(text.split())
