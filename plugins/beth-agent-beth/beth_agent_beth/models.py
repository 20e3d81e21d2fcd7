"""Which models a run is going to ask: known, shown and checked before anything is submitted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import beth_kit
from beth_kit.model import choice, prices, transcript
from beth_kit.model.choice import Choice
from beth_sdk.errors import ConfigurationError, PluginError
from beth_sdk.manifest import Manifest
from beth_sdk.plugins import InstalledAgent
from beth_sdk.settings import Settings

DEMO = "demo"
"""The transcript that needs no key, where it is installed."""

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
    """Raises `ConfigurationError` that names everything which would stop a call, each with its roles."""
    lines = list(_complaints(list(choices)))
    if lines:
        raise ConfigurationError("; ".join(lines))


def _complaints(choices: Sequence[Choice]) -> Iterator[str]:
    by_words: dict[str, list[str]] = {}
    for one in choices:
        for line in choice.problems([one]):
            by_words.setdefault(line.removeprefix(f"{one.role}: "), []).append(one.role)
    near = {one.name: prices.near(one.provider, one.model) for one in choices if _unknown(one)}
    misspelt = {name for name, found in near.items() if found}
    keyless = False
    for words, roles in by_words.items():
        if any(words.startswith(f"{name} needs a key") for name in misspelt):
            continue  # of a model that there is not, the name comes first
        name = next((name for name in misspelt if f"the price of {name}:" in words), None)
        who = ", ".join(roles)
        keyless = keyless or "needs a key" in words
        yield f"{who}: {words}" if name is None else f"{who}: no model {name}; did you mean {' or '.join(near[name])}?"
    if keyless and _in_demo({one.role for one in choices}):
        yield f"or see it without a key: --model {DEMO}"


def _in_demo(roles: set[str]) -> bool:
    """Whether the demo is installed and knows what all of these roles say."""
    if DEMO not in transcript.installed():
        return False
    return roles <= transcript.read(transcript.located(DEMO)).roles.keys()


def _unknown(one: Choice) -> bool:
    return one.price is None and one.provider != "gateway" and not one.allow_unknown_price


def lacks(agent: InstalledAgent, settings: Settings, environ: Mapping[str, str]) -> str | None:
    """What would stop the first call of an agent's model, in a line; None where nothing would, or it asks none."""
    if environ.get(choice.REPLAY):
        return None
    try:
        return "; ".join(choice.problems(chosen([agent], settings, environ))) or None
    except ConfigurationError as error:
        return str(error)


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
