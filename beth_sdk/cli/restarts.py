"""When a process that ended is started again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from beth_sdk.cli.options import ExitCode

FIRST_DELAY = 1.0
LONGEST_DELAY = 30.0
"""Seconds; each delay is twice the one before."""

STEADY = 60.0
"""Seconds of life after which a process counts as having worked, and the delays begin anew."""


@dataclass(slots=True)
class Restarts:
    """The delays of one process, from one end to the next."""

    previous: float | None = None

    def after(self, exit_code: int, lived: float) -> float | None:
        """Seconds to wait before starting again, for an exit code and `lived` seconds; None: not again.

        A process that ended well was told to (drained), and one that is configured wrongly would only end again.
        """
        if exit_code in {ExitCode.DONE, ExitCode.USAGE}:
            return None
        if self.previous is None or lived >= STEADY:
            self.previous = FIRST_DELAY
        else:
            self.previous = min(self.previous * 2, LONGEST_DELAY)
        return self.previous
