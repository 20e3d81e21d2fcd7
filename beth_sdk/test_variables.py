"""Durations, and the table of variables itself."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beth_sdk.settings import VARIABLES, Settings
from beth_sdk.variables import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60s", 60),
        ("1500ms", 1.5),
        ("4h", 14_400),
        ("2d", 172_800),
        ("1h30m", 5400),
        ("90", 90),
        ("0", 0),
        ("1.5h", 5400),
        ("0.25", 0.25),
        ("1d2h3m4s500ms", 93_784.5),
    ],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "-1s", "1 s", "1S", "1e3", "inf", "nan", "1..5s", "1.s", ".5s", "1h30", "30m ", "60s\n", "1y", "١s"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration such as 90s"):
        parse_duration(text)


@given(st.integers(0, 999_999_999), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_every_whole_number_of_a_unit_is_a_duration(number: int, unit: str) -> None:
    factor = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}[unit]
    assert parse_duration(f"{number}{unit}") == pytest.approx(number * factor)


def test_every_variable_sets_a_field_of_its_own_and_every_field_has_a_variable() -> None:
    assert [variable.field for variable in VARIABLES] == list(dict.fromkeys(variable.field for variable in VARIABLES))
    assert {variable.field for variable in VARIABLES} == {field.name for field in dataclasses.fields(Settings)}


def test_every_variable_can_be_documented_from_the_table() -> None:
    for variable in VARIABLES:
        assert variable.default
        assert variable.meaning.endswith(".")
        assert variable.accepted
