"""What servers said of their tools when they were first used: whoever says something else later is refused."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beth_sdk.clock import Clock
from beth_sdk.errors import ConfigurationError

PATIENCE = 10.0
"""Seconds to wait for another process that writes the file."""


class Pins:
    """The file `<home>/mcp-pins.json`: per server (its name and a digest of its command or URL) the digest of each tool
    it ever offered. Read without a lock; written by several processes, one after another, in one piece."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self._clock = clock

    async def accepted(self, identity: str, tools: Mapping[str, str], offered: Mapping[str, str]) -> str | None:
        """None where `tools` (what a model is to get) are what the server offered when it was first used; otherwise
        what to tell the user. At the first use all that it offers is kept, and trusted from then on.

        Raises `ConfigurationError` where the file cannot be read or written: then nothing is trusted.
        """
        known: Mapping[str, str] | None = (await asyncio.to_thread(self._read)).get(identity)
        if known is None:
            known = await self._keep(identity, offered)
        changed = [name for name, digest in tools.items() if name in known and known[name] != digest]
        added = [name for name in tools if name not in known]
        said = [f"changed: {', '.join(changed)}"] if changed else []
        said += [f"new: {', '.join(added)}"] if added else []
        if not said:
            return None
        return (
            f"its tools are not those it had when it was first used ({'; '.join(said)}): look at what they say now, "
            f'and to accept it delete the entry "{identity}" from {self.path}'
        )

    async def _keep(self, identity: str, offered: Mapping[str, str]) -> Mapping[str, str]:
        until = self._clock.monotonic() + PATIENCE
        while True:
            kept = await asyncio.to_thread(self._try_to_keep, identity, offered)
            if kept is not None:
                return kept
            if self._clock.monotonic() >= until:
                raise ConfigurationError(f"{self.path}: another process has kept it locked for {PATIENCE:.0f} seconds")
            await self._clock.sleep(0.05)

    def _try_to_keep(self, identity: str, offered: Mapping[str, str]) -> Mapping[str, str] | None:
        """What is kept of a server afterwards: another process may have been first. None where it is locked."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked() as locked:
                if not locked:
                    return None
                found = self._read()
                if identity not in found:
                    found[identity] = dict(sorted(offered.items()))
                    self._write(found)
                return found[identity]
        except OSError as error:
            raise ConfigurationError(f"{self.path}: it cannot be written ({error.strerror})") from None

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            document: Any = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigurationError(f"{self.path}: it cannot be read ({error.strerror})") from None
        except ValueError:
            document = None
        servers = document.get("servers") if isinstance(document, dict) else None
        if not isinstance(servers, dict) or not all(_is_pinned(one) for one in servers.values()):
            raise ConfigurationError(
                f"{self.path}: it is not a file of pinned MCP servers; delete it to trust all servers as they are now"
            )
        return servers

    def _write(self, servers: Mapping[str, Mapping[str, str]]) -> None:
        body = json.dumps({"servers": dict(sorted(servers.items()))}, indent=2) + "\n"
        with tempfile.NamedTemporaryFile(
            "w", dir=self.path.parent, prefix=".mcp-pins-", encoding="utf-8", delete=False
        ) as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self.path)


def _is_pinned(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
