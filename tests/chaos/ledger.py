"""The external ledger: a file to which every process appends what it really did, whatever the journal says of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VARIABLE = "CHAOS_LEDGER"
"""Names the ledger for agents and launchers."""


class Ledger:
    """Appends lines, each with one `write`, so that lines of several processes never mix."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, what: str, *, durable: bool = False, **fields: Any) -> None:
        """Append a line that says `what`, with the moment on the monotonic clock; `durable`: it is on the disk when
        this returns."""
        line = json.dumps({"what": what, "at": time.monotonic(), "pid": os.getpid(), **fields}, separators=(",", ":"))
        # A process that is killed may leave a torn line; the next one begins on a line of its own all the same.
        os.write(self._descriptor, f"\n{line}\n".encode())
        if durable:
            os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def read(path: Path, *whats: str) -> Iterator[dict[str, Any]]:
    """The ledger's lines in order, each with its `number`; only those that say one of `whats`, where any are given."""
    if not path.exists():
        return
    for number, line in enumerate(path.read_bytes().splitlines()):
        if not line:
            continue
        try:
            document: dict[str, Any] = json.loads(line)
        except ValueError:
            continue  # torn by a kill: what it was to say had not happened
        if not whats or document["what"] in whats:
            yield {**document, "number": number}


_open: dict[str, Ledger] = {}


def of_this_process() -> Ledger:
    """The ledger that the environment names."""
    path = os.environ[VARIABLE]
    if path not in _open:
        _open[path] = Ledger(Path(path))
    return _open[path]
