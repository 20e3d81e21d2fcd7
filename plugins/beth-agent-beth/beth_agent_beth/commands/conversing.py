"""Asking right there: where somebody sits at the terminal, what a request waits for is answered before the command
leaves."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from beth_agent_beth import requests
from beth_agent_beth.commands.editing import edited
from beth_agent_beth.fold import questions
from beth_agent_beth.fold.questions import Asked
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.plan import workflow
from beth_agent_beth.terminal import view, words
from beth_sdk.bus.base import Bus
from beth_sdk.cli.options import ports
from beth_sdk.errors import ConfigurationError
from beth_sdk.journal.base import Journal
from beth_sdk.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

EDIT = "edit"
"""What may be answered to a question about a plan besides its options."""


def input_option(function: F) -> F:
    """Adds `--no-input`, passed as `no_input`."""
    return click.option("--no-input", is_flag=True, help="Never ask anything, not even at a terminal.")(function)


def somebody_there(*, no_input: bool, as_json: bool) -> bool:
    """Whether a question would be seen and could be answered."""
    return not no_input and not as_json and sys.stdin.isatty() and sys.stdout.isatty()


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody said. `plan`: the edited one that is approved."""

    name: str
    text: str
    plan: workflow.Plan | None = None


def answered(settings: Settings, state: RequestState) -> bool:
    """Ask what the request waits for, one thing after the other; returns whether anything was answered."""
    replies = [reply for one in waiting(state) if (reply := _asked(state, one)) is not None]

    async def hand_in() -> bool:
        async with ports(settings) as open_:
            return any([await _handed_in(open_.bus, open_.journal, one) for one in replies])

    return bool(replies) and asyncio.run(hand_in())


async def _handed_in(bus: Bus, journal: Journal, reply: Reply) -> bool:
    try:
        if not await requests.answer(bus, journal, reply.name, reply.text, plan=reply.plan):
            click.echo(f"{reply.name} was answered by somebody else meanwhile; the first answer counts")
    except ConfigurationError as error:
        click.echo(f"beth: {error}", err=True)
        return False
    return True


def waiting(state: RequestState) -> Sequence[TaskState | Asked]:
    """What somebody is to answer, Beth's own questions first."""
    return [*state.open_questions, *state.questions]


def options_of(one: TaskState | Asked) -> tuple[str, ...]:
    """What may be answered; empty where anything may."""
    if isinstance(one, Asked):
        return (*one.options, EDIT) if one.kind == "plan" else tuple(one.options)
    question = one.result.question if one.result is not None else None
    return tuple((question and question.options) or ())


def _asked(state: RequestState, one: TaskState | Asked) -> Reply | None:
    """One question; None where it is left for later."""
    name = words.short_question(one)[0]
    for line in view.question(one, options=False):
        click.echo(line)
    options = options_of(one)
    for number, option in enumerate(options, start=1):
        click.echo(f"  {number}) {words.safe(option)}")
    while True:
        text = _line("number or words; empty: later" if options else "answer; empty: later")
        if not text:
            return None
        text = chosen(text, options)
        if text == EDIT and isinstance(one, Asked) and one.kind == "plan":
            plan = edited(state)
            if plan is not None:
                return Reply(name, questions.APPROVE, plan)
            continue
        wrong = flaw(one, text)
        if wrong is None:
            return Reply(name, text)
        click.echo(f"{words.safe(text)!r} is no answer to this question; {wrong}")


def chosen(text: str, options: Sequence[str]) -> str:
    """What somebody means who writes an option's number, or its beginning."""
    if text.isdecimal() and 1 <= int(text) <= len(options):
        return options[int(text) - 1]
    near = [one for one in options if one.lower().startswith(text.lower())]
    return near[0] if len(near) == 1 else text


def flaw(one: TaskState | Asked, text: str) -> str | None:
    """Why a text is no answer; None where it is."""
    if isinstance(one, Asked):
        return questions.flaw_of(one, text)
    options = options_of(one)
    return f"it takes {' | '.join(options)}" if options and text not in options else None


def _line(prompt: str) -> str:
    try:
        return str(click.prompt(f"  ({prompt})", default="", show_default=False, prompt_suffix=" > ")).strip()
    except click.Abort:  # the end of input, or Ctrl-C: whoever leaves answers later
        click.echo()
        return ""
