"""Every key of a TOML document is found on its line."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beth_sdk.toml_lines import KeyPath, key_lines

DOCUMENT = '''\
# a comment with = and [brackets]
a = 1
"b c" = "x = 1 # no comment"
d.e = """
f = 1
""" # a comment
g = [ 1,
  "]", # ]
  {h = 'i', "j" = [
     2 ] }
]
[k]
l = { m = { n = 1 }, o = 2 }
[k.p."q.r"]
s = \'\'\'
[t]\'\'\'
[[u]]
v = 1979-05-27 07:32:00
[[u]]
[u.w]
x = -1e3
  [ y . z ]
  aa = true'''


def test_keys_tables_arrays_and_inline_tables_are_found() -> None:
    assert key_lines(DOCUMENT) == {
        ("a",): 2,
        ("b c",): 3,
        ("d",): 4,
        ("d", "e"): 4,
        ("g",): 7,
        ("g", 0): 7,
        ("g", 1): 8,
        ("g", 2): 9,
        ("g", 2, "h"): 9,
        ("g", 2, "j"): 9,
        ("g", 2, "j", 0): 10,
        ("k",): 12,
        ("k", "l"): 13,
        ("k", "l", "m"): 13,
        ("k", "l", "m", "n"): 13,
        ("k", "l", "o"): 13,
        ("k", "p"): 14,
        ("k", "p", "q.r"): 14,
        ("k", "p", "q.r", "s"): 15,
        ("u",): 17,
        ("u", 0): 17,
        ("u", 0, "v"): 18,
        ("u", 1): 19,
        ("u", 1, "w"): 20,
        ("u", 1, "w", "x"): 21,
        ("y",): 22,
        ("y", "z"): 22,
        ("y", "z", "aa"): 23,
    }


def test_an_empty_document_has_no_keys() -> None:
    assert key_lines("") == {}
    assert key_lines("\n# nothing\n") == {}


def test_lines_that_end_as_on_windows_are_counted_once() -> None:
    assert key_lines("a = 1\r\n\r\nb = [\r\n2]\r\n") == {("a",): 1, ("b",): 3, ("b", 0): 4}


@pytest.mark.parametrize("value", ['""""quoted""""', "''''quoted''''", r'"\\"', r'"\""', "'\\'", '""', '"""\\""""'])
def test_a_string_ends_where_it_ends(value: str) -> None:
    text = f"a = {value}\nb = 1"
    assert tomllib.loads(text)["b"] == 1
    assert key_lines(text)["b",] == 2


def paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    found = {path} if path else set()
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        found |= paths(one, (*path, key))
    return found


KEYS = st.one_of(st.from_regex(r"[A-Za-z0-9_-]{1,5}", fullmatch=True), st.text(max_size=5))
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), st.text(max_size=9)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(key)} = {written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[ # a ] comment\n" + ",\n".join(written(one) for one in value) + "\n]"
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else quoted(value)


def quoted(text: str) -> str:
    return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in text) + '"'


@given(st.dictionaries(KEYS.filter(str.isascii), VALUES, max_size=4).filter(lambda one: "\ud800" not in str(one)))
def test_exactly_the_paths_that_the_parser_finds_are_found(document: dict[str, Any]) -> None:
    text = "\n".join(f"{quoted(key)} = {written(value)}" for key, value in document.items())
    lines = key_lines(text)
    assert set(lines) == paths(tomllib.loads(text))
    for path, line in lines.items():
        key = path[-1]
        if isinstance(key, str):
            assert quoted(key) in text.splitlines()[line - 1]
