"""Tasks of agents with a model that does what a test says: real git and real tools, outside a sandbox unless asked."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from beth_kit.loop.agent import LLMAgent
from beth_kit.model.base import Message, ModelReply, ModelRequest, Stop, Usage
from beth_kit.testing import Stage
from beth_sdk.agent import Suspended
from beth_sdk.manifest import Manifest, parse_manifest
from beth_sdk.messages import Result
from beth_sdk.testing import Killed, ManualClock


def manifest(**limits: object) -> Manifest:
    """A developer's, with these limits."""
    told = ", ".join(f"{name} = {json.dumps(value)}" for name, value in limits.items())
    return parse_manifest(
        f'manifest_version = 1\nrole = "developer"\ndescription = "Writes code"\nclass = "a.b:C"\nlimits = {{{told}}}\n'
    )


def call(name: str, arguments: Mapping[str, Any] | str | None = None, call_id: str | None = None) -> dict[str, Any]:
    """A tool call as a provider has it."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    found: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": text}}
    return found if call_id is None else {"id": call_id, **found}


def bash(command: str) -> dict[str, Any]:
    return call("bash", {"command": command})


FINISH = call("finish", {"result": {"summary": "done"}})


def reply(*calls: Mapping[str, Any], say: str | None = None, stop: Stop | None = None, **further: Any) -> ModelReply:
    """A model's reply; calls without an id get one. `further`: fields of a `ModelReply`."""
    named = [{"id": f"call-{place}", **one} for place, one in enumerate(calls)]
    message: dict[str, Any] = {"role": "assistant", "content": say, **({"tool_calls": named} if named else {})}
    return ModelReply(message, stop or ("tool_calls" if named else "end"), **further)


Answer = ModelReply | Exception


class Puppet:
    """A model that gives the answer for the number of its call (the last one over and over), or what a function says
    of the request. `requests` are those it got; `price` in US dollars is what it estimates and costs."""

    name = "puppet/one"

    def __init__(self, answers: Sequence[Answer] | Callable[[ModelRequest], Answer], price: float = 0.0) -> None:
        self._answers = answers
        self.price = price
        self.requests: list[ModelRequest] = []

    def estimate(self, request: ModelRequest) -> float:
        return self.price

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        number = int(request.key.rpartition(":")[2])
        if callable(self._answers):
            answer = self._answers(request)
        else:
            answer = self._answers[min(number, len(self._answers) - 1)]
        if isinstance(answer, Exception):
            raise answer
        usage = answer.usage if answer.usage != Usage() else Usage(100, 10)
        at = answer.at if answer.at is not None else 1_700_000_000.0 + number
        return dataclasses.replace(answer, usage=usage, cost_usd=self.price, at=at)

    async def close(self) -> None: ...

    def seen(self, number: int = -1) -> list[Message]:
        """The messages of one request after the frame's."""
        return list(self.requests[number].messages)[2:]

    def read(self, number: int = -1) -> str:
        """What the model was told last in one request."""
        return str(self.requests[number].messages[-1]["content"])


Plays = Callable[..., Stage]


@pytest.fixture
def plays() -> Plays:
    """Makes a stage with a puppet that gives these answers: `plays(reply(FINISH), agent=…, price=…, steps=9)`."""

    def make(
        *answers: Answer,
        agent: LLMAgent | None = None,
        model: Puppet | None = None,
        price: float = 0.0,
        clock: ManualClock | None = None,
        sandbox: bool = False,
        **limits: object,
    ) -> Stage:
        environ = {} if sandbox else {"BETH_SANDBOX": "off"}
        puppet = model or Puppet(answers, price)
        return Stage(agent or LLMAgent(), manifest(**limits), "Do it", puppet, environ=environ, clock=clock)

    return make


def puppet_of(stage: Stage) -> Puppet:
    assert isinstance(stage.model, Puppet)
    return stage.model


async def to_the_end(stage: Stage, answers: Sequence[str] = ()) -> Result:
    """Deliver until there is a result: after each death, and after each question with the next of the answers."""
    changes: dict[str, Any] = {}
    left = list(answers)
    while True:
        try:
            return await stage.deliver(**changes)
        except Killed:
            if isinstance(stage.diary.clock, ManualClock):
                stage.diary.clock.advance(3600)
        except Suspended as asked:
            question = asked.question.id if asked.question else None
            number = int(changes.get("continuation", 0)) + 1
            changes = {"continuation": number, "answer": {"question": question, "text": left.pop(0)}}


def error_of(result: Result) -> tuple[str, str]:
    """Code and message of a task that failed."""
    assert result.status == "failed"
    assert result.error is not None
    return result.error.code, result.error.message
