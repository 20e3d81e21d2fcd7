"""Puts packages into a request's environment: in the sandbox, one at a time, the whole of it or nothing."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beth_kit.environment.packages import Packages
from beth_kit.environment.sources import Sources
from beth_kit.sandbox import owner
from beth_kit.sandbox.policy import Limits, Network, Policy
from beth_kit.sandbox.run import Outcome, python, run
from beth_sdk.clock import Clock

SECONDS = 1800.0
"""The longest that an install, or `.beth/setup`, may take."""

_SYSTEM = "/usr/local/bin:/usr/bin:/bin"
_INSIDE = Path(__file__).with_name("inside.py")
_POLL = 0.2


class InstallFailed(Exception):
    """Nothing was installed; why, in words for a model."""


@dataclass(frozen=True, slots=True)
class Installer:
    """`uid`: the user that the packages belong to, another one than any task's; None: who the agent is."""

    packages: Packages
    sources: Sources
    clock: Clock
    enforced: bool = True
    uid: int | None = None
    limits: Limits = dataclasses.field(default_factory=Limits)
    denied: Callable[[str], None] = lambda _: None
    """Is told what the sandbox refused."""

    async def install(self, python: Sequence[str] = (), node: Sequence[str] = ()) -> dict[str, list[str]]:
        """Install packages with all that they need; returns `name version` of what there is now, by kind.

        The names must have passed `requirements`. Raises `InstallFailed`, and then nothing has changed.
        """
        wanted = [*(f"python:{one}" for one in python), *(f"node:{one}" for one in node)]
        async with self.exclusively():
            return await self.staged(wanted)

    async def staged(self, wanted: Sequence[str]) -> dict[str, list[str]]:
        """Run the program that installs; with nothing `wanted`, it makes empty environments where there are none.
        Whoever calls holds `exclusively`. Raises `InstallFailed`."""
        program = [_python(), "-I", "-c", _INSIDE.read_text(encoding="utf-8"), str(self.packages.root)]
        told = self.policy("packages" if wanted else "none")
        try:
            ended = await self.run([*program, secrets.token_hex(4), *wanted], told)
        except OSError as error:
            raise InstallFailed(f"it did not start: {error.strerror or error}") from None
        return _installed(ended)

    def policy(self, network: Network, *, directory: Path | None = None, writable: Sequence[Path] = ()) -> Policy:
        """What a program may touch that writes the packages."""
        root = self.packages.root
        ports = self.sources.ports if network == "packages" else ()
        return Policy(
            directory=directory or root,
            home=root / "home",
            writable=(root, *writable),
            readable=self.sources.readable,
            network=network,
            connect_ports=ports,
            limits=dataclasses.replace(self.limits, wall=SECONDS),
            uid=self.uid,
        )

    async def run(self, argv: Sequence[str], told: Policy, **variables: str) -> Outcome:
        """Run a program with the variables that pip and npm need here. Raises OSError where it cannot be started."""
        home = told.home
        cache = {"PIP_CACHE_DIR": str(home / "pip"), "NPM_CONFIG_CACHE": str(home / "npm")}
        quiet = {"PIP_ROOT_USER_ACTION": "ignore", "NPM_CONFIG_UPDATE_NOTIFIER": "false"}
        extra = {**cache, **quiet, **self.sources.variables, **variables}
        ended = await run(argv, told, clock=self.clock, extra=extra, sandbox=self.enforced)
        for denial in ended.denials:
            self.denied(str(denial))
        return ended

    @asynccontextmanager
    async def exclusively(self) -> AsyncIterator[None]:
        """Have the packages alone, among all processes; the folder is there and belongs to whom it must."""
        root = self.packages.root
        root.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(root.with_name(f"{root.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await self.clock.sleep(_POLL)
            self._prepare()
            yield
        finally:
            os.close(lock)

    def _prepare(self) -> None:
        root = self.packages.root
        # Later nothing in it is touched from outside: `.beth/setup` may have put links there.
        fresh = not root.exists()
        if fresh:
            root.mkdir(mode=0o755)
            root.chmod(0o755)  # whatever the umask is: other users read it
        if fresh or (self.uid is not None and root.stat().st_uid != self.uid):
            owner.prepare(self.policy("none"))


def _python() -> str:
    """A Python that every user may run, where there is one."""
    return shutil.which("python3", path=_SYSTEM) or python()


def _installed(ended: Outcome) -> dict[str, list[str]]:
    lines = ended.stdout.decode("utf-8", "replace").strip().splitlines()
    try:
        told: Any = json.loads(lines[-1]) if lines else {}
    except ValueError:
        told = {}
    if "installed" in told:
        return {kind: list(found) for kind, found in told["installed"].items()}
    if "failed" in told:
        raise InstallFailed(str(told["failed"]))
    if ended.timed_out:
        raise InstallFailed(f"it was not done after {SECONDS:g} seconds")
    if ended.over_limit is not None:
        raise InstallFailed(f"it went over the limit of {ended.over_limit}")
    printed = ended.stderr.decode("utf-8", "replace").strip()[-2000:]
    raise InstallFailed(f"it ended with {ended.code}: {printed or 'it printed nothing'}")
