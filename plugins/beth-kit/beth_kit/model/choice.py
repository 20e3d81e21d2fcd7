"""Which model each role uses, and whether its key is there: known and shown before any call is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from beth_kit.model.base import Model
from beth_kit.model.keys import KEY_VARIABLES, Key, key_of, key_variables, keys_found
from beth_kit.model.litellm_model import Endpoint
from beth_kit.model.prices import Price, price_of
from beth_kit.model.retrying import PATIENCE, Persistence
from beth_kit.model.transcript import installed, located
from beth_kit.model.wishes import Wishes, listed, role_and_model
from beth_sdk.clock import Clock
from beth_sdk.errors import ConfigurationError, SettingError
from beth_sdk.manifest import Manifest, ModelChoice, effective_model
from beth_sdk.settings import Settings, parse_duration

DEFAULT_MODELS: Mapping[str, str] = {
    "anthropic": "claude-sonnet-5-5",
    "deepseek": "deepseek-v4-pro",
    "gemini": "gemini-3.8-flash",
    "mistral": "mistral-large-latest",
    "openai": "gpt-5.6",
    "xai": "grok-4.5",
}
"""What a role uses at a provider that its manifest does not name: one model each that calls tools and whose price
litellm's table knows (1.106)."""

ALLOW_UNKNOWN_PRICE = "BETH_ALLOW_UNKNOWN_PRICE"
FALLBACKS = "LLM_FALLBACKS"
"""Models to ask while a role's own is unavailable: `provider/model`, separated by commas."""
MODELS = "BETH_MODELS"
"""What `--model` was given, for processes that have no such option: `model` or `role=model`, separated by commas."""
RECORD = "BETH_RECORD"
REPLAY = "BETH_REPLAY"
"""Folders that the calls of all roles are recorded in, and answered from."""

SCRIPTED = "scripted: no model is asked, its answers were written beforehand; what they order is really done"
"""Stands below a table with such a role."""

TIMEOUT = "LLM_TIMEOUT"
"""Seconds that one try of a call may take before it is given up and made again."""

_FAMILIES = (("claude", "anthropic"), ("gpt-", "openai"), ("o3", "openai"), ("o4", "openai"), ("gemini", "gemini"))


@dataclass(frozen=True, slots=True)
class Choice:
    """The model of a role. `why`: where the choice comes from, empty where it is the manifest's own."""

    role: str
    provider: str
    model: str
    key: Key
    base_url: str | None = None
    why: str = ""
    price: Price | None = None
    fallbacks: tuple[Endpoint, ...] = field(default=(), repr=False)
    allow_unknown_price: bool = False
    patience: float = PATIENCE
    """Seconds that one try of a call may take."""
    home: Path | None = None
    """Where Beth keeps everything: in a recording something else stands for it."""
    network: str = "none"
    """What the role's tools may reach: the manifest's word."""

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"

    @property
    def shown(self) -> str:
        """For people: of an installed transcript its name, and that it is one."""
        return f"{self.model} (scripted)" if self.provider == "scripted" and "/" not in self.model else self.name


def choose(
    manifests: Iterable[Manifest], settings: Settings, environ: Mapping[str, str], options: Sequence[str] = ()
) -> list[Choice]:
    """A choice for each manifest, in their order. `options`: what followed each `--model`: a model for all roles, or
    `role=model`. Before the manifest come LLM_PROVIDER and LLM_MODEL, before these BETH_MODELS, before that the options
    (one for all roles also before BETH_MODELS' for one). With BETH_REPLAY each role's model is what was recorded, and
    nothing else is looked at but the options' form.

    Where only one provider's key is found, a role whose manifest names another provider uses that provider's default.
    Raises `ConfigurationError` where a role has no model, or an option names no role. In BETH_MODELS, which is the
    same for all processes, other roles are passed over.
    """
    manifests = list(manifests)
    wishes = (
        Wishes.parsed(options, [manifest.role for manifest in manifests], "--model"),
        Wishes.parsed(listed(environ.get(MODELS, "")), None, MODELS),
    )
    if folder := environ.get(REPLAY, ""):
        return [replace(_replayed(one.role, folder, environ, settings.home), network=one.network) for one in manifests]
    keys = keys_found(environ)
    fallbacks = tuple(_endpoint(text, environ) for text in listed(environ.get(FALLBACKS, "")))
    allowed = _switch(environ, ALLOW_UNKNOWN_PRICE)
    patience = _patience(environ)
    choices = []
    for manifest in manifests:
        wished = next((one for one in wishes if one.of(manifest.role) is not None), None)
        if wished is not None:
            chosen, why = _model_named(wished.of(manifest.role) or "", settings, wished.source), wished.source
        else:
            chosen, why = _by_settings(manifest, settings, keys)
        price = price_of(chosen.provider, chosen.name)
        key = key_of(chosen.provider, environ)
        choices.append(
            Choice(
                manifest.role,
                chosen.provider,
                chosen.name,
                key,
                settings.llm_base_url,
                why,
                price,
                fallbacks,
                allowed,
                patience,
                settings.home,
            )
        )
    return [replace(choice, network=one.network) for choice, one in zip(choices, manifests, strict=True)]


def models_variable(options: Sequence[str], environ: Mapping[str, str]) -> str:
    """What BETH_MODELS must be in other processes for `choose` to come to the same there without `options`."""
    before = listed(environ.get(MODELS, ""))
    if any(role_and_model(option)[0] is None for option in options):
        before = []
    return ",".join([*before, *options])


def problems(choices: Iterable[Choice]) -> list[str]:
    """One line for each thing that would stop a call: no key, no price, no address."""
    lines = []
    for choice in choices:
        if not choice.key.found:
            lines.append(f"{choice.role}: {choice.name} needs a key: set {choice.key.variable}")
        if choice.provider == "gateway":
            if not choice.base_url:
                lines.append(f"{choice.role}: {choice.name} needs an address: set LLM_BASE_URL")
        elif choice.price is None and not choice.allow_unknown_price:
            lines.append(
                f"{choice.role}: nobody knows the price of {choice.name}: choose another model, or set "
                f"{ALLOW_UNKNOWN_PRICE}=1"
            )
    return lines


def table(choices: Sequence[Choice]) -> str:
    """The choices as text: role, model, key, what its tools may reach, US dollars per million tokens of input and
    output, and why."""
    head = ("role", "model", "key", "network", "$/M in", "$/M out", "")
    rows = [head, *(_row(choice) for choice in choices)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *([SCRIPTED] if any(choice.provider == "scripted" for choice in choices) else [])])


def opened(choice: Choice, environ: Mapping[str, str], clock: Clock | None = None) -> Model:
    """The model of a choice, recording into the folder BETH_RECORD, or replaying BETH_REPLAY in its place. `clock`
    dates what is recorded. Raises `ConfigurationError`."""
    record, replay = environ.get(RECORD, ""), environ.get(REPLAY, "")
    if record and replay:
        raise SettingError(RECORD, record, f"nothing while {REPLAY} is set too: unset one of the two")
    if replay:
        choice = _replayed(choice.role, replay, environ, choice.home)
    model = open_model(choice)
    if not record:
        return model
    from beth_kit.model.recording import RecordingModel

    return RecordingModel(model, record, clock, home=choice.home)


def open_model(choice: Choice) -> Model:
    """The model of a choice. Nothing is imported or connected before its first call. Raises `ConfigurationError`."""
    match choice.provider:
        case "scripted":
            from beth_kit.model.scripted import ScriptedModel

            return ScriptedModel.from_file(located(choice.model), source=choice.model)
        case "replay":
            from beth_kit.model.recording import ReplayModel

            return ReplayModel(choice.model, choice.role, home=choice.home)
        case "gateway":
            from beth_kit.model.openai_http import OpenAIHTTPModel

            if not choice.base_url:
                raise SettingError("LLM_BASE_URL", "", "the gateway's address, as https://gateway.example/v1")
            return OpenAIHTTPModel(
                choice.base_url,
                choice.model,
                choice.key.value,
                allow_unknown_price=choice.allow_unknown_price,
                persistence=Persistence(patience=choice.patience),
            )
    from beth_kit.model.litellm_model import LiteLLMModel

    return LiteLLMModel(
        choice.provider,
        choice.model,
        choice.base_url,
        choice.key.value,
        key_variable=choice.key.variable or "the credentials of the provider",
        fallbacks=choice.fallbacks,
        allow_unknown_price=choice.allow_unknown_price,
        persistence=Persistence(patience=choice.patience),
    )


def _by_settings(manifest: Manifest, settings: Settings, keys: Mapping[str, Key]) -> tuple[ModelChoice, str]:
    own = manifest.model
    provider = settings.llm_provider
    if provider and not settings.llm_model and (own is None or own.provider != provider):
        # The manifest's model is another provider's; its name would mean nothing there.
        return _default(provider, "LLM_MODEL"), f"LLM_PROVIDER={provider}"
    if provider or settings.llm_model:
        chosen = effective_model(manifest, settings)
        if chosen is not None:
            return chosen, "LLM_PROVIDER, LLM_MODEL" if provider and settings.llm_model else _only(provider)
    only = next(iter(keys)) if len(keys) == 1 else None
    if only is not None and (own is None or (own.provider != only and own.provider in KEY_VARIABLES)):
        return _default(only, "LLM_MODEL"), f"only {keys[only].variable} is set"
    if own is None:
        raise ConfigurationError(
            f"{manifest.role} has no model: set LLM_PROVIDER and LLM_MODEL, or the key of one provider "
            f"({', '.join(key_variables()[:3])}, …)"
        )
    return own, ""


def _only(provider: str | None) -> str:
    return "LLM_PROVIDER" if provider else "LLM_MODEL"


def _default(provider: str, variable: str) -> ModelChoice:
    if provider not in DEFAULT_MODELS:
        raise SettingError(variable, "", f"a model's name: {provider} has no default here")
    return ModelChoice(provider=provider, name=DEFAULT_MODELS[provider])


def _replayed(role: str, folder: str, environ: Mapping[str, str], home: Path | None) -> Choice:
    key, price = key_of("replay", environ), price_of("replay", folder)
    return Choice(role, "replay", folder, key, why=REPLAY, price=price, home=home)


def _model_named(text: str, settings: Settings, source: str) -> ModelChoice:
    provider, separator, name = text.partition("/")
    if separator and provider and name:
        return ModelChoice(provider=provider, name=name)
    known = next((provider for prefix, provider in _FAMILIES if text.startswith(prefix)), settings.llm_provider)
    if not separator and text in (transcripts := installed()):
        return ModelChoice(provider="scripted", name=text)
    if separator or known is None:
        names = "" if separator or not transcripts else f", or name an installed transcript: {', '.join(transcripts)}"
        raise ConfigurationError(f"{source} {text!r}: write it as provider/model, for instance openai/gpt-5.6{names}")
    return ModelChoice(provider=known, name=text)


def _endpoint(text: str, environ: Mapping[str, str]) -> Endpoint:
    provider, _, name = text.partition("/")
    if not provider or not name:
        raise SettingError(FALLBACKS, text, "provider/model, several separated by commas")
    key = key_of(provider, environ)
    if not key.found:
        raise SettingError(key.variable, "", f"a key: {FALLBACKS} names {text}")
    return Endpoint(provider, name, None, key.value, key.variable)


def _switch(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in {"", "0", "1", "false", "true"}:
        raise SettingError(name, text, "1 or 0")
    return text in {"1", "true"}


def _patience(environ: Mapping[str, str]) -> float:
    text = environ.get(TIMEOUT, "").strip()
    try:
        seconds = parse_duration(text) if text else PATIENCE
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise SettingError(TIMEOUT, text, "a duration above zero, as 90s or 10m")
    return seconds


def _row(choice: Choice) -> tuple[str, ...]:
    if choice.price is None:
        prices = ("by gateway", "") if choice.provider == "gateway" else ("unknown", "unknown")
    else:
        prices = (_dollars(choice.price.input), _dollars(choice.price.output))
    return (choice.role, choice.shown, choice.key.shown, choice.network, *prices, choice.why)


def _dollars(per_token: float) -> str:
    return f"{per_token * 1_000_000:.2f}" if per_token else "0"
