"""How a task ends without what was wanted."""

from __future__ import annotations

from beth_kit.loop.plain import plain
from beth_kit.tools.base import shortened

MOST = 2000
"""Characters of the message; a model's own words may be in it."""


class Ended(Exception):
    """The task ends `failed`: a stable `code` for programs, and words for people. The codes: `step_limit`,
    `cost_limit`, `time_limit`, `token_limit`, `stuck`, `context_overflow`, `model_refused`."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(plain(shortened(message, MOST)))
