"""mypy over everything in this repository: each package from its own folder, then all the rest from the root."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts.workspace import ROOT, files, packages


def main() -> int:
    """Returns 1 when mypy found something anywhere."""
    folders = [package.folder for package in packages()[1:]]
    failed = [folder for folder in folders if not checked(folder, ["."])]
    rest = [file for file in files(suffix=".py") if not any(file.is_relative_to(folder) for folder in folders)]
    # Folders rather than files on the command line, so that the first line of what is run stays readable.
    tops = sorted({file.relative_to(ROOT).parts[0] for file in rest})
    if not checked(ROOT, tops, without=folders):
        failed.append(ROOT)
    return 1 if failed else 0


def checked(folder: Path, targets: list[str], without: list[Path] | None = None) -> bool:
    """Run mypy in a folder, as if it stood alone; returns whether it found nothing. Warm caches are kept apart."""
    if folder != ROOT and not any(files(folder, ".py")):
        return True
    name = folder.relative_to(ROOT).as_posix()
    print(f"mypy: {', '.join(targets) if folder == ROOT else name}", flush=True)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary"]
    command += ["--cache-dir", str(ROOT / ".mypy_cache" / name.replace("/", "-"))]
    for other in without or []:
        command += ["--exclude", f"^{other.relative_to(ROOT).as_posix()}/"]
    return subprocess.run([*command, *targets], cwd=folder, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
