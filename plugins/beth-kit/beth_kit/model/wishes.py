"""What was given after `--model`, and its form in BETH_MODELS: a model for all roles, or for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from beth_sdk.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Wishes:
    """The models that one `source` asks for."""

    source: str
    for_all: str | None
    for_one: Mapping[str, str]

    @classmethod
    def parsed(cls, texts: Sequence[str], roles: Sequence[str] | None, source: str) -> Wishes:
        """`roles`: those there are; None: any. Raises `ConfigurationError`."""
        for_all, for_one = None, {}
        for text in texts:
            role, model = role_and_model(text)
            if not model.strip() or role == "":
                raise ConfigurationError(f"{source} {text!r}: give a model, or role=model")
            if role is None:
                for_all = model
            elif roles is None or role in roles:
                for_one[role] = model
            else:
                raise ConfigurationError(f"{source} {text!r}: no role {role!r}; roles: {', '.join(roles) or 'none'}")
        return cls(source, for_all, for_one)

    def of(self, role: str) -> str | None:
        return self.for_one.get(role, self.for_all)


def role_and_model(text: str) -> tuple[str | None, str]:
    """The parts of `role=model`; None for the role where it is a model for all, whose name may hold a `=` too."""
    role, separator, model = text.partition("=")
    return (role.strip(), model.strip()) if separator and "/" not in role else (None, text)


def listed(text: str) -> list[str]:
    """The parts of a text that commas separate."""
    return [part.strip() for part in text.split(",") if part.strip()]
