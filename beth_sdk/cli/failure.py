"""How a command that failed ends: one line on standard error and an exit code, never a traceback nobody asked for."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

import click

from beth_sdk.cli.options import ExitCode
from beth_sdk.cli.text import one_line
from beth_sdk.errors import BethError, ConfigurationError
from beth_sdk.redact import redact

_NO_ARGUMENTS: type[Exception] = getattr(click.exceptions, "NoArgsIsHelpError", click.Abort)  # since click 8.2


def guarded(call: Callable[[], object]) -> int:
    """Run a command line to its end, say what went wrong if anything did, and return the exit code."""
    try:
        returned = call()
        sys.stdout.flush()
        return int(returned) if isinstance(returned, int) else ExitCode.DONE
    except SystemExit as ended:
        return _code_of(ended)
    except BrokenPipeError:
        _forget_output()
        return ExitCode.FAILED
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except _NO_ARGUMENTS as error:  # a group without its command: its help is the answer
        click.echo(getattr(error, "format_message", str)(), err=True)
        return ExitCode.USAGE
    except Exception as error:  # noqa: BLE001 - the last resort; what is not expected is said to be so
        line, code = described(error)
        if os.environ.get("BETH_LOG_LEVEL", "").lower() == "debug" and not isinstance(error, click.ClickException):
            traceback.print_exc()
        _say(line)
        return code


def described(error: Exception) -> tuple[str, int]:
    """An error as one line for people, and the exit code it means."""
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx is not None else "beth"
        return f"beth: {one_line(error.format_message())} (see '{path} --help')", ExitCode.USAGE
    if isinstance(error, click.ClickException):
        return f"beth: {one_line(error.format_message())}", error.exit_code
    if isinstance(error, BethError):
        code = ExitCode.USAGE if isinstance(error, ConfigurationError) else ExitCode.FAILED
        return f"beth: {one_line(redact(str(error)))}", code
    what = redact(f"{type(error).__name__}: {error}")
    return f"beth: {one_line(what)} (unexpected; BETH_LOG_LEVEL=debug shows where)", ExitCode.FAILED


def _code_of(ended: SystemExit) -> int:
    if isinstance(ended.code, str):
        _say(ended.code)
        return ExitCode.FAILED
    return ended.code or ExitCode.DONE


def _say(line: str) -> None:
    try:
        click.echo(line, err=True)
    except OSError:  # standard error is closed: there is nobody to tell
        pass


def _forget_output() -> None:
    """Whoever read the output is gone; the interpreter must not fail again when it flushes the rest at exit."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
