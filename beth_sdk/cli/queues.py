"""Which queues a command is about: the one that was named, a role's, or those of all installed agents."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from beth_sdk.errors import ConfigurationError
from beth_sdk.plugins import discover_agents
from beth_sdk.publish import queue_of

R = TypeVar("R")


def queues_option(function: Callable[..., R]) -> Callable[..., R]:
    """Adds `--queue` and `--role`; the command gets what they mean as `queues`."""

    @click.option("--queue", help="Only this queue, such as tasks.developer.")
    @click.option("--role", help="Only the queues of this role.")
    @functools.wraps(function)
    def with_queues(*args: Any, queue: str | None, role: str | None, **kwargs: Any) -> R:
        return function(*args, queues=chosen_queues(queue, role), **kwargs)

    return with_queues


def chosen_queues(queue: str | None, role: str | None) -> tuple[str, ...]:
    """The queues meant by `--queue` and `--role`; without either, those of all installed agents.

    A role that nobody installed plays has the queue of its name, which may still hold something.
    Raises `ConfigurationError` where no queue is known, and `UsageError` for both options at once.
    """
    if queue is not None and role is not None:
        raise click.UsageError("--queue and --role exclude each other")
    if queue is not None:
        return (queue,)
    manifests = [agent.manifest for agent in discover_agents() if agent.manifest is not None and agent.error is None]
    if role is not None:
        of_role = [name for manifest in manifests if manifest.role == role for name in manifest.queues]
        return tuple(of_role) or (queue_of(role),)
    if not manifests:
        raise ConfigurationError("no agent is installed, so no queue is known here: name one with --queue or --role")
    return tuple(dict.fromkeys(name for manifest in manifests for name in manifest.queues))
