"""A log line is a message and fields, in one line, with no password in it."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from beth_sdk import logs
from beth_sdk.settings import Settings

NAME = "beth_sdk.test_logs"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


def configured(stream: io.StringIO, *, role: str | None = None, instance: str | None = None, **variables: str) -> None:
    logs.configure(Settings.from_environment(variables), role=role, instance=instance, stream=stream)


def as_text(**variables: str) -> io.StringIO:
    stream = io.StringIO()
    configured(stream, BETH_LOG_FORMAT="text", **variables)
    return stream


def as_json() -> io.StringIO:
    stream = io.StringIO()
    configured(stream, BETH_LOG_FORMAT="json")
    return stream


def documents(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def after_time(stream: io.StringIO) -> str:
    """What stands after the time, which is 24 characters of RFC 3339."""
    text = stream.getvalue()
    assert text[23] == "Z"
    return text[25:]


def test_text_is_one_line_with_fields() -> None:
    stream = as_text()
    logs.get(NAME).info("taken", task_id="task-1", epoch=3, seconds=0.25, repeat=None, live=True)
    assert after_time(stream) == "info    taken task_id=task-1 epoch=3 seconds=0.25 repeat=null live=true\n"


def test_text_quotes_what_would_not_be_one_word() -> None:
    stream = as_text()
    logs.get(NAME).info("m", a="two words", b='q"', c="x=y", d="", e=[1, "b"], f={"k": "v"}, g="ü")
    assert after_time(stream) == r'info    m a="two words" b="q\"" c="x=y" d="" e=[1,"b"] f={"k":"v"} g=ü' + "\n"


def test_json_is_one_object_a_line() -> None:
    stream = as_json()
    logs.get(NAME).warning("handed over", task_id="task-1", epoch=3, data={"n": [1, 2.5, None]})
    (document,) = documents(stream)
    assert document.pop("time").endswith("Z")
    assert document == {
        "level": "warning",
        "logger": NAME,
        "message": "handed over",
        "task_id": "task-1",
        "epoch": 3,
        "data": {"n": [1, 2.5, None]},
    }


def test_role_and_instance_stand_in_every_record() -> None:
    stream = io.StringIO()
    configured(stream, role="developer", instance="dev-1", BETH_LOG_FORMAT="json")
    logs.get(NAME).info("a")
    logging.getLogger("some.library").warning("b")
    assert [(one["role"], one["instance"]) for one in documents(stream)] == [("developer", "dev-1")] * 2


def test_bound_fields_are_added_and_given_ones_win() -> None:
    stream = as_json()
    log = logs.get(NAME).bind(task_id="task-1", epoch=1)
    log.bind(epoch=2).info("a", step="s")
    log.info("b", epoch=3)
    first, second = documents(stream)
    assert (first["task_id"], first["epoch"], first["step"]) == ("task-1", 2, "s")
    assert (second["task_id"], second["epoch"]) == ("task-1", 3)


def test_automatic_is_text_on_a_terminal_and_json_elsewhere() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    configured(terminal)
    logs.get(NAME).info("a")
    configured(pipe)
    logs.get(NAME).info("b")
    assert after_time(terminal) == "info    a\n"
    assert documents(pipe)[0]["message"] == "b"


def test_configuring_again_replaces_the_first() -> None:
    first, second = as_text(), as_text()
    logs.get(NAME).info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings.from_environment({}))
    logs.get(NAME).info("a")
    captured = capsys.readouterr()
    assert json.loads(captured.err)["message"] == "a"
    assert captured.out == ""


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_is_the_least_that_is_told(level: str, told: list[str]) -> None:
    stream = as_text(BETH_LOG_LEVEL=level)
    log = logs.get(NAME)
    for method in (log.debug, log.info, log.warning, log.error):
        method("m")
    assert [line.split()[1] for line in stream.getvalue().splitlines()] == told


def raised(message: str) -> ValueError:
    """An exception with a traceback."""
    error = ValueError(message)
    with contextlib.suppress(ValueError):
        raise error
    return error


@pytest.mark.parametrize("chosen", [as_text, as_json])
def test_passwords_are_taken_out_of_message_fields_and_traceback(chosen: Callable[[], io.StringIO]) -> None:
    url = "redis://:s3cret@host"
    stream, log = chosen(), logs.get(NAME)
    message = f"to {url}"
    log.info(message, url=url, urls=[url], inner={"url": url}, error=ValueError(url))
    log.error("failed", exc_info=raised(f"no answer from {url}"))
    assert "s3cret" not in stream.getvalue()
    assert stream.getvalue().count("redis://:***@host") == 6


def test_records_of_libraries_are_redacted_too() -> None:
    stream = as_text()
    logging.getLogger("some.library").warning("cannot reach %s", "amqp://u:s3cret@host")
    assert after_time(stream) == "warning cannot reach amqp://u:***@host\n"


def test_an_error_comes_with_its_traceback() -> None:
    error = raised("broken\nin two")
    text = as_text()
    logs.get(NAME).error("failed", exc_info=error, step="s")
    lines = text.getvalue().splitlines()
    assert lines[0].endswith("error   failed step=s")
    assert lines[1] == "    Traceback (most recent call last):"
    assert "    ValueError: broken" in lines
    assert all(line.startswith("    ") for line in lines[1:])
    document = as_json()
    logs.get(NAME).error("failed", exc_info=error, step="s")
    assert "ValueError: broken\nin two" in documents(document)[0]["exception"]


def test_the_exception_that_is_being_handled_can_be_left_to_the_log() -> None:
    stream = as_json()
    try:
        int("x")
    except ValueError:
        logs.get(NAME).exception("failed", step="s")
    (document,) = documents(stream)
    assert (document["level"], document["step"]) == ("error", "s")
    assert document["exception"].endswith("ValueError: invalid literal for int() with base 10: 'x'")


def test_nobody_can_forge_a_line_or_steer_a_terminal() -> None:
    stream = as_text()
    logs.get(NAME).info("a\nb\x1b[31m", field="c\nd\x1b", percent="%s")
    assert stream.getvalue().count("\n") == 1
    assert after_time(stream) == r'info    a\nb\x1b[31m field="c\nd\u001b" percent=%s' + "\n"


def test_a_percent_sign_is_just_a_character() -> None:
    stream = as_text()
    logs.get(NAME).info("100% %s %d")
    assert after_time(stream) == "info    100% %s %d\n"


def test_values_that_json_lacks_are_told_as_text() -> None:
    stream = as_json()
    logs.get(NAME).info("m", a=float("nan"), b={1}, c=object, d=(1, 2), e=b"x", f={1: float("inf")})
    (document,) = documents(stream)
    assert (document["a"], document["b"], document["d"], document["f"]) == ("nan", [1], [1, 2], {"1": "inf"})
    assert (document["c"], document["e"]) == ("<class 'object'>", "b'x'")


def test_a_field_with_a_name_of_the_format_is_kept_under_another() -> None:
    stream = as_json()
    logs.get(NAME).info("the message", message="other", level="high", time=1, name="n", args=2)
    (document,) = documents(stream)
    assert (document["message"], document["message_"]) == ("the message", "other")
    assert (document["level"], document["level_"], document["time_"]) == ("info", "high", 1)
    assert (document["name"], document["args"]) == ("n", 2)


def test_whoever_configures_logging_themselves_finds_the_fields(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, NAME):
        logs.get(NAME).info("taken", task_id="task-1", url="redis://:s3cret@host")
    (record,) = caplog.records
    assert record.fields == {"task_id": "task-1", "url": "redis://:***@host"}  # type: ignore[attr-defined]
    assert (record.getMessage(), record.levelname) == ("taken", "INFO")


def test_a_record_names_the_place_it_was_logged_at(caplog: pytest.LogCaptureFixture) -> None:
    logs.get(NAME).warning("here")
    assert caplog.records[0].funcName == "test_a_record_names_the_place_it_was_logged_at"


def test_unknown_variables_are_warned_of_with_the_nearest_name(caplog: pytest.LogCaptureFixture) -> None:
    logs.warn_of_unknown_variables(
        {"BETH_LEAES": "1s", "BETH_XYZZY": "1", "BETH_SANDBOX": "off"}, also=["BETH_SANDBOX"]
    )
    assert [record.fields for record in caplog.records] == [  # type: ignore[attr-defined]
        {"variable": "BETH_LEAES", "nearest": "BETH_LEASE"},
        {"variable": "BETH_XYZZY"},
    ]
