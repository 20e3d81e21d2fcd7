"""The tool `contrast`, and what is wrong with the pairs of colours that a model reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from beth_agent_ux_designer.wcag import LEAST, contrast_ratio, shown
from beth_kit import KitContext, ToolReply, tool

_TOLERANCE = 0.05
"""What a ratio may be told differently, so that 4.5 for 4.54 is one, and 4.5 for 4.4 is none."""


@tool(writes=False)
async def contrast(
    ctx: KitContext,
    foreground: Annotated[str, "#rrggbb; #rrggbbaa where it is not opaque"],
    background: Annotated[str, "#rrggbb, opaque"],
) -> ToolReply:
    """Compute the contrast ratio of two colours as WCAG 2.1 defines it, and say for what it is enough at level AA."""
    del ctx
    try:
        ratio = contrast_ratio(foreground, background)
    except ValueError as error:
        return ToolReply(f"contrast: {error}", error=True)
    enough = "; ".join(f"{kind} ({least:g}): {'yes' if ratio >= least else 'no'}" for kind, (least, _) in LEAST.items())
    return ToolReply(f"{shown(ratio)}:1 – enough for {enough}")


def problems(pairs: Sequence[Mapping[str, Any]], colours: Mapping[str, str] | None = None) -> Iterator[str]:
    """Ratios that are told wrong, in pairs of colours or of names in `colours`."""
    for pair in pairs:
        name = f"contrast of {pair['foreground']} on {pair['background']}"
        try:
            ratio = _ratio(pair, colours or {})
        except ValueError as error:
            yield f"{name}: {error}"
            continue
        if abs(pair["ratio"] - ratio) > _TOLERANCE:
            yield f"{name} is {shown(ratio)}, not {pair['ratio']:g}: use the tool `contrast`"


def too_low(pairs: Sequence[Mapping[str, Any]], colours: Mapping[str, str] | None = None) -> Iterator[str]:
    """Pairs that have less contrast than their kind needs."""
    for pair in pairs:
        least, criterion = LEAST[pair["kind"]]
        try:
            ratio = _ratio(pair, colours or {})
        except ValueError:
            continue
        if ratio < least:
            yield (
                f"{pair['foreground']} on {pair['background']} has a contrast of {shown(ratio)}; "
                f"{pair['kind']} needs {least:g} (WCAG {criterion})"
            )


def _ratio(pair: Mapping[str, Any], colours: Mapping[str, str]) -> float:
    front, back = (_colour(pair[side], colours) for side in ("foreground", "background"))
    return contrast_ratio(front, back)


def _colour(name: str, colours: Mapping[str, str]) -> str:
    """What a name stands for. Raises ValueError."""
    if name.startswith("#"):
        return name
    found = colours.get(name.strip("{}"))
    if found is None:
        raise ValueError(f"there is no colour token {name}: name one that there is, or write #rrggbb")
    return found
