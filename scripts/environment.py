"""Makes .venv hold exactly what requirements/dev.txt pins, and the packages of this repository, editable.

Run by `make` before every target that needs it; without anything to do it takes a moment and says nothing.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from scripts.workspace import ROOT, packages

VENV = ROOT / ".venv"
STAMP = VENV / ".ready"
"""First line: the fingerprint; then the names of the packages that were installed from this folder."""
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "requirements" / "dev.txt"


class EnvironmentFailedError(Exception):
    """The environment could not be made; the message says what to do."""


def main() -> int:
    """Returns 0 once the environment is ready, 1 after one line that says why it is not."""
    try:
        make_ready()
    except EnvironmentFailedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def make_ready() -> None:
    """Do what is missing. Raises `EnvironmentFailedError`."""
    usable = is_usable()
    wanted = fingerprint()
    if usable and STAMP.exists() and STAMP.read_text(encoding="utf-8").splitlines()[:1] == [wanted]:
        return
    started = time.monotonic()
    before = STAMP.read_text(encoding="utf-8").splitlines()[1:] if usable and STAMP.exists() else []
    STAMP.unlink(missing_ok=True)
    if not usable:
        create()
    pins = sum(1 for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if "==" in line)
    say(f"installing {pins} packages from requirements/dev.txt, hashes checked")
    pip("install", "--require-hashes", "-r", str(REQUIREMENTS))
    ours = packages()
    say("installing " + ", ".join(package.name for package in ours) + " from this folder")
    editable = [word for package in ours for word in ("-e", str(package.folder))]
    pip("install", "--no-deps", "--no-build-isolation", *editable)
    if gone := sorted(set(before) - {package.name for package in ours}):
        say("removing " + ", ".join(gone))
        pip("uninstall", "--yes", *gone)
    STAMP.write_text("\n".join([wanted, *(package.name for package in ours)]) + "\n", encoding="utf-8")
    say(f"ready in {time.monotonic() - started:.0f} s")


def is_usable() -> bool:
    """Whether .venv is a working environment of this very Python version, in this very place."""
    pip_script = VENV / "bin" / "pip"
    try:
        asked = subprocess.run(
            [PYTHON, "-c", "import sys; print(*sys.version_info[:2], sys.prefix)"],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        # A clone that was moved keeps its old place at the beginning of every script.
        beginning = pip_script.read_text(encoding="utf-8")[:1000]
    except (OSError, ValueError, subprocess.SubprocessError):
        return False
    return asked.stdout.strip() == f"{sys.version_info[0]} {sys.version_info[1]} {VENV}" and str(VENV) in beginning


def fingerprint() -> str:
    """Changes when anything does that the environment is made from."""
    digest = hashlib.sha256(f"{VENV} {sys.version_info[:2]}".encode())
    for file in [Path(__file__), REQUIREMENTS, *(package.folder / "pyproject.toml" for package in packages())]:
        digest.update(f"\0{file}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def create() -> None:
    """A new, empty .venv in the place of whatever is there. Raises `EnvironmentFailedError`."""
    say(f"making .venv with Python {sys.version.split()[0]}")
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False)
    if made.returncode:
        reason = (made.stderr.strip() or made.stdout.strip() or "no reason given").splitlines()[-1]
        shutil.rmtree(VENV, ignore_errors=True)
        raise EnvironmentFailedError(
            f"`{sys.executable} -m venv` failed ({reason}); on Debian and Ubuntu: apt install python3-venv"
        )


def pip(*arguments: str) -> None:
    """Run pip in .venv; it prints only what goes wrong. Raises `EnvironmentFailedError`."""
    command = [str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *arguments]
    if subprocess.run(command, check=False, cwd=ROOT).returncode:
        raise EnvironmentFailedError(f"pip could not do it, for the reason above; by hand: {' '.join(command)}")


def say(line: str) -> None:
    """A progress line."""
    print(f"environment: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
