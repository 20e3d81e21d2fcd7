"""Front matter is taken off a Markdown file, whoever wrote it."""

from __future__ import annotations

import pytest

from beth_kit.frame.front_matter import BrokenFrontMatter, split


def test_a_file_without_it_is_all_text() -> None:
    assert split("# Title\n\n---\nname: no\n---\n") == ({}, "# Title\n\n---\nname: no\n---")


def test_it_stands_between_two_lines_of_dashes() -> None:
    assert split("---\nname: a\n---\n\nText\n---\nmore") == ({"name": "a"}, "Text\n---\nmore")
    assert split("---\r\nname: a\r\n---\r\nText") == ({"name": "a"}, "Text")
    assert split("\ufeff---\nname: a\n--- \nText") == ({"name": "a"}, "Text")
    assert split("---\n---\nText") == ({}, "Text")
    assert split("---\nname: a\n---") == ({"name": "a"}, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("---\nname: a\n", "no end"),
        ("---\nname: [a\n---\n", "not YAML"),
        ("---\ndescription: one: two\n---\n", "not YAML"),
        ("---\n- a\n---\n", "not a table"),
        ("---\na: &x [1]\nb: *x\n---\n", "alias"),
        ("---\na: !!python/object/apply:os.system [ls]\n---\n", "not YAML"),
        ("---\na: " + "[" * 3000 + "\n---\n", "not YAML"),
        ("---\na: " + "x" * 9000 + "\n---\n", "longer"),
        ("---\na: 2026-99-99\n---\n", "not YAML"),
    ],
)
def test_what_is_broken_is_said_in_one_line(text: str, problem: str) -> None:
    with pytest.raises(BrokenFrontMatter, match=problem) as found:
        split(text)
    assert "\n" not in str(found.value)
