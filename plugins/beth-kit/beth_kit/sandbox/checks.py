"""What `beth doctor` says about the sandbox."""

from __future__ import annotations

import os
from collections.abc import Mapping

from beth_kit.sandbox.cgroups import describe
from beth_kit.sandbox.probe import VARIABLE, Machine, probe, wanted
from beth_sdk.cli.checks import Check
from beth_sdk.settings import Settings


async def checks(settings: Settings) -> list[Check]:
    """Whether tools are locked in on this machine, and what cannot be enforced."""
    del settings
    return judge(probe(), os.environ)


def judge(machine: Machine, environ: Mapping[str, str]) -> list[Check]:
    """The checks for a machine. Raises `SettingError`."""
    if not wanted(environ):
        return [Check("sandbox", "warn", f"{VARIABLE}=off: tools may do all that you may do", f"unset {VARIABLE}")]
    if machine.lacks is not None:
        return [Check("sandbox", "fail", machine.lacks, f"or set {VARIABLE}=off")]
    users = "a user of its own for each task" if machine.uids else "tools run as the user Beth runs as"
    found = [Check("sandbox", "ok", f"Landlock ABI {machine.landlock}, seccomp, {users}; {describe(machine.groups)}")]
    if not machine.notices:
        unheard = "refused system calls are not reported: this kernel has no seccomp notifications"
        found.append(Check("sandbox", "warn", unheard, "use Linux 5.9 or newer"))
    if machine.weak:
        lacking = f"Landlock ABI {machine.landlock} cannot restrict {' or '.join(machine.weak)}"
        found.append(Check("sandbox", "warn", lacking, "use Linux 6.12 or newer"))
    if not machine.uids:
        modes = "tools can change modes and times of files of the same user, which Landlock does not restrict"
        found.append(Check("sandbox", "warn", modes, "run Beth as a user of its own, or as root in a container"))
    return found
