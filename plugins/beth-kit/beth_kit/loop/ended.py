"""How a task ends without what was wanted."""

from __future__ import annotations

from collections.abc import Mapping

from beth_kit.loop.plain import plain
from beth_kit.tools.base import shortened

MOST = 2000
"""Characters of the message; a model's own words may be in it."""


class Ended(Exception):
    """The task ends `failed`: a stable `code` for programs, words for people, `details` of a limit. The codes:
    `step_limit`, `cost_limit`, `time_limit`, `token_limit`, `stuck`, `context_overflow`, `model_refused`."""

    def __init__(self, code: str, message: str, details: Mapping[str, object] | None = None) -> None:
        self.code = code
        self.details = dict(details or {})
        super().__init__(plain(shortened(message, MOST)))
