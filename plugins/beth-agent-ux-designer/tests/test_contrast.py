"""Contrast as WCAG 2.1 computes it, against values that are published."""

from __future__ import annotations

import pytest

from beth_agent_ux_designer.contrast import contrast, problems, too_low
from beth_agent_ux_designer.wcag import CRITERIA, contrast_ratio, parse_colour, shown
from beth_kit import ToolReply


@pytest.mark.parametrize(
    ("foreground", "background", "ratio"),
    [
        ("#000000", "#ffffff", "21.00"),
        ("#ffffff", "#ffffff", "1.00"),
        ("#767676", "#ffffff", "4.54"),  # the lightest grey for text on white
        ("#777777", "#ffffff", "4.47"),  # the first that is too light
        ("#949494", "#ffffff", "3.03"),  # the lightest for large text
        ("#595959", "#ffffff", "7.00"),
        ("#ff0000", "#ffffff", "3.99"),
        ("#0000ff", "#ffffff", "8.59"),
        ("#00ff00", "#000000", "15.30"),
        ("#ffff00", "#ffffff", "1.07"),
        ("#010101", "#000000", "1.00"),  # below the threshold of the linear part
    ],
)
def test_the_ratio_is_the_published_one_either_way_round(foreground: str, background: str, ratio: str) -> None:
    assert shown(contrast_ratio(foreground, background)) == ratio
    assert shown(contrast_ratio(background, foreground)) == ratio


def test_colours_are_read_in_every_hexadecimal_form() -> None:
    assert parse_colour("#fff") == parse_colour("#FFFFFF") == parse_colour("#ffff") == (1, 1, 1, 1)
    assert parse_colour("#0008")[3] == parse_colour("#00000088")[3] == 136 / 255


def test_what_is_not_opaque_is_laid_over_the_background() -> None:
    assert contrast_ratio("#00000000", "#ffffff") == 1.0
    assert contrast_ratio("#000000ff", "#ffffff") == pytest.approx(21)
    assert contrast_ratio("#00000080", "#ffffff") == pytest.approx(contrast_ratio("#7f7f7f", "#ffffff"), abs=0.01)


@pytest.mark.parametrize("colour", ["red", "#12", "#12345", "#gggggg", "rgb(0,0,0)", "", "#ffffff #000000"])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(ValueError, match="is no colour: write #rrggbb"):
        contrast_ratio(colour, "#ffffff")


def test_a_background_that_is_not_opaque_is_refused() -> None:
    with pytest.raises(ValueError, match="is not opaque"):
        contrast_ratio("#000000", "#ffffff80")


def test_a_ratio_is_never_rounded_up_to_what_is_enough() -> None:
    assert shown(4.4999) == "4.49"
    assert shown(4.5) == "4.50"


async def told(foreground: str, background: str) -> ToolReply:
    # The tool needs nothing of its context.
    return await contrast.run(None, {"foreground": foreground, "background": background})  # type: ignore[arg-type]


async def test_the_tool_says_the_ratio_and_what_it_is_enough_for() -> None:
    assert (await told("#777", "#fff")).text == (
        "4.47:1 – enough for text (4.5): no; large-text (3): yes; non-text (3): yes"
    )
    assert (await told("#777", "blue")) == ToolReply(
        "contrast: 'blue' is no colour: write #rrggbb, with two more digits for an opacity", error=True
    )
    assert contrast.writes is False
    assert contrast.check({"foreground": "#777"}) == "background: Field required"


def pair(foreground: str, ratio: float, kind: str = "text") -> dict[str, object]:
    return {"foreground": foreground, "background": "#ffffff", "kind": kind, "ratio": ratio, "use": "a label"}


def test_a_ratio_may_be_rounded_but_not_invented() -> None:
    assert (
        list(problems([pair("#767676", 4.5), pair("#767676", 4.54), pair("{grey}", 4.54)], {"grey": "#767676"})) == []
    )
    assert list(problems([pair("#777777", 4.54)])) == [
        "contrast of #777777 on #ffffff is 4.47, not 4.54: use the tool `contrast`"
    ]
    assert list(problems([pair("grey", 4.5)])) == [
        "contrast of grey on #ffffff: there is no colour token grey: name one that there is, or write #rrggbb"
    ]


def test_each_kind_needs_its_own_ratio() -> None:
    pairs = [pair("#777777", 4.48), pair("#777777", 4.48, "large-text"), pair("#999999", 2.85, "non-text")]
    assert list(too_low([*pairs, pair("unknown", 1)])) == [
        "#777777 on #ffffff has a contrast of 4.47; text needs 4.5 (WCAG 1.4.3)",
        "#999999 on #ffffff has a contrast of 2.84; non-text needs 3 (WCAG 1.4.11)",
    ]


def test_there_are_fifty_criteria_up_to_aa_and_none_of_aaa() -> None:
    assert len(CRITERIA) == 30 + 20
    assert {"1.1.1", "1.4.13", "2.5.4", "4.1.3"} <= CRITERIA
    assert not CRITERIA & {"1.4.6", "2.1.3", "2.4.8", "2.5.5", "3.1.3", "1.2.6", "1.3.6", "2.2.3", "3.3.5"}
