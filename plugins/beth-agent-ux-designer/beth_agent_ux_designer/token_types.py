"""The types of design tokens, and what a value of each looks like (Design Tokens Community Group, 2025.10). Pure.

Colours, dimensions and durations may be texts too, `#1f6feb`, `16px`, `200ms`, as in the drafts before 2025.10, which
most tools still read and write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from beth_agent_ux_designer.wcag import parse_colour


@dataclass(frozen=True, slots=True)
class Type:
    """`fits` says whether a value is of the type; `example`, for people and models, how one is written."""

    fits: Callable[[Any], bool]
    example: str


def hex_of(value: Any) -> str | None:
    """A colour as `#rrggbb` or `#rrggbbaa`; None for what is none, or has no `hex` in a space other than sRGB."""
    if isinstance(value, dict):
        components, opacity = value.get("components"), value.get("alpha", 1)
        if value.get("colorSpace") == "srgb" and _are_channels(components) and _is_share(opacity):
            return "#" + "".join(f"{round(part * 255):02x}" for part in (*components, opacity))
        value = value.get("hex")
    if not isinstance(value, str):
        return None
    try:
        parse_colour(value)
    except ValueError:
        return None
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _are_channels(value: Any) -> TypeGuard[list[float]]:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_share, value))


def _measured_in(units: str) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        if isinstance(value, dict):
            return _is_number(value.get("value")) and re.fullmatch(units, str(value.get("unit"))) is not None
        return isinstance(value, str) and re.fullmatch(rf"-?(?:\d+|\d*\.\d+)(?:{units})|0", value) is not None

    return fits


def _is_weight(value: Any) -> bool:
    return value in _WEIGHTS if isinstance(value, str) else _is_number(value) and 1 <= value <= 1000


def _is_family(value: Any) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name for name in names)


def _is_curve(value: Any) -> bool:
    numbers = isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))
    return numbers and _is_share(value[0]) and _is_share(value[2])


def _is_stroke(value: Any) -> bool:
    return value in _STROKES if isinstance(value, str) else _made_of("dashArray", "lineCap")(value)


def _made_of(*keys: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(key in value for key in keys)


def _some(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """A list of such; an alias may stand for one of them."""
    return lambda value: (
        isinstance(value, list) and bool(value) and all(isinstance(one, str) or fits(one) for one in value)
    )


def _is_shadow(value: Any) -> bool:
    fits = _made_of("color", "offsetX", "offsetY", "blur", "spread")
    return fits(value) or _some(fits)(value)


_WEIGHTS = {
    *("thin", "hairline", "extra-light", "ultra-light", "light", "normal", "regular", "book", "medium"),
    *("semi-bold", "demi-bold", "bold", "extra-bold", "ultra-bold", "black", "heavy", "extra-black", "ultra-black"),
}
_STROKES = {"solid", "dashed", "dotted", "double", "groove", "ridge", "outset", "inset"}

TYPES: Mapping[str, Type] = {
    "color": Type(
        lambda value: hex_of(value) is not None,
        '{"colorSpace": "srgb", "components": [0.12, 0.44, 0.92]}; in every other space with "hex": "#1f6feb"',
    ),
    "dimension": Type(_measured_in("px|rem"), '{"value": 16, "unit": "px"}, or in rem'),
    "duration": Type(_measured_in("ms|s"), '{"value": 200, "unit": "ms"}, or in s'),
    "number": Type(_is_number, "a number"),
    "fontFamily": Type(_is_family, "a name, or a list of names"),
    "fontWeight": Type(_is_weight, "a number from 1 to 1000, or a name such as semi-bold"),
    "cubicBezier": Type(_is_curve, "[0.4, 0, 0.2, 1]"),
    "strokeStyle": Type(_is_stroke, 'solid, or {"dashArray": […], "lineCap": …}'),
    "border": Type(_made_of("color", "width", "style"), '{"color": …, "width": …, "style": …}'),
    "transition": Type(
        _made_of("duration", "delay", "timingFunction"), '{"duration": …, "delay": …, "timingFunction": …}'
    ),
    "shadow": Type(_is_shadow, '{"color": …, "offsetX": …, "offsetY": …, "blur": …, "spread": …}, or a list of such'),
    "gradient": Type(
        _some(_made_of("color", "position")),
        '[{"color": …, "position": 0}, {"color": …, "position": 1}]',
    ),
    "typography": Type(
        _made_of("fontFamily", "fontSize", "fontWeight", "letterSpacing", "lineHeight"),
        '{"fontFamily": …, "fontSize": …, "fontWeight": …, "letterSpacing": …, "lineHeight": …}',
    ),
}
"""By the name that `$type` has."""
