"""What an answer is to: a task's question, or one that Beth asks about a request or a gate. Pure."""

from __future__ import annotations

from typing import Any

from beth_agent_beth.fold import questions
from beth_agent_beth.fold.questions import Asked
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.orchestration.outcome import word_of
from beth_agent_beth.plan import planning, workflow
from beth_sdk import history
from beth_sdk.errors import ConfigurationError


def checked(state: RequestState, name: str, text: str, plan: workflow.Plan | None = None) -> tuple[str, dict[str, Any]]:
    """The key under which an answer counts, and what else is kept of it.

    Raises `ConfigurationError` where nothing is asked, or the answer is none of the options."""
    if name == state.id and not state.ended and not state.open_questions and len(state.questions) == 1:
        name = state.questions[0].id  # there is only one thing that can be meant
    asked = _asked_about(state, name)
    if plan is not None and (asked is None or asked.kind != "plan"):
        raise ConfigurationError(f"{name} does not ask for a plan")
    if asked is None:
        one = state.tasks.get(name)
        if one is None:
            raise ConfigurationError(f"{state.id} has no task {name!r}; `beth status {state.id}` shows them")
        return _key_of_task(state, one, text), {}
    _check_answer(state, asked, text)
    if plan is None:
        return asked.key, {}
    found = planning.checked(state, plan.model_dump(exclude_defaults=True))
    return asked.key, {"plan": found.model_dump(exclude_defaults=True)}


def _asked_about(state: RequestState, name: str) -> Asked | None:
    """Beth's open question about a request or a task; an answered one where there is none, so that a second answer is
    told that it comes late. None where a task's own question is meant.

    Raises `ConfigurationError` for a request of which nothing is asked."""
    round_ = state.tasks.get(name)
    about = round_.again_of if round_ is not None and round_.again_of is not None else name
    found = [one for one in state.asked.values() if about in (one.about, one.id)]
    opened = [one for one in found if one.open]
    if opened and not state.ended:
        return opened[0]
    found = [one for one in found if one.answer is not None]
    if name != state.id:
        one = state.tasks.get(name)
        return found[-1] if found and one is not None and one.status != "asking" else None
    own = state.open_questions
    if len(own) == 1 and not state.questions:
        return own[0]
    waiting = [*(one.about for one in own), *(one.id for one in state.questions)]
    if waiting and not state.ended:
        raise ConfigurationError(f"{name} asks several things: answer {' or '.join(waiting)}")
    if found:
        return found[-1]
    raise ConfigurationError(f"{name} waits for no answer: it is {word_of(state)}")


def _check_answer(state: RequestState, asked: Asked, text: str) -> None:
    flaw = questions.flaw_of(asked, text)
    if flaw is not None:
        raise ConfigurationError(f"{text!r} is no answer to this question; {flaw}")
    amount = questions.amount_of(text)
    if asked.kind == "budget" and amount is not None and asked.answer is None and asked.dimension is not None:
        total = getattr(state.budget.total, asked.dimension) or 0
        if (amount <= 0) if text.strip().startswith("+") else (amount <= total):
            raise ConfigurationError(f"{text!r} is not more: the total is {total:g}; it takes more than that, or stop")


def _key_of_task(state: RequestState, one: TaskState, text: str) -> str:
    """The key under which an answer to a task's question counts; where the task has gone on since, that of its last
    question, so that a second answer is told that it comes late. Raises `ConfigurationError`."""
    answered = [key for key in state.answers if key.rpartition(":")[0] == one.id]
    if one.status != "asking" and answered:
        return answered[-1]
    if one.status != "asking" or one.result is None:
        raise ConfigurationError(f"{one.id} waits for no answer: it is {one.status}")
    question = one.result.question
    if question is not None and question.id == history.PAUSE_QUESTION:
        raise ConfigurationError(f"{one.id} is paused; `beth resume {one.id}` has it go on")
    if question is not None and question.options and text not in question.options:
        raise ConfigurationError(f"{text!r} is no answer to this question; it takes {' | '.join(question.options)}")
    return one.result.key
