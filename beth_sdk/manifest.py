"""An agent's manifest, `agent.toml`: read without importing the agent, and the settings that win over it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from beth_sdk.errors import ManifestError, SettingError
from beth_sdk.manifest_check import not_toml, problem_beyond_the_schema, problem_with_values
from beth_sdk.manifest_model import Deploy, Limits, Manifest, ModelChoice, TaskType
from beth_sdk.patterns import ROLE_PATTERN
from beth_sdk.settings import Settings

__all__ = [
    "MANIFEST_NAME",
    "Deploy",
    "EffectiveLimits",
    "Limits",
    "Manifest",
    "ModelChoice",
    "TaskType",
    "effective_limits",
    "effective_model",
    "effective_queues",
    "load_manifest",
    "parse_manifest",
    "role_of_topic",
]

MANIFEST_NAME = "agent.toml"
"""A manifest's file name, beside the `__init__.py` of the agent's package."""


def load_manifest(path: Path | str) -> Manifest:
    """Read a manifest, or the one in a directory, and check that the files it names exist. Raises `ManifestError`."""
    path = Path(path)
    if path.is_dir():
        path /= MANIFEST_NAME
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ManifestError(
            str(path), None, f"cannot be read ({reason})", f"put {MANIFEST_NAME} beside the package's __init__.py"
        ) from None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ManifestError(str(path), line, "not UTF-8 text", "save the file as UTF-8") from None
    return parse_manifest(text, str(path), directory=path.parent.absolute())


def parse_manifest(text: str, file: str = MANIFEST_NAME, *, directory: Path | None = None) -> Manifest:
    """A manifest from its text. `file` names it in errors; the files it names are looked for in `directory`, if given.

    Raises `ManifestError` for the first mistake, unknown keys before everything else.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise not_toml(error, text, file) from None
    try:
        manifest = Manifest.model_validate(document).located(directory)
    except ValidationError as error:
        raise problem_with_values(error, text, file) from None
    problem = problem_beyond_the_schema(manifest, text, file)
    if problem is not None:
        raise problem
    return manifest


# -- what counts when settings say something too ----------------------------------------------


@dataclass(frozen=True, slots=True)
class EffectiveLimits:
    """The limits a worker goes by."""

    attempts: int
    lease_seconds: float
    concurrency: int
    steps: int
    cost_usd: float | None
    wall_seconds: float | None
    timeout_seconds: float | None


def effective_limits(manifest: Manifest, settings: Settings) -> EffectiveLimits:
    """The manifest's limits, with BETH_LEASE, BETH_CONCURRENCY and BETH_MAX_ATTEMPTS over them."""
    limits = manifest.limits
    return EffectiveLimits(
        attempts=settings.max_attempts or limits.attempts,
        lease_seconds=settings.lease or limits.lease_seconds,
        concurrency=settings.concurrency or limits.concurrency,
        steps=limits.steps,
        cost_usd=limits.cost_usd,
        wall_seconds=limits.wall_seconds,
        timeout_seconds=limits.timeout_seconds,
    )


def effective_model(manifest: Manifest, settings: Settings) -> ModelChoice | None:
    """The manifest's model, with LLM_PROVIDER and LLM_MODEL over it; None where neither names one.

    Raises `SettingError` where one half of it is known and the other is not.
    """
    chosen = manifest.model
    provider = settings.llm_provider or (chosen.provider if chosen else None)
    name = settings.llm_model or (chosen.name if chosen else None)
    if provider and name:
        return ModelChoice(provider=provider, name=name)
    if provider:
        raise SettingError("LLM_MODEL", "", f"a model's name: LLM_PROVIDER is {provider}, and the manifest names none")
    if name:
        raise SettingError("LLM_PROVIDER", "", f"a provider's name: LLM_MODEL is {name}, and the manifest names none")
    return None


def effective_queues(manifest: Manifest, settings: Settings) -> tuple[str, ...]:
    """The queues a worker of this role takes tasks from: SUBSCRIBE_TOPICS, or all of the manifest's.

    Where SUBSCRIBE_TOPICS names one of the role's own queues, it means that queue under all its names: a worker that
    subscribes to `tasks.security` gets what was published to `tasks.security-reviewer`.
    """
    if not settings.subscribe_topics:
        return manifest.queues
    own = manifest.own_queues
    named = (queue for topic in settings.subscribe_topics for queue in (own if topic in own else (topic,)))
    return tuple(dict.fromkeys(named))


def role_of_topic(topic: str, manifests: Iterable[Manifest] = ()) -> str | None:
    """The role whose tasks travel on `topic`: by name or alias in `manifests`, else by its form `tasks.<role>`."""
    for manifest in manifests:
        if topic in manifest.queues:
            return manifest.role
    name = topic.removeprefix("tasks.")
    return name if name != topic and re.search(ROLE_PATTERN, name) else None
