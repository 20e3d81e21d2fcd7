"""What this machine can enforce, found out by asking the kernel."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from beth_kit.sandbox import landlock
from beth_kit.sandbox.cgroups import Place, places
from beth_kit.sandbox.syscalls import MACHINES
from beth_sdk.errors import ConfigurationError, SettingError

VARIABLE = "BETH_SANDBOX"


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is. `landlock`: the ABI, 0 for none. `uids`: whether each task can get a user of its own. `notices`:
    whether the supervisor hears of refused system calls. `groups`: where tools get control groups."""

    system: str
    architecture: str
    landlock: int
    seccomp: bool
    uids: bool
    notices: bool = True
    groups: tuple[Place, ...] = ()

    @property
    def lacks(self) -> str | None:
        """Why no tool can be locked in here, for the reader of an error; None where it can."""
        if self.system != "linux":
            return f"the sandbox needs Linux, this is {self.system}: use a container or WSL2"
        if self.architecture not in MACHINES:
            return f"the sandbox knows {' and '.join(MACHINES)}, this is {self.architecture}"
        if not self.seccomp:
            return "this kernel has no seccomp filters: enable CONFIG_SECCOMP_FILTER"
        if self.landlock == 0:
            return "this kernel has no Landlock, or it is turned off: use Linux 6.7 or newer with landlock in lsm="
        if self.landlock < landlock.OLDEST:
            missing = landlock.SINCE[landlock.OLDEST]
            return f"Landlock ABI {self.landlock} cannot restrict {missing}: use Linux 6.7 or newer"
        return None

    @property
    def weak(self) -> tuple[str, ...]:
        """What cannot be restricted here although the sandbox works."""
        return tuple(what for since, what in landlock.SINCE.items() if landlock.OLDEST <= self.landlock < since)


def probe() -> Machine:
    """What this machine has; a few system calls."""
    actions = _actions()
    return Machine(
        sys.platform,
        platform.machine(),
        landlock.abi(),
        seccomp=bool(actions),
        uids=os.geteuid() == 0 and _setuid(),
        notices="user_notif" in actions,
        groups=places(),
    )


def _actions() -> list[str]:
    try:
        return Path("/proc/sys/kernel/seccomp/actions_avail").read_text("ascii").split()
    except OSError:
        return []


def _setuid() -> bool:
    """Whether root has what it takes to become another user here: CAP_CHOWN, CAP_KILL, CAP_SETGID and CAP_SETUID
    (capabilities(7): bits 0, 5, 6 and 7)."""
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        if line.startswith("CapEff:"):
            effective = int(line.split()[1], 16)
            return all(effective & 1 << bit for bit in (0, 5, 6, 7))
    return False


def mapped_uids() -> tuple[tuple[int, int], ...]:
    """First and count of the user ids that this user namespace has (user_namespaces(7))."""
    lines = Path("/proc/self/uid_map").read_text("ascii").splitlines()
    return tuple((int(line.split()[0]), int(line.split()[2])) for line in lines)


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether tools are to be locked in: unless BETH_SANDBOX=off. Raises `SettingError`."""
    value = environ.get(VARIABLE, "").strip().lower()
    if value not in ("", "on", "off"):
        raise SettingError(VARIABLE, environ[VARIABLE], "on, off")
    return value != "off"


def require(environ: Mapping[str, str], machine: Machine | None = None) -> bool:
    """Whether tools are locked in on this machine, to be asked before the first runs.

    False only where BETH_SANDBOX=off says so. Raises `ConfigurationError` where they are to be and cannot.
    """
    if not wanted(environ):
        return False
    lacks = (machine or probe()).lacks
    if lacks is not None:
        raise ConfigurationError(f"{lacks}; or set {VARIABLE}=off to let tools do all that you may do")
    return True
