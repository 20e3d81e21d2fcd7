"""Strict JSON: what is read, what is refused and where, what is written."""

from __future__ import annotations

import contextlib
import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beth_sdk.errors import InvalidMessage, MessageTooLarge
from beth_sdk.strict_json import dumps, loads, not_json, path, walk

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


def refusal(body: bytes) -> InvalidMessage:
    with pytest.raises(InvalidMessage) as caught:
        loads(body, what="task")
    return caught.value


@given(json_values)
def test_what_is_written_is_read_back(document: object) -> None:
    assert loads(dumps(document)) == document


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_read_or_refused_as_invalid(text: str) -> None:
    with contextlib.suppress(InvalidMessage):
        assert loads(text.encode()) == json.loads(text)


@given(st.binary())
def test_any_bytes_are_read_or_refused_as_invalid(body: bytes) -> None:
    with contextlib.suppress(InvalidMessage):
        loads(body)


@pytest.mark.parametrize(
    ("body", "where", "value"),
    [
        (b'{"a": {"b": 1, "b": 2}}', "$.a.b", "b"),
        (b'[{"a": 1}, {"a": 1, "c": 2, "a": 3}]', "$[1].a", "a"),
        (b'{"a b": {"": 1, "": 2}}', "$['a b']['']", ""),
        (b'{"a": [1, NaN]}', "$.a[1]", "NaN"),
        (b"-Infinity", "$", "-Infinity"),
        (b'{"a": 1e999}', "$.a", "1e999"),
        (b'{"a": -' + b"9" * 310 + b"}", "$.a", "-" + "9" * 39),
        (b"[" + b"9" * 5000 + b"]", "$[0]", "9" * 40),
        (b'{"a": ["\\ud83e\\udd85", "\\ud83e"]}', "$.a[1]", "\\ud83e"),
        (b'{"\\uDD85": 1}', "$['\\\\udd85']", "\\udd85"),
    ],
)
def test_what_is_not_strict_is_refused_in_its_place(body: bytes, where: str, value: str) -> None:
    error = refusal(body)
    assert (error.path, error.value) == (where, value)


def test_a_syntax_error_names_its_line_and_column() -> None:
    assert "line 2, column 7" in refusal(b'{"a": 1,\n "\xc3\xa9": }').accepted


def test_a_syntax_error_wins_over_a_duplicate_key_before_it() -> None:
    assert refusal(b'{"a": 1, "a": 2').accepted.startswith("JSON")


def test_bytes_that_are_not_utf_8_are_refused_with_the_first_such_byte() -> None:
    assert refusal(b'{"a": "\xff"}').accepted == "UTF-8 (byte 7 is not)"


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert loads(b'"\\ud83e\\udd85"') == "\U0001f985"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_64_levels_are_read_and_65_are_refused(opening: bytes, closing: bytes) -> None:
    loads(opening * 64 + b"1" + closing * 64)
    assert "64 levels" in refusal(opening * 65 + b"1" + closing * 65).accepted


def test_brackets_in_text_and_side_by_side_are_no_levels() -> None:
    assert loads(b'["' + b"[" * 500 + b'"]') == ["[" * 500]
    assert loads(b"[" + b"[]," * 500 + b"[]]") == [[]] * 501


@pytest.mark.parametrize("levels", [65, 1_000, 100_000])
@pytest.mark.parametrize("inside", [b"", b"NaN", b'{"a": 1, "a": 2}'])
def test_absurd_nesting_is_refused_as_such_whatever_is_inside(levels: int, inside: bytes) -> None:
    assert "64 levels" in refusal(b"[" * levels + inside + b"]" * levels).accepted


def test_the_size_is_checked_before_the_content() -> None:
    with pytest.raises(MessageTooLarge) as caught:
        loads(b"x" * 262_145)
    assert (caught.value.size, caught.value.limit) == (262_145, 262_144)
    assert loads(b'"' + b"x" * 262_142 + b'"') == "x" * 262_142
    assert loads(b'"' + b"x" * 300_000 + b'"', limit=None) == "x" * 300_000


def test_the_size_of_what_is_written_is_counted_in_bytes() -> None:
    assert len(dumps("é" * 131_071)) == 262_144
    with pytest.raises(MessageTooLarge):
        dumps("é" * 131_072)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_no_reader_takes_is_not_written(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON compliant|surrogates"):
        dumps({"a": value})


def test_json_is_written_compactly_and_with_its_letters() -> None:
    assert dumps({"a": [1, "é"]}) == '{"a":[1,"é"]}'.encode()


def test_a_path_is_dotted_where_a_key_allows_it() -> None:
    assert path(["a", 0, "b_1", "c-d", "e.f", ""]) == "$.a[0].b_1['c-d']['e.f']['']"


def test_a_walk_meets_every_value_outer_ones_first() -> None:
    assert list(walk({"a": [1, {"b": 2}], "c": 3})) == [
        ((), {"a": [1, {"b": 2}], "c": 3}),
        (("a",), [1, {"b": 2}]),
        (("a", 0), 1),
        (("a", 1), {"b": 2}),
        (("a", 1, "b"), 2),
        (("c",), 3),
    ]


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"a": [float("nan")]}, "$.a[0]"),
        ({"a": {"b": dt.date(2026, 1, 30)}}, "$.a.b"),
        ({"a": b"bytes"}, "$.a"),
    ],
)
def test_values_that_json_cannot_say_are_found_in_their_place(document: object, where: str) -> None:
    found = not_json(document, "manifest")
    assert found is not None
    assert found.path == where


def test_plain_json_values_hold_nothing_foreign() -> None:
    assert not_json({"a": [None, True, 1, 1.5, "x", {}]}, "manifest") is None
