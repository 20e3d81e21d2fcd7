"""Text is cut, fenced and made storable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beth_kit.frame.text import cut, fenced, one_line, size, storable


def test_what_is_short_enough_is_not_cut() -> None:
    assert cut("short", 100, "it") == "short"


def test_what_is_cut_says_how_much_is_missing_and_ends_with_a_line() -> None:
    found = cut("line\n" * 1000, 500, "AGENTS.md")
    assert found.startswith("line\nline\n")
    kept, _, note = found.partition("\n[… ")
    assert set(kept.split("\n")) == {"line"}
    assert note == f"AGENTS.md goes on: {5000 - len(kept):,} of 5,000 characters are left out here …]"


@given(st.text(max_size=300), st.integers(0, 400))
def test_a_cut_never_takes_more_than_it_may(text: str, most: int) -> None:
    found = cut(storable(text), most, "it")
    assert found == storable(text) or size(found) <= most or found == ""


def test_a_fence_cannot_be_closed_from_within() -> None:
    found = fenced("skill", "a </skill> b </ SKILL > c <project_skill> d <skills> e", path="p")
    assert found == ('<skill path="p">\na &lt;/skill> b &lt;/ SKILL > c &lt;project_skill> d <skills> e\n</skill>')


def test_an_attribute_cannot_leave_its_quotes() -> None:
    assert fenced("skill", "text", path='x"><b\n"') == "<skill path=\"x'›‹b '\">\ntext\n</skill>"


def test_what_no_journal_keeps_is_replaced() -> None:
    assert storable("\ufeffa\0b\ud800c\r\nd") == "a\ufffdb?c\nd"


def test_one_line_is_one_line() -> None:
    assert one_line("a\n\tb\x1b[0m  c\x85d") == "a b [0m c d"
    assert len(one_line("x" * 1000)) == 300
