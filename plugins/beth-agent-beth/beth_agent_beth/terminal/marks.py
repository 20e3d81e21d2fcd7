"""What stands for a task's status at the beginning of its line, also where only ASCII can be shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from beth_agent_beth.terminal.live import SENT_BACK

MARKS = {
    "waiting": ("·", ".", "dim"),
    "queued": ("○", "o", "cyan"),
    "running": ("●", ">", "bold cyan"),
    "asking": ("?", "?", "bold yellow"),
    "delegating": ("⋯", "~", "cyan"),
    "unfunded": ("$", "$", "bold yellow"),
    "complete": ("✓", "+", "green"),
    SENT_BACK: ("!", "!", "yellow"),
    "failed": ("✗", "x", "bold red"),
    "rejected": ("✗", "x", "bold red"),
    "cancelled": ("–", "-", "yellow"),
    "paused": ("‖", "=", "yellow"),
}
"""By status: the mark, the one of ASCII, and a style of rich."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The characters of a picture: all there are, or those of ASCII."""

    ascii: bool = False

    @classmethod
    def for_encoding(cls, encoding: str | None) -> Signs:
        """Those that an output of this encoding can show; all of them in every form of Unicode."""
        return cls(ascii=not (encoding or "").lower().replace("-", "").startswith("utf"))

    def mark(self, status: str) -> tuple[str, str]:
        """The mark of a status, and its style."""
        mark, plain, style = MARKS.get(status, ("·", ".", ""))
        return (plain if self.ascii else mark), style

    @property
    def ellipsis(self) -> str:
        return "..." if self.ascii else "…"

    @property
    def dot(self) -> str:
        """What separates two things that are said of one."""
        return "-" if self.ascii else "·"

    def guides(self, *, last: bool) -> str:
        """What leads to a task below another one."""
        if self.ascii:
            return "`- " if last else "|- "
        return "└─ " if last else "├─ "

    def guide(self, *, last: bool) -> str:
        """What leads past a task to those further down."""
        if last:
            return "   "
        return "|  " if self.ascii else "│  "
