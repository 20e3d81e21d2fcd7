"""What WCAG 2.1 says in numbers: the contrast of two colours, and the success criteria up to level AA. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

LEAST: Mapping[str, tuple[float, str]] = {
    "text": (4.5, "1.4.3"),
    "large-text": (3.0, "1.4.3"),
    "non-text": (3.0, "1.4.11"),
}
"""The ratio that each kind needs at level AA, and the success criterion that says so."""

_NUMBERS: Mapping[str, tuple[int, ...]] = {
    "1.1": (1,),
    "1.2": (1, 2, 3, 4, 5),
    "1.3": (1, 2, 3, 4, 5),
    "1.4": (1, 2, 3, 4, 5, 10, 11, 12, 13),
    "2.1": (1, 2, 4),
    "2.2": (1, 2),
    "2.3": (1,),
    "2.4": (1, 2, 3, 4, 5, 6, 7),
    "2.5": (1, 2, 3, 4),
    "3.1": (1, 2),
    "3.2": (1, 2, 3, 4),
    "3.3": (1, 2, 3, 4),
    "4.1": (1, 2, 3),
}
"""The success criteria of each guideline on the levels A and AA; those between them are AAA."""

CRITERIA = frozenset(f"{guideline}.{number}" for guideline, numbers in _NUMBERS.items() for number in numbers)
"""All of them: 30 on level A, 20 on AA."""

_HEX = re.compile(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)

Colour = tuple[float, float, float, float]
"""Red, green, blue and opacity, each from 0 to 1, in sRGB."""


def parse_colour(text: str) -> Colour:
    """A colour from `#rgb`, `#rrggbb`, or either with an opacity. Raises ValueError, in words for the model."""
    if _HEX.fullmatch(text.strip()) is None:
        raise ValueError(f"{text!r} is no colour: write #rrggbb, with two more digits for an opacity")
    digits = text.strip()[1:]
    if len(digits) < 6:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue, *rest = (part / 255 for part in bytes.fromhex(digits))
    return red, green, blue, rest[0] if rest else 1.0


def contrast_ratio(foreground: str, background: str) -> float:
    """The contrast ratio of WCAG 2.1, from 1 to 21. A foreground that is not opaque is laid over the background.

    Raises ValueError for what is no colour, and for a background that is not opaque: what is behind it is not known.
    """
    behind = parse_colour(background)
    if behind[3] < 1:
        raise ValueError(f"the background {background!r} is not opaque: mix it with what is behind it first")
    *front, opacity = parse_colour(foreground)
    mixed = [opacity * one + (1 - opacity) * other for one, other in zip(front, behind, strict=False)]
    lighter, darker = sorted((_luminance(*mixed), _luminance(*behind[:3])), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def shown(ratio: float) -> str:
    """A ratio to two decimals, never rounded up: 4.499 is not enough for 4.5."""
    return f"{math.floor(ratio * 100 + 1e-9) / 100:.2f}"


def _luminance(red: float, green: float, blue: float) -> float:
    return 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)


def _linear(channel: float) -> float:
    # 0.03928 is WCAG's number; the standard's own, 0.04045, gives the same for every 8-bit channel.
    return channel / 12.92 if channel <= 0.03928 else float(((channel + 0.055) / 1.055) ** 2.4)
