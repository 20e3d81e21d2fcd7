"""Whether a design system adds up: its tokens, its components made of them, colours that can be told apart. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from beth_agent_ux_designer.design import accessibility, colours
from beth_agent_ux_designer.tokens import read_tokens
from beth_kit.claims.documents import repeated


def problems(result: Mapping[str, Any], tokens_text: str) -> Iterator[str]:
    """What does not add up in the result of `design-system`, whose committed tokens are `tokens_text`."""
    tokens = read_tokens(tokens_text)
    for one in tokens.problems:
        yield f"{result['tokens_file']}: {one}"
    for name in repeated([one["name"] for one in result["components"]]):
        yield f"several components are named {name}: give each its own name"
    for component in result["components"]:
        if strange := [name for name in component["tokens"] if name.strip("{}") not in tokens.by_name]:
            yield f"{component['name']} uses {', '.join(strange)}, which {result['tokens_file']} does not have"
    yield from accessibility(result["accessibility"])
    yield from colours(result["contrast"], tokens.colours)
