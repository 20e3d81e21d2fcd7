"""The keys of providers: which environment variable holds each, and whether it is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from beth_kit.model.prices import FREE
from beth_sdk.errors import SettingError

KEY_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "azure": ("AZURE_API_KEY",),
    "cerebras": ("CEREBRAS_API_KEY",),
    "cohere": ("COHERE_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "fireworks_ai": ("FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "perplexity": ("PERPLEXITYAI_API_KEY",),
    "together_ai": ("TOGETHERAI_API_KEY",),
    "xai": ("XAI_API_KEY",),
}
"""By litellm's names of providers, the first variable being the one that errors name."""

OWN_CREDENTIALS = frozenset({"bedrock", "bedrock_converse", "sagemaker", "vertex_ai"})
"""Providers whose client finds its credentials itself: files, instance roles, several variables."""


@dataclass(frozen=True, slots=True)
class Key:
    """A provider's key: its `variable`, its `value` where one is found, and whether it is `needed` at all."""

    variable: str
    value: str | None = field(default=None, repr=False)
    needed: bool = True

    @property
    def found(self) -> bool:
        return self.value is not None or not self.needed

    @property
    def shown(self) -> str:
        """For people: the variable it was found in, never the key."""
        if self.value is not None:
            return self.variable
        return f"{self.variable} MISSING" if self.needed else "not needed"


def key_of(provider: str, environ: Mapping[str, str]) -> Key:
    """The key of a provider, from its variable or the file that NAME_FILE names. Raises `SettingError`."""
    if provider in FREE or provider in OWN_CREDENTIALS:
        return Key("", needed=False)
    if provider == "gateway":
        return Key("LLM_API_KEY", _value("LLM_API_KEY", environ), needed=False)
    names = KEY_VARIABLES.get(provider, (f"{provider.upper().replace('-', '_')}_API_KEY",))
    for name in names:
        value = _value(name, environ)
        if value is not None:
            return Key(name, value)
    return Key(names[0])


def keys_found(environ: Mapping[str, str]) -> dict[str, Key]:
    """The known providers whose key is there."""
    keys = {provider: key_of(provider, environ) for provider in KEY_VARIABLES}
    return {provider: key for provider, key in keys.items() if key.found}


def key_variables() -> tuple[str, ...]:
    """All variables that may hold a key, sorted."""
    return tuple(sorted(name for names in KEY_VARIABLES.values() for name in names))


def _value(name: str, environ: Mapping[str, str]) -> str | None:
    value, file = environ.get(name, "").strip(), environ.get(f"{name}_FILE", "")
    if value and file:
        raise SettingError(f"{name}_FILE", file, f"nothing while {name} is set too: unset one of the two")
    if not file:
        return value or None
    try:
        return Path(file).read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError):
        raise SettingError(f"{name}_FILE", file, "the path of a text file that can be read") from None
