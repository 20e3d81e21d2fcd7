"""What is decided before a model is called, and only where it is really called: a replay takes it from the journal."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beth_kit.context import KitContext
from beth_kit.loop import condense
from beth_kit.loop.conversation import Conversation
from beth_kit.loop.ended import Ended
from beth_kit.loop.limits import Limits
from beth_kit.loop.progress import Progress
from beth_kit.loop.stuck import stuck

CONDENSE_AT = 120_000
"""Tokens of input from which on the history is condensed: every call pays for all of it again."""

CUT_OFF = "Your message was cut off at its token limit. Go on in smaller pieces."
CALL_SOMETHING = "Nothing happens without a tool call. Go on with a tool, or call `finish` when the task is done."


@dataclass(frozen=True, slots=True)
class Decided:
    """`condensed`: what goes from the history. `said`: what the loop adds to it, and the `warned` limits' names that
    are among it; `stuck`: so is that the model goes in circles. `notes`: what people said."""

    condensed: condense.Decision | None = None
    said: Sequence[str] = ()
    notes: Sequence[str] = ()
    warned: Sequence[str] = ()
    stuck: bool = False

    def to_json(self) -> dict[str, Any]:
        """What is journaled: nothing of what is not decided."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Decided:
        """What was journaled."""
        condensed = found.get("condensed")
        return cls(**{**found, "condensed": condense.Decision(**condensed) if condensed else None})


def decide(conversation: Conversation, progress: Progress, limits: Limits, ctx: KitContext) -> Decided:
    """What goes into the next call. Raises `Ended` where there is to be none."""
    spending, seconds = ctx.spending, progress.elapsed(ctx.clock.monotonic())
    over = limits.reached(
        steps=progress.steps, seconds=seconds, spending=spending, price=progress.price, tokens=progress.input_tokens
    )
    if over is not None:
        raise Ended(over.code, over.message, over.details)
    notes = list(ctx.notes)[progress.notes_told :]
    circle = stuck(conversation.exchanges)
    # Who goes on in circles after being told is done, unless a person has just said something.
    if circle is not None and progress.stuck and not notes:
        raise Ended(
            "stuck", f"the model goes in circles, and went on after it was told: {circle}{_refusal(conversation)}"
        )
    warnings = {
        name: words
        for name, words in limits.warnings(
            steps=progress.steps, seconds=seconds, spending=spending, price=progress.price
        )
        if name not in progress.warned
    }
    said = [*_remarks(conversation, progress, circle), *warnings.values()]
    return Decided(_shorter(conversation, progress), said, notes, list(warnings), circle is not None)


def _refusal(conversation: Conversation) -> str:
    """For people: the error that the model got to its last calls; empty where there was none."""
    answers = conversation.exchanges[-1].answers if conversation.exchanges else ()
    error = next((text for text, error in answers if error), None)
    return f"\nWhat it was told last: {error}" if error else ""


def _remarks(conversation: Conversation, progress: Progress, circle: str | None) -> Iterator[str]:
    if circle is not None:
        yield circle
    elif conversation.silent:
        yield CUT_OFF if progress.stop == "length" else CALL_SOMETHING


def _shorter(conversation: Conversation, progress: Progress) -> condense.Decision | None:
    tokens = progress.input_tokens or condense.estimate(conversation.messages)
    recently = progress.condensed_at is not None and progress.turns - progress.condensed_at <= condense.LEAST_TURNS
    return None if recently or tokens <= CONDENSE_AT else condense.decide(conversation.messages)
