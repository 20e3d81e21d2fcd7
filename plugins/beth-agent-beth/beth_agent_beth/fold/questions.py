"""What Beth herself asks about a request: whether a plan is right, how a gate's dispute ends, whether there is more
money. Pure; tasks ask questions of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

KEY = "question/"
"""How the answer to such a question is keyed, before the question's id; tasks' are keyed by their continuation."""

Kind = Literal["plan", "gate", "budget"]

APPROVE = "approve"
STOP = "stop"
ACCEPT = "accept"
AGAIN = "another round"

OPTIONS: Mapping[str, tuple[str, ...]] = {"plan": (APPROVE, STOP), "gate": (AGAIN, ACCEPT, STOP), "budget": ()}
"""What may be answered; to a question about the budget, an amount of US dollars or `stop`."""


@dataclass(slots=True)
class Asked:
    """A question and, once there is one, its answer. `about`: the request, or the task of a gate."""

    id: str
    about: str
    kind: str
    text: str
    options: tuple[str, ...] = ()
    dimension: str | None = None
    """Of a budget: what is short."""
    answer: str | None = None
    moot: bool = False
    """Whether it has settled itself before anybody answered."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What came with the answer, such as an edited plan."""

    @property
    def open(self) -> bool:
        """Whether an answer is waited for."""
        return self.answer is None and not self.moot

    @property
    def key(self) -> str:
        """Under which the first answer counts."""
        return f"{KEY}{self.id}"

    def to_json(self) -> dict[str, Any]:
        """The `asking` fact's question."""
        told = {"id": self.id, "about": self.about, "kind": self.kind, "text": self.text, "options": list(self.options)}
        return told if self.dimension is None else {**told, "dimension": self.dimension}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Asked:
        """What that fact says."""
        return cls(
            told["id"], told["about"], told["kind"], told["text"], tuple(told.get("options", ())), told.get("dimension")
        )


def word_of(answer: str) -> tuple[str, str]:
    """An answer and what follows its first colon: `another round: use the clock that is passed in`."""
    word, _, rest = answer.partition(":")
    return word.strip().lower(), rest.strip()


def amount_of(answer: str) -> float | None:
    """An amount as people write it, `2.50`, `$2.50`, `+1 USD`; None for what is none."""
    text = answer.strip().lower().removesuffix("usd").strip().removeprefix("+").removeprefix("$").strip()
    try:
        amount = float(text)
    except ValueError:
        return None
    return amount if 0 <= amount < 1e9 else None


def flaw_of(asked: Asked, answer: str) -> str | None:
    """Why an answer is none to this question; None where it is."""
    word = word_of(answer)[0]
    if asked.kind == "budget":
        if word == STOP or amount_of(answer) is not None:
            return None
        unit = {"tokens": "in tokens, such as 500000", "seconds": "in seconds, such as 7200"}
        said = unit.get(asked.dimension or "", "in US dollars, such as 2.50")
        return f"it takes the new total {said}, how much more (+1), or {STOP}"
    if asked.options and word not in asked.options:
        return f"it takes {' | '.join(asked.options)}"
    return None
