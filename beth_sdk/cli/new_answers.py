"""What `beth new agent` has to know of an agent, and whether that will do. Pure."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from beth_sdk.manifest import ModelChoice
from beth_sdk.messages import ACCEPTED, Role, portable
from beth_sdk.patterns import ROLE_PATTERN

PREFIX = "beth-agent-"
"""What the names of agents' packages begin with, unless their authors name them otherwise."""

KINDS = ("llm", "python", "command")
DEFAULT_TYPE = "work"
DEFAULT_MODEL = "anthropic/claude-sonnet-5-5"

_NAME = TypeAdapter(Role)
_IMPORTED = frozenset({"Agent", "Context", "Finished", "KitContext", "Result", "Stage", "Task"})
"""Names that the generated modules import, so that no class of theirs can be called so."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the template is filled in with. `model` as provider/name; None where no model plays the role."""

    role: str
    distribution: str
    description: str
    kind: str = "llm"
    task_types: tuple[str, ...] = (DEFAULT_TYPE,)
    model: str | None = None

    @property
    def package(self) -> str:
        """The name to import."""
        return self.distribution.replace("-", "_")

    @property
    def class_name(self) -> str:
        """As the template makes it of the role."""
        return self.role.replace("-", " ").title().replace(" ", "")

    def variables(self) -> dict[str, Any]:
        """The template's variables."""
        return {
            "role": self.role,
            "distribution": self.distribution,
            "description": self.description,
            "kind": self.kind,
            "task_types": ",".join(self.task_types),
            "model": self.model or DEFAULT_MODEL,
        }


def role_and_distribution(name: str | None, role: str | None) -> tuple[str, str]:
    """From what was said: a name alone is the role, with or without the prefix; beside a role, it is the package's.

    At least one of them must be there.
    """
    if role is None:
        assert name is not None
        role, name = name.removeprefix(PREFIX), None
    return role, name or f"{PREFIX}{role}"


def described(role: str) -> str:
    """The description of an agent whose author gave none."""
    return f"Plays the role of {role.replace('-', ' ')}"


def problems(answers: Answers) -> Iterator[tuple[str, str]]:
    """What will not do: where it was said, and why. The first is the one to be put right first."""
    yield from (("role", why) for why in _role(answers.role))
    if not _is_name(answers.distribution) or "--" in answers.distribution:
        yield "name", f"{answers.distribution!r} cannot be a package's name: {_words()}"
    elif why := _taken(answers.package):
        yield "name", f"the package would be called {answers.package}, which {why}: choose another name"
    elif why := _taken(answers.class_name, imported=True):
        yield "role", f"its class would be called {answers.class_name}, which {why}: choose another role"
    for task_type in answers.task_types:
        if not _is_name(task_type):
            yield "task type", f"{task_type!r} cannot be one: {_words()}"
    if not answers.task_types or len(set(answers.task_types)) < len(answers.task_types):
        yield "task type", "name at least one, and each once"
    yield from (("description", why) for why in _description(answers.description))
    if answers.kind not in KINDS:
        yield "kind", f"{answers.kind!r} is none: there are {', '.join(KINDS)}"
    elif answers.kind != "llm" and answers.model is not None:
        yield "model", f"an agent of the kind {answers.kind} has none: leave it out, or choose --kind llm"
    elif answers.model is not None and not _is_model(answers.model):
        yield "model", f"{answers.model!r} should be provider/name, such as {DEFAULT_MODEL}"


def _role(role: str) -> Iterator[str]:
    if not _is_name(role):
        yield f"{role!r} cannot be one: {_words()}"
    elif role == "beth":
        yield "beth is the orchestrator's own: choose another one"


def _is_name(text: str) -> bool:
    try:
        _NAME.validate_python(text)
    except ValidationError:
        return False
    return True


def _words() -> str:
    return f"write {ACCEPTED[portable(ROLE_PATTERN)]}, 64 characters at most"


def _taken(name: str, *, imported: bool = False) -> str | None:
    """Why nothing of one's own can have this name in Python."""
    if keyword.iskeyword(name):
        return "is a word of Python's own"
    if name in sys.stdlib_module_names:
        return "is a module of Python's standard library"
    if imported and (name in _IMPORTED or hasattr(builtins, name)):
        return "is the name of something else there"
    return None


def _description(text: str) -> Iterator[str]:
    if not text.strip():
        yield "write what the agent does, in one line"
    elif not text.isprintable():
        yield "write it in one line, without control characters"
    elif re.search(r"\{[{%#]", text):
        yield "leave out {{, {% and {#, which mean something else in a template"


def _is_model(text: str) -> bool:
    provider, separator, name = text.partition("/")
    if not separator or re.search(r"[\s\"\\{}]", text):
        return False
    try:
        ModelChoice(provider=provider, name=name)
    except ValidationError:
        return False
    return True
