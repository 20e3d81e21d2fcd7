"""How far a task is: what one step leaves to the next. All of it follows from the journal."""

from __future__ import annotations

from dataclasses import dataclass, field

from beth_kit.model.base import Stop


@dataclass(slots=True)
class Progress:
    """`turns` and `steps` that were taken; what the last reply left behind; what the model was told already.

    `seconds` the task had run at the last outcome, which was met at `since` of the monotonic clock: the time that a
    worker took after its last outcome, before it died, is nobody's.
    """

    since: float
    seconds: float = 0.0
    turns: int = 0
    steps: int = 0
    stop: Stop = "end"
    input_tokens: int = 0
    price: float = 0.0
    """US dollars that were reserved for the last call."""
    condensed_at: int | None = None
    notes_told: int = 0
    warned: set[str] = field(default_factory=set)
    stuck: bool = False
    """Whether the model was told, before its last reply, that it goes in circles."""

    def elapsed(self, now: float) -> float:
        """Seconds that the task has run, by the monotonic clock."""
        return self.seconds + now - self.since

    def reached(self, seconds: float, now: float) -> None:
        """Take in an outcome's time."""
        self.seconds, self.since = seconds, now
