"""Whom a process and its children turn to on the network: noted by an audit hook that nothing in them can take away."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

_HOOK = """\
import os, sys

_FILE = os.open({file!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)

def _hook(event, arguments):
    if event == "socket.getaddrinfo":
        os.write(_FILE, f"{{arguments[0]}}\\n".encode())
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(arguments[1], tuple):
        os.write(_FILE, f"{{arguments[1][0]}}:{{arguments[1][1]}}\\n".encode())

sys.addaudithook(_hook)
"""

_BLOCKED = 'raise ImportError("whoever imports this wants to call a model")\n'


def install(site: Path, file: Path) -> None:
    """Have every Python that has `site` on its path note in `file` whose name it looks up and where it connects to."""
    (site / "sitecustomize.py").write_text(_HOOK.format(file=str(file)))


def block(site: Path) -> None:
    """Have nothing that has `site` on its path import litellm."""
    (site / "litellm.py").write_text(_BLOCKED)


@cache
def without_network() -> tuple[str, ...]:
    """How to run a program without any network, its own loopback included; empty where this machine does not let us."""
    prefix = ("unshare", "--net")
    try:
        tried = subprocess.run([*prefix, "true"], capture_output=True, timeout=30, check=False)
    except OSError:
        return ()
    return prefix if tried.returncode == 0 else ()
