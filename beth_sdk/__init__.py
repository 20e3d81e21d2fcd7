"""Beth's SDK: build an agent, and everything that keeps its tasks from being lost or done twice."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beth_sdk.agent import Agent, Context, Service
    from beth_sdk.errors import BethError, Fatal, Rejected, Retryable, StepRaised
    from beth_sdk.hookspecs import hookimpl
    from beth_sdk.messages import (
        Artifact,
        ErrorInfo,
        Finding,
        Payload,
        Question,
        Result,
        Task,
        Usage,
        Verdict,
        WantedTask,
    )

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "Artifact",
    "BethError",
    "Context",
    "ErrorInfo",
    "Fatal",
    "Finding",
    "Payload",
    "Question",
    "Rejected",
    "Result",
    "Retryable",
    "Service",
    "StepRaised",
    "Task",
    "Usage",
    "Verdict",
    "WantedTask",
    "__version__",
    "hookimpl",
]

_HOMES = {
    "beth_sdk.agent": ("Agent", "Context", "Service"),
    "beth_sdk.errors": ("BethError", "Fatal", "Rejected", "Retryable", "StepRaised"),
    "beth_sdk.hookspecs": ("hookimpl",),
    "beth_sdk.messages": (
        "Artifact",
        "ErrorInfo",
        "Finding",
        "Payload",
        "Question",
        "Result",
        "Task",
        "Usage",
        "Verdict",
        "WantedTask",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    # The models cost a tenth of a second to import; `beth --help` and shell completion do without them.
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
