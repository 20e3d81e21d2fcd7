"""What a program printed, as a model reads it."""

from __future__ import annotations

import time

import pytest

from beth_kit.tools.readable import WINDOW, readable


@pytest.mark.parametrize(
    ("printed", "text"),
    [
        (b"plain\ttext\n", "plain\ttext\n"),
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07after \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "after link"),
        (b"\x1b(Bx\x1bMy\x1b[2Kz", "xyz"),
        (b"10%\r 50%\r100%\ndone\n", "100%\ndone\n"),
        (b"one\r\ntwo\r\n", "one\ntwo\n"),
        (b"a\x00b\x08c\x7fd\xc2\x9be", "abcde"),
        (b"caf\xe9 \xe2\x82\xac", "caf\ufffd €"),
        (b"\x1b]never ended\nnext", "never ended\nnext"),
    ],
)
def test_only_text_is_left(printed: bytes, text: str) -> None:
    assert readable(printed) == text


def test_of_very_much_both_ends_are_left() -> None:
    text = readable(b"<" + b"x" * (4 * WINDOW) + b">")
    assert (text[0], text[-1]) == ("<", ">")
    assert len(text) < 2 * WINDOW + 10


@pytest.mark.parametrize("piece", [b"x", b"\r", b"\x1b", b"\x1b[", b"\x1b]", b"\x1b]a", b"\xff", b"\n"])
def test_hostile_output_takes_no_longer_than_any_other(piece: bytes) -> None:
    began = time.monotonic()
    readable(piece * (2 * WINDOW // len(piece)))
    assert time.monotonic() - began < 10
