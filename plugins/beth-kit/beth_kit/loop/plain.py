"""What models and tools return, as a journal can keep it. Pure."""

from __future__ import annotations

import json
from typing import Any


def plain(value: Any) -> Any:
    """The value as JSON gives it back. What JSON has no word for becomes text, NaN becomes null, and halves of
    surrogate pairs, which no journal keeps, become question marks."""
    text = json.dumps(value, ensure_ascii=False, default=str, skipkeys=True)
    return json.loads(text.encode("utf-8", "replace"), parse_constant=lambda _: None)
