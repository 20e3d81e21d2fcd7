"""The kit for agents with a model: `LLMAgent`, its tools, their sandbox, the workspace and the memory of a role."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beth_kit.context import KitContext
    from beth_kit.loop.agent import Finished, LLMAgent
    from beth_kit.tools.base import Tool, ToolReply, tool

__version__ = "0.1.0"

__all__ = ["Finished", "KitContext", "LLMAgent", "Tool", "ToolReply", "__version__", "tool"]

_HOMES = {
    "Finished": "beth_kit.loop.agent",
    "KitContext": "beth_kit.context",
    "LLMAgent": "beth_kit.loop.agent",
    "Tool": "beth_kit.tools.base",
    "ToolReply": "beth_kit.tools.base",
    "tool": "beth_kit.tools.base",
}


def __getattr__(name: str) -> Any:
    # `beth doctor` asks the sandbox alone, and `beth show` the repository: neither needs the loop.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
