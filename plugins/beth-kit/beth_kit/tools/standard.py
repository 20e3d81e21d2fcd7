"""The tools of a role: the standard ones, and those its manifest names."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from beth_kit.sandbox.policy import Network
from beth_kit.tools.base import Tool
from beth_kit.tools.bash import bash_tool
from beth_kit.tools.commit import commit
from beth_kit.tools.edit import edit
from beth_kit.tools.finish import finish_tool
from beth_kit.tools.install import install
from beth_kit.tools.people import ask, delegate
from beth_kit.tools.recall import recall, remember
from beth_sdk.errors import ConfigurationError
from beth_sdk.manifest import Manifest


def standard_tools(
    manifest: Manifest, output_schema: Mapping[str, Any] | None = None, network: Network | None = None
) -> list[Tool]:
    """All tools of a task. `output_schema`: of its type's result; `network`: in place of the manifest's.

    Raises `ConfigurationError` for a tool of the manifest that cannot be imported, is none, or has the name of another.
    """
    allowed = network or manifest.network
    tools = [bash_tool(allowed), edit, commit, ask, delegate, remember, recall]
    if allowed == "packages":
        tools.append(install)
    tools += [imported(name, manifest.role) for name in manifest.tools]
    tools.append(finish_tool(output_schema))
    names = [one.name for one in tools]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(
            f"role {manifest.role}: several tools are named {', '.join(twice)}: rename one of them"
        )
    return tools


def imported(name: str, role: str) -> Tool:
    """The tool at an import path, `package.module:name`. Raises `ConfigurationError`."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ConfigurationError(f"role {role}: tool {name!r}: name it like my_package.tools:search")
    try:
        found = importlib.import_module(module)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ConfigurationError(f"role {role}: tool {name!r}: {module} cannot be imported: {reason}") from error
    one = getattr(found, attribute, None)
    if not isinstance(one, Tool):
        missing = "is not there" if one is None else f"is {type(one).__name__}, no tool"
        raise ConfigurationError(f"role {role}: tool {name!r}: {attribute} {missing}: make it one with @tool")
    return one
