"""Where the work of requests lies: repositories, clones, scratch folders, packages."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from beth_kit.sandbox import owner, probe
from beth_kit.sandbox.policy import task_uid


def workspaces(home: Path, environ: Mapping[str, str] | None = None) -> Path:
    """The folder for the work of a Beth whose home is `home`: that, unless tools become users who cannot get there, as
    where root has its home in /root; see `sandbox.owner.workspaces_home`.

    All who work on the same requests must come to the same answer, so it follows from the home, the machine and
    BETH_SANDBOX alone. Raises `ConfigurationError`, `SettingError`.
    """
    locked_in = probe.wanted(os.environ if environ is None else environ)
    # Which task's user it is makes no difference: none of them owns anything on the way.
    uid = task_uid("any", probe.mapped_uids()) if locked_in and probe.probe().uids else None
    return owner.workspaces_home(home, uid)
