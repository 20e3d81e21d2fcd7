"""`beth schema`: the message contract: show a schema, check files against it, document all topics."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from beth_sdk.cli.options import ExitCode, json_option, note, show, show_json
from beth_sdk.cli.text import head, one_line, plural
from beth_sdk.errors import ContractError, InvalidMessage, MessageTooLarge, VersionRefused
from beth_sdk.schema import MESSAGES, NOTHING, guess, loads, problems, schema_bytes

STDIN = "-"


@click.group()
def schema() -> None:
    """The message contract: show it, check files."""


@schema.command("show")
@click.argument("name", type=click.Choice(MESSAGES))
def show_schema(name: str) -> None:
    """Print the JSON Schema of a message or of the manifest."""
    click.echo(schema_bytes(name), nl=False)


@schema.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--as", "name", type=click.Choice(MESSAGES), help="What the files are; otherwise told by their fields.")
@json_option
def check(files: Sequence[str], name: str | None, as_json: bool) -> int:
    """Check messages (JSON) and manifests (TOML).

    - is standard input.

    Exit code 0: all are valid. 1: some are not. 2: some cannot be read.
    """
    checked = [check_file(file, name) for file in files]
    if as_json:
        show_json({"files": [one.to_json() for one in checked]})
    else:
        show(line for one in checked for line in one.lines())
        if len(checked) > 1:
            wrong = sum(not one.valid for one in checked)
            show([f"{plural(len(checked), 'file')} checked, {wrong} not valid"])
    if any(one.unreadable for one in checked):
        return ExitCode.USAGE
    return ExitCode.DONE if all(one.valid for one in checked) else ExitCode.FAILED


@schema.command()
def asyncapi() -> None:
    """Print the AsyncAPI document of the installed agents' topics."""
    from beth_sdk.asyncapi import document
    from beth_sdk.plugins import discover_agents

    found = discover_agents()
    for agent in found:
        if agent.error is not None:
            note(f"left out, because it is broken: {agent.distribution}: {one_line(str(agent.error))}")
    manifests = [agent.manifest for agent in found if agent.manifest is not None and agent.error is None]
    click.echo(json.dumps(document(manifests), ensure_ascii=False, indent=2))


# -- what becomes of one file -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """A file and what is wrong with it. `message` is what it was taken for, None where it could not be read."""

    file: str
    message: str | None
    problems: Sequence[InvalidMessage] = field(default=())
    unreadable: str | None = None

    @property
    def valid(self) -> bool:
        return not self.problems and self.unreadable is None

    def lines(self) -> Iterator[str]:
        """For people: a line for the file, and one for each problem."""
        file = one_line(self.file)
        if self.unreadable is not None:
            yield f"{file}: cannot be read: {self.unreadable}"
        else:
            yield f"{file}: {'valid' if self.valid else 'not valid'} ({self.message})"
        for problem in self.problems:
            yield f"  {one_line(problem.path)}: {_shown(problem.value)}; accepted: {one_line(problem.accepted)}"

    def to_json(self) -> dict[str, Any]:
        """For programs. A problem has no `value` where there is none."""
        found = {
            "file": self.file,
            "message": self.message,
            "valid": self.valid,
            "problems": [
                {
                    "path": problem.path,
                    **({} if problem.value is NOTHING else {"value": _plain(problem.value)}),
                    "accepted": problem.accepted,
                }
                for problem in self.problems
            ],
        }
        return found if self.unreadable is None else {**found, "error": self.unreadable}


def check_file(file: str, name: str | None) -> Checked:
    """Check a file, or standard input, against the schema of `name`, or of what it looks like."""
    try:
        body = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        return Checked(file, None, unreadable=getattr(error, "strerror", None) or str(error))
    # On standard input a manifest may be either: a JSON object begins with a brace, and no TOML document does.
    is_toml = file.lower().endswith(".toml") or (file == STDIN and name == "manifest" and body.lstrip()[:1] != b"{")
    supposed = name or ("manifest" if is_toml else "message")
    try:
        found = _toml(body) if is_toml else loads(body, what=supposed)
        supposed = name or ("manifest" if is_toml else guess(found))
        return Checked(file, supposed, problems(supposed, found))
    except ContractError as error:
        return Checked(file, supposed, [_placed(error, supposed)])


def _toml(body: bytes) -> Any:
    try:
        return tomllib.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidMessage("$", body[:60], f"UTF-8 (byte {error.start} is not)") from None
    except (ValueError, RecursionError) as error:
        raise InvalidMessage("$", body[:60].decode("utf-8", "ignore"), f"TOML ({error})") from None


def _placed(error: ContractError, message: str) -> InvalidMessage:
    """Every refusal as a path, a value and what is accepted."""
    if isinstance(error, InvalidMessage):
        return error
    if isinstance(error, VersionRefused):
        accepted = f"a version of the contract up to {error.ours.partition('.')[0]}.x"
        return InvalidMessage("$.schema_version", error.theirs, accepted, message=message)
    if isinstance(error, MessageTooLarge):
        accepted = f"at most {error.limit:,} bytes: send large content as an artifact"
        return InvalidMessage("$", f"{error.size:,} bytes", accepted, message=message)
    raise error


def _shown(value: Any) -> str:
    return "nothing" if value is NOTHING else head(json.dumps(_plain(value), ensure_ascii=False), 100)


def _plain(value: Any) -> Any:
    """A value as JSON can say it; what is none is text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=str))
    except ValueError:
        return str(value)
