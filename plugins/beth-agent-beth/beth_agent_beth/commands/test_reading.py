"""What REQUEST|FILE means."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from beth_agent_beth.commands.reading import Wanted, read_request
from beth_sdk.errors import ConfigurationError, InvalidMessage, MessageTooLarge

SEED = Path(__file__).parents[4] / "schemas" / "v1" / "examples" / "valid" / "task.seed.json"


class Standard:
    def __init__(self, body: bytes) -> None:
        self.buffer = io.BytesIO(body)


def test_words_are_the_request_itself() -> None:
    assert read_request("  Build it ", ["a", "b"]) == Wanted("Build it", ["a", "b"])


def test_a_file_of_words_is_the_request(tmp_path: Path) -> None:
    (tmp_path / "wish.md").write_text("# Build it\n\nWith care.\n")
    assert read_request(str(tmp_path / "wish.md"), []) == Wanted("# Build it\n\nWith care.", [])


def test_the_seeds_own_task_is_a_request_with_its_criteria() -> None:
    wanted = read_request(str(SEED), ["and tests"])
    assert wanted.description == "Build user authentication with JWT"
    assert wanted.criteria == [
        "JWT access tokens with 15min expiry",
        "Refresh token rotation",
        "Secure httpOnly cookies",
        "and tests",
    ]


def test_a_json_file_may_have_just_the_description(tmp_path: Path) -> None:
    (tmp_path / "wish.json").write_text(json.dumps({"description": " Build it ", "acceptance_criteria": ["a"]}))
    assert read_request(str(tmp_path / "wish.json"), []) == Wanted("Build it", ["a"])


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Standard(b"Build it\n"))
    assert read_request("-", ["a"]) == Wanted("Build it", ["a"])


def test_a_byte_order_mark_is_no_part_of_the_request(tmp_path: Path) -> None:
    for name, text in (("text", "Build it"), ("json", '{"description": "Build it"}')):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert read_request(str(tmp_path / name), []) == Wanted("Build it", [])


@pytest.mark.parametrize("argument", ["wish.json", "no/such/wish.md", "wish.txt", "plan.toml"])
def test_what_looks_like_a_file_and_is_none_is_refused(argument: str) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        read_request(argument, [])


def test_words_that_end_like_a_file_are_words() -> None:
    assert read_request("Summarise notes.md", []).description == "Summarise notes.md"


def test_a_request_that_is_longer_than_any_path_is_words() -> None:
    assert read_request("x" * 10_000, []).description == "x" * 10_000


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "wish").write_bytes(b"caf\xe9")
    with pytest.raises(ConfigurationError, match="wish: not UTF-8 text"):
        read_request(str(tmp_path / "wish"), [])


@pytest.mark.parametrize("argument", ["", "  ", "-", "file"])
def test_nothing_is_no_request(argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Standard(b" \n"))
    if argument == "file":
        argument = str(tmp_path / "wish")
        Path(argument).write_text("\n")
    with pytest.raises(ConfigurationError, match="is empty; say in words what shall be done"):
        read_request(argument, [])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wish").write_text("Build it")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigurationError, match="wish: Permission denied"):
        read_request(str(tmp_path / "wish"), [])


def test_json_that_is_none_is_refused_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "wish").write_text('{"description": ')
    with pytest.raises(InvalidMessage, match="wish"):
        read_request(str(tmp_path / "wish"), [])


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({}, r"\$\.description"),
        ({"payload": {}}, r"\$\.description"),
        ({"payload": "x"}, r"\$\.description"),
        ({"description": 5}, r"\$\.description"),
        ({"description": "x", "acceptance_criteria": "y"}, r"\$\.acceptance_criteria"),
        ({"description": "x", "acceptance_criteria": [1]}, r"\$\.acceptance_criteria"),
    ],
)
def test_a_document_that_says_too_little_is_refused(tmp_path: Path, document: object, place: str) -> None:
    (tmp_path / "wish").write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match=place):
        read_request(str(tmp_path / "wish"), [])


def test_of_a_huge_file_only_the_beginning_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wish").write_bytes(b"x" * 1_000_000)
    with pytest.raises(MessageTooLarge) as refused:
        read_request(str(tmp_path / "wish"), [])
    assert refused.value.size == 262_145
    monkeypatch.setattr(sys, "stdin", Standard(b"x" * 1_000_000))
    with pytest.raises(MessageTooLarge):
        read_request("-", [])
