"""Which models a run is going to ask: known, shown and checked before anything is submitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import beth_kit
from beth_kit.model import choice
from beth_kit.model.choice import Choice
from beth_sdk.errors import ConfigurationError, PluginError
from beth_sdk.manifest import Manifest
from beth_sdk.plugins import InstalledAgent
from beth_sdk.settings import Settings

PER = 1_000_000
"""Tokens that a price is told for."""


def chosen(
    agents: Iterable[InstalledAgent], settings: Settings, environ: Mapping[str, str], options: Sequence[str] = ()
) -> list[Choice]:
    """The model of each of these agents that asks one, `options` being what followed each `--model`.

    Raises `ConfigurationError` where a role has no model, or an option names no role.
    """
    asked = bool(settings.llm_provider or settings.llm_model or environ.get(choice.MODELS) or options)
    return choice.choose(_with_model(agents, asked=asked), settings, environ, options)


def check(choices: Iterable[Choice]) -> None:
    """Raises `ConfigurationError` that names everything which would stop a call."""
    problems = choice.problems(choices)
    if problems:
        raise ConfigurationError("; ".join(problems))


def rows(choices: Iterable[Choice]) -> list[dict[str, Any]]:
    """The table as data: prices in US dollars per million tokens, null where nobody knows them; never a key."""
    return [
        {
            "role": one.role,
            "model": one.name,
            "key": one.key.shown,
            "network": one.network,
            "usd_per_million_input": None if one.price is None else round(one.price.input * PER, 6),
            "usd_per_million_output": None if one.price is None else round(one.price.output * PER, 6),
            "why": one.why,
        }
        for one in choices
    ]


def _with_model(agents: Iterable[InstalledAgent], *, asked: bool) -> list[Manifest]:
    """The manifests of those that ask a model. One that names none may still take what was `asked` for, if it is an
    agent of that kind; finding that out takes its code."""
    found: dict[str, Manifest] = {}
    for agent in agents:
        manifest = agent.manifest
        if manifest is None or manifest.class_ is None:
            continue
        if manifest.model is not None or (asked and _is_llm_agent(agent)):
            found[manifest.role] = manifest
    return list(found.values())


def _is_llm_agent(agent: InstalledAgent) -> bool:
    try:
        return isinstance(agent.load(), beth_kit.LLMAgent)
    except PluginError:
        return False  # it is said where it is to be played
