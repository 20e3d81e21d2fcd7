"""A distribution of throw-away agents, made in a folder that is put on PYTHONPATH: nothing is installed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from scripts.workspace import ROOT

ROLES = ("product-manager", "developer", "tester")

NAME = "a-throw-away-team"
"""Of several agents for one queue the first counts, by the name of the distribution."""

_MANIFEST = """\
manifest_version = 1
role = "{role}"
description = "Carries out the scripts of the chaos tests"
class = "tests.chaos.agents:Scripted"
limits = {{attempts = 1000, concurrency = {concurrency}}}
"""


def make(folder: Path, roles: Sequence[str] = ROLES, *, concurrency: int = 1) -> Path:
    """Make the distribution in `folder`, and return it."""
    info = folder / f"{NAME.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n", encoding="utf-8")
    packages = {role: f"throw_away_{role.replace('-', '_')}" for role in roles}
    entry_points = "".join(f"{role} = {package}\n" for role, package in packages.items())
    (info / "entry_points.txt").write_text(f"[beth.agents]\n{entry_points}", encoding="utf-8")
    for role, package in packages.items():
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
        manifest = _MANIFEST.format(role=role, concurrency=concurrency)
        (folder / package / "agent.toml").write_text(manifest, encoding="utf-8")
    return folder


def python_path(distribution: Path) -> list[str]:
    """What has to be on the path, in front, so that the agents are found and can be imported."""
    return [str(distribution), str(ROOT)]


def environment(distribution: Path, home: Path, *, lease: float, ledger: Path) -> dict[str, str]:
    """A bare environment in which `beth` finds these agents, keeps everything in `home` and its processes note what
    they do in `ledger`. `lease` in seconds."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(python_path(distribution)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "BETH_HOME": str(home / "beth"),
        "BETH_LEASE": f"{lease}s",
        "BETH_LOG_FORMAT": "json",
        "CHAOS_LEDGER": str(ledger),
    }
