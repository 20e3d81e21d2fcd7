"""How a command that failed ends."""

from __future__ import annotations

import click
import pytest

from beth_sdk.cli.failure import described, guarded
from beth_sdk.cli.options import ExitCode
from beth_sdk.errors import BethError, BusUnavailable, SettingError


def raising(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (
            SettingError("BETH_LEASE", "x", "a duration"),
            2,
            "beth: BETH_LEASE='x' is not accepted; accepted: a duration",
        ),
        (BusUnavailable("redis://h:6379 does not answer"), 1, "beth: redis://h:6379 does not answer"),
        (BethError("two\nlines"), 1, "beth: two lines"),
        (BethError("redis://user:secret@h:6379 refused"), 1, "beth: redis://user:***@h:6379 refused"),
        (click.UsageError("no such thing"), 2, "beth: no such thing (see 'beth --help')"),
        (click.ClickException("closed"), 1, "beth: closed"),
        (KeyError("gone"), 1, "beth: KeyError: 'gone' (unexpected; BETH_LOG_LEVEL=debug shows where)"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    error: Exception, code: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BETH_LOG_LEVEL", raising=False)
    assert guarded(lambda: raising(error)) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"{line}\n")


def test_the_line_names_the_command_whose_help_helps() -> None:
    context = click.Context(
        click.Command("serve"), info_name="serve", parent=click.Context(click.Group("beth"), info_name="beth")
    )
    assert described(click.UsageError("no", context))[0] == "beth: no (see 'beth serve --help')"


def test_the_traceback_is_there_for_whoever_debugs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BETH_LOG_LEVEL", "debug")
    guarded(lambda: raising(BethError("no")))
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_says_nothing_and_is_130(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: raising(error)) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("returned", "code"), [(None, 0), (ExitCode.WAITS, 4), (3, 3), ("text", 0), (ExitCode.DONE, 0)]
)
def test_what_a_command_returns_is_its_exit_code(returned: object, code: int) -> None:
    assert guarded(lambda: returned) == code


def test_a_command_may_exit_by_itself() -> None:
    assert guarded(lambda: raising(SystemExit(3))) == 3
    assert guarded(lambda: raising(SystemExit())) == 0
