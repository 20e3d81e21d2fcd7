"""What became of files: those of the host, and those that the task committed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from beth_kit.sandbox.test_attacks import SECRET
from beth_sdk.messages import Result


def leaked(result: Result) -> bool:
    """Whether the secret is in the files of the commit that a result names."""
    assert result.artifacts, result
    artifact = result.artifacts[0]
    repository = str(artifact.uri).removeprefix("file://")
    # As root, git would not read the repository of somebody else.
    words = [
        "git",
        "-c",
        "safe.directory=*",
        f"--git-dir={repository}",
        "grep",
        "-a",
        "-q",
        SECRET,
        str(artifact.commit),
    ]
    code = subprocess.run(words, check=False, capture_output=True).returncode
    assert code in (0, 1), code
    return code == 0


def digest(root: Path) -> dict[str, str]:
    """The content of every file that belongs to the host, and what it is."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        if Path(folder) == root:
            folders[:] = [one for one in folders if one not in ("beth", "beth.db.wake", "clone", "scratch")]
            files = [one for one in files if not one.startswith(("beth.db", "transcript.yaml.")) and ".log" not in one]
        for name in (*folders, *files):
            path = Path(folder, name)
            facts = path.lstat()
            content = ""
            with contextlib.suppress(OSError):
                content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path.relative_to(root))] = (
                f"{facts.st_mode:o} {facts.st_uid} {facts.st_nlink if path.is_file() else ''} {content}"
            )
    return found


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {**before, **after} if before.get(name) != after.get(name))
