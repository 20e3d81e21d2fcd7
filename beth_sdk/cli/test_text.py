"""Text for people."""

from __future__ import annotations

import pytest

from beth_sdk.cli.text import head, moment, one_line, plural, size, span, table, time_of_day


def test_control_characters_are_escaped_so_that_nobody_steers_the_terminal() -> None:
    assert one_line("a\x1b[31mred\x07 \u202etxt") == "a\\x1b[31mred\\x07 \\u202etxt"


def test_a_text_of_several_lines_becomes_one() -> None:
    assert one_line("first\n  second\r\nthird\t4") == "first second third 4"


def test_a_text_that_is_too_long_ends_in_an_ellipsis() -> None:
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"


def test_the_head_of_a_value_is_text_or_json() -> None:
    assert head("plain") == "plain"
    assert head({"ä": [1, None]}) == '{"ä": [1, null]}'
    assert head(["x" * 200], 10) == '["xxxxxxx…'


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("A", "LONG"), [("xxx", "1"), ("y\n", "22")]) == ["A    LONG", "xxx  1", "y    22"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (0.0123456, "0.0123 s"),
        (9.876, "9.88 s"),
        (42.4, "42 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (3600, "1 h"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_span_of_time_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_moments_are_told_in_utc() -> None:
    assert moment(1_769_767_200) == "2026-01-30 10:00:00Z"
    assert time_of_day(1_769_767_200) == "10:00:00"


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * 1024**3, "3.0 GiB"), (2**41, "2.0 TiB")]
)
def test_sizes_come_in_a_unit_that_suits(count: int, words: str) -> None:
    assert size(count) == words


def test_one_is_singular() -> None:
    assert (plural(1, "task"), plural(2, "task"), plural(0, "entry", "entries")) == ("1 task", "2 tasks", "0 entries")
