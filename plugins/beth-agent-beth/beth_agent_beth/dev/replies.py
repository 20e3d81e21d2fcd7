"""The replies that a model gave when a task was done, given again one after the other, as far as they fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beth_kit.model.base import ContextOverflow, ModelReply, ModelRequest, Usage
from beth_kit.model.recording import NotRecorded

TOOL = {"reply", "snapshot", "seconds", "ran"}
"""What the outcome of a tool call has."""


def model_steps(done: Iterator[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The outcomes of the model's turns."""
    return [one["outcome"] for one in done if one["name"] == "model"]


def tool_answers(done: Iterator[Mapping[str, Any]]) -> list[tuple[str, str, bool]]:
    """Each tool call's name, answer, and whether it failed."""
    outcomes = ((str(one["name"]), one["outcome"]) for one in done)
    return [
        (name, str(outcome["reply"].get("text")), bool(outcome["reply"].get("error")))
        for name, outcome in outcomes
        if isinstance(outcome, Mapping) and outcome.keys() >= TOOL and isinstance(outcome["reply"], Mapping)
    ]


class Replies:
    """A model. What tools answer now is compared with what they answered then: a reply to a failure that is none any
    more fits nothing. `differing`: how many answers are others, and no failures."""

    def __init__(self, outcomes: Sequence[Mapping[str, Any]], answers: Sequence[tuple[str, str, bool]]) -> None:
        self._outcomes = outcomes
        self._answers = answers
        self._given = 0
        self._answered = 0
        self.left: str | None = None
        """Where they do not fit any more, in words."""
        self.differing: list[str] = []

    @property
    def name(self) -> str:
        return next((str(one["model"]) for one in self._outcomes if one.get("model")), "recorded")

    def estimate(self, request: ModelRequest) -> float:
        del request
        return float(self._outcomes[self._given].get("price") or 0.0) if self._given < len(self._outcomes) else 0.0

    async def complete(self, request: ModelRequest) -> ModelReply:
        """The next reply. Raises `NotRecorded` where there is none that fits, `ContextOverflow` where there was one."""
        del request
        if self.left is None and self._given >= len(self._outcomes):
            self.left = f"there are {len(self._outcomes)} recorded replies, and this is turn {self._given + 1}"
        if self.left is not None:
            raise NotRecorded(f"the recorded replies do not fit any more: {self.left}; --model goes on with a model")
        outcome = self._outcomes[self._given]
        self._given += 1
        if "overflow" in outcome:
            raise ContextOverflow("the history was too long for the model")
        usage, reply = outcome["usage"], outcome["reply"]
        tokens = {name: int(usage.get(name) or 0) for name in Usage.__dataclass_fields__}
        cost = float(usage.get("cost_usd") or 0.0)
        return ModelReply(
            reply["message"], reply["stop"], Usage(**tokens), cost, str(outcome.get("model")), outcome["at"]
        )

    async def close(self) -> None: ...

    def answered(self, name: str, text: str, *, error: bool) -> None:
        """Take in what a tool answers now."""
        number, self._answered = self._answered, self._answered + 1
        if self.left is not None or number >= len(self._answers):
            return
        before, then, failed = self._answers[number]
        if before != name:
            self.left = f"after turn {self._given} {name} was called, where it was {before}"
        elif failed != error:
            how = ("failed", "works") if failed else ("worked", "fails")
            self.left = f"after turn {self._given} {name} {how[1]}, where it {how[0]}"
        elif text != then:
            self.differing.append(f"turn {self._given}: {name}")
