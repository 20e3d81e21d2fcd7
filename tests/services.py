"""What tests need besides Python: looked for once a run; an absent service skips its tests, and is listed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import NoReturn

import pytest

from scripts.workspace import ROOT

REQUIRED = "BETH_REQUIRE_SERVICES"
"""Comma-separated names of services that must be there: their tests fail instead of being skipped."""


class AbsentError(Exception):
    """A service is not there; the message says why."""


def find_node() -> str:
    """Node.js 18 or newer with npm (the AsyncAPI parser runs on it)."""
    if shutil.which("npm") is None:
        raise AbsentError("no npm on PATH")
    try:
        asked = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise AbsentError(f"no working node on PATH ({error})") from None
    version = asked.stdout.strip().removeprefix("v")
    if int(version.partition(".")[0]) < 18:
        raise AbsentError(f"node {version} is older than 18")
    return version


LITELLM_PROXY = ROOT / ".cache" / "services" / "litellm-proxy" / "bin"
"""The programs of the environment that `.ci/install-services` makes for it."""


def find_litellm_proxy() -> str:
    """The LiteLLM proxy, as requirements/litellm-proxy.txt pins it."""
    ask = "from importlib.metadata import version; print(version('litellm'))"
    if not (LITELLM_PROXY / "litellm").exists():
        raise AbsentError("run .ci/install-services")
    try:
        asked = subprocess.run(
            [LITELLM_PROXY / "python", "-I", "-c", ask], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise AbsentError(f"its environment does not work ({error}): run .ci/install-services") from None
    return asked.stdout.strip()


MCP_SERVERS = ROOT / ".cache" / "services" / "mcp-servers"
"""The environment of the reference MCP server for git."""

MCP_SERVERS_NPM = ROOT / ".cache" / "services" / "mcp-servers-npm" / "node_modules" / "@modelcontextprotocol"
"""The reference MCP servers from npm: `server-filesystem` and `server-everything`."""


def find_mcp_servers() -> str:
    """The reference MCP servers, as requirements/mcp-servers.txt and requirements/mcp-servers pin them."""
    needed = (
        MCP_SERVERS / "bin" / "python",
        MCP_SERVERS_NPM / "server-everything",
        MCP_SERVERS_NPM / "server-filesystem",
    )
    if not all(one.exists() for one in needed):
        raise AbsentError("run .ci/install-services")
    if shutil.which("node") is None:
        raise AbsentError("no node on PATH")
    return "git, filesystem, everything"


def assume_present() -> str:
    """For what only shows in use: whoever finds it absent says so with `Services.absent`."""
    return "assumed to be there"


FINDERS: Mapping[str, Callable[[], str]] = {
    "litellm-proxy": find_litellm_proxy,
    "mcp-servers": find_mcp_servers,
    "node": find_node,
    "pypi": assume_present,
}
"""How each service is looked for: returns what was found, in words, or raises `AbsentError`."""


class Services:
    """The services of one run of the tests."""

    def __init__(self, finders: Mapping[str, Callable[[], str]], required: str) -> None:
        self._finders = finders
        self._required = {name.strip() for name in required.split(",") if name.strip()}
        self._found: dict[str, str] = {}
        self._absent: dict[str, str] = {}
        self._asked: set[str] = set()
        if unknown := self._required - set(finders):
            raise pytest.UsageError(
                f"{REQUIRED}={required!r} is not accepted; accepted: {', '.join(sorted(finders))}, comma-separated"
                f" (unknown: {', '.join(sorted(unknown))})"
            )

    def require(self, name: str) -> str:
        """What was found of a service. Where it is absent, skips the test, or fails it if it is required."""
        self._asked.add(name)
        if name not in self._found and name not in self._absent:
            try:
                self._found[name] = self._finders[name]()
            except AbsentError as error:
                self._absent[name] = str(error)
        if name in self._absent:
            self._end(name)
        return self._found[name]

    def absent(self, name: str, reason: str) -> NoReturn:
        """A test found out that a service is absent after all: skips or fails it, and those that ask from now on."""
        self._absent[name] = reason
        self._end(name)

    def lines(self) -> list[str]:
        """One line for each service that a test asked for."""
        ended = {name: "failed" if name in self._required else "were skipped" for name in self._absent}
        return [
            f"{name}: ABSENT ({self._absent[name]}): the tests that need it {ended[name]}"
            if name in self._absent
            else f"{name}: {self._found[name]}"
            for name in sorted(self._asked)
        ]

    def _end(self, name: str) -> NoReturn:
        reason = f"{name} is absent: {self._absent[name]}"
        if name in self._required:
            pytest.fail(f"{reason}; {REQUIRED} says that it must be there", pytrace=False)
        pytest.skip(reason)


def from_environment() -> Services:
    """The services of this machine, required as the environment says."""
    return Services(FINDERS, os.environ.get(REQUIRED, ""))
