"""Runs commands of a result again, in the task's sandbox: what a verdict rests on must happen twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from beth_kit import KitContext
from beth_kit.claims.said import same_words
from beth_kit.sandbox.run import Outcome
from beth_kit.tools.install import setup_problem
from beth_kit.tools.readable import readable

TOGETHER = 300.0
"""Seconds that all commands of a result may take when they run again; what takes longer is believed."""

SHOWN = 1500
"""Characters of an output's end that a model is shown."""


class Again:
    """Repeats, as long as there is time."""

    def __init__(self, ctx: KitContext) -> None:
        self._ctx = ctx
        self._until = ctx.clock.monotonic() + TOGETHER

    async def differing(self, runs: Sequence[Mapping[str, Any]]) -> AsyncIterator[str]:
        """What to say of each run that passed and fails now, or the other way round. Which exit code a failure has may
        differ."""
        for run in runs:
            ended = await self._ended(run["command"])
            if ended is not None and (ended.code == 0) != (run["exit_code"] == 0):
                yield (
                    f"`{run['command']}` ended with {run['exit_code']}, as your result says, and with {ended.code} "
                    f"when it was run again just now, on what is committed:\n{_end(ended)}\nFind out which of the "
                    "two is true, or what makes it differ; one that comes and goes is a finding itself."
                )

    async def failing(self, command: str, reason: str) -> AsyncIterator[str]:
        """What to say where a command does not fail, or not for this reason."""
        ended = await self._ended(command)
        if ended is None:
            return
        if ended.code == 0:
            yield f"`{command}` passed when it was run again just now: it does not show the bug every time"
        elif same_words(reason) not in same_words(readable(ended.stdout)):
            yield (
                f"`{command}` fails, but `fails_with` ({reason!r}) is not in what it prints:\n{_end(ended)}\nMake the "
                "test fail because of the bug and of nothing else, and quote how it does."
            )

    async def _ended(self, command: str) -> Outcome | None:
        """How a command ends; None where it could not be run to its end in time."""
        left = self._until - self._ctx.clock.monotonic()
        if left <= 0:
            return None
        await setup_problem(self._ctx)
        argv = ["/bin/sh", "-c", 'exec "$@" 2>&1', "sh", "/bin/bash", "-c", command]
        try:
            ended = await self._ctx.run(argv, seconds=left)
        except OSError as error:
            self._ctx.log("a command could not be run again", command=command, error=str(error))
            return None
        finished = not ended.timed_out and ended.over_limit is None and ended.code is not None
        self._ctx.log("ran again", command=command, exit_code=ended.code, finished=finished)
        return ended if finished else None


def _end(ended: Outcome) -> str:
    return readable(ended.stdout).rstrip()[-SHOWN:] or "(it printed nothing)"
