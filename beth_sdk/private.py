"""The mode of folders that nobody else is to look into."""

from __future__ import annotations

import os


def folder_mode() -> int:
    """0700; for root 0711, because the tools of root's tasks become other users, who must pass through to their own
    folders. They still see no name in it, and the files that matter are closed to them by their own modes."""
    return 0o711 if os.geteuid() == 0 else 0o700
