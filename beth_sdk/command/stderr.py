"""What a command writes to stderr: progress, log lines, and the last of them for the message when it fails.

A command may write as much and as fast as it likes. It never waits for whoever watches: of progress that comes too
fast only the newest is published, and of log lines that come too fast only the first of each second are logged.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from types import TracebackType
from typing import Any, Self

from beth_sdk import schema
from beth_sdk.agent import Context
from beth_sdk.clock import Clock
from beth_sdk.errors import ContractError

MAX_LINE = 16 * 1024
"""Bytes of a line; what is longer is cut."""

MAX_TEXT = 1000
"""Characters of a progress message or log line."""

TAIL_LINES, TAIL_CHARACTERS = 20, 4096
"""How much of stderr an error message shows."""

PROGRESS_PER_SECOND, LOGS_PER_SECOND = 10, 100

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


class Lines:
    """Bytes in chunks to lines of text, however they are cut, without ever holding more than one line."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._cut = False

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that end in this chunk, empty ones left out; an empty chunk ends the last line."""
        found = []
        for piece in chunk.splitlines(keepends=True):
            content = piece.rstrip(b"\r\n")
            room = MAX_LINE - len(self._line)
            self._line += content[:room]
            self._cut = self._cut or len(content) > room
            if len(content) < len(piece):
                found.append(self._end())
        if not chunk:
            found.append(self._end())
        return [line for line in found if line]

    def _end(self) -> str:
        line = self._line.decode("utf-8", "replace") + ("… (cut)" if self._cut else "")
        self._line.clear()
        self._cut = False
        return line


class Stderr:
    """Takes a command's stderr apart while it runs. An async context: progress is published between enter and exit."""

    def __init__(self, ctx: Context, clock: Clock) -> None:
        self._ctx = ctx
        self._clock = clock
        self._lines = Lines()
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._newest: tuple[str, dict[str, Any]] | None = None
        self._fresh = asyncio.Event()
        self._turn = asyncio.Lock()
        self._second, self._logged, self._left_out = -1, 0, 0

    async def __aenter__(self) -> Self:
        self._publisher = asyncio.create_task(self._publish())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._publisher.cancel()
            return
        async with self._turn:  # never in the middle of publishing one
            self._publisher.cancel()
        await self._send()
        self._say_what_was_left_out()

    def feed(self, chunk: bytes) -> None:
        """Take in what was read; an empty chunk is the end."""
        for line in self._lines.feed(chunk):
            self._take(line)

    def tail(self) -> str:
        """The last lines that were no progress."""
        return "\n".join(self._tail)[-TAIL_CHARACTERS:]

    def _take(self, line: str) -> None:
        said = _object(line)
        if isinstance(message := said.pop("progress", None), str):
            self._newest = _shown(message), _keywords(said)
            self._fresh.set()
        elif isinstance(message := said.pop("log", None), str):
            self._note(_shown(message), {"data": said} if said else {})
        else:
            self._note(_shown(line), {})

    def _note(self, text: str, data: dict[str, Any]) -> None:
        if text:
            self._tail.append(text)
            self._log(text, data)

    # -- progress -----------------------------------------------------------------------------

    async def _publish(self) -> None:
        while True:
            await self._fresh.wait()
            async with self._turn:
                await self._send()
            await self._clock.sleep(1 / PROGRESS_PER_SECOND)

    async def _send(self) -> None:
        self._fresh.clear()
        newest, self._newest = self._newest, None
        if newest is not None:
            await self._ctx.progress(newest[0], **newest[1])

    # -- log ----------------------------------------------------------------------------------

    def _log(self, text: str, data: dict[str, Any]) -> None:
        second = int(self._clock.monotonic())
        if second != self._second:
            self._say_what_was_left_out()
            self._second, self._logged = second, 0
        if self._logged < LOGS_PER_SECOND:
            self._logged += 1
            self._ctx.log(text, **data)
        else:
            self._left_out += 1

    def _say_what_was_left_out(self) -> None:
        if self._left_out:
            self._ctx.log(f"{self._left_out} lines of the command left out: over {LOGS_PER_SECOND} a second")
            self._left_out = 0


def _object(line: str) -> dict[str, Any]:
    """The line's JSON object, or an empty one for any other line."""
    if not line.lstrip().startswith("{"):
        return {}
    try:
        said = schema.loads(line.encode(), what="stderr", limit=None)
    except ContractError:
        return {}
    return said if isinstance(said, dict) else {}


def _shown(text: str) -> str:
    """Text that is safe on a terminal: no escape sequences, no control characters, not endless."""
    text = _ESCAPES.sub("", text).strip()
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _keywords(data: dict[str, Any]) -> dict[str, Any]:
    """What accompanies a message, with the two names that cannot be keywords beside it changed."""
    return {f"{name}_" if name in {"self", "message"} else name: value for name, value in data.items()}
