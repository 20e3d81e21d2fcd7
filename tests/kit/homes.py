"""A folder that the users of tasks may enter: where Beth is root, tools are somebody else."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def a_folder() -> Iterator[Path]:
    """An empty folder, deleted in the end. Not pytest's own, whose parents can be entered by their owner only."""
    # Not /tmp, which may be a file system in memory: what is measured here is on a disk.
    folder = Path(tempfile.mkdtemp(prefix="beth-kit-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
