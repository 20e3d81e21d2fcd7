"""Built wheels and sdists, the wheels of what they depend on, and an empty environment to install them in."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.workspace import ROOT, Package, packages
from tests.packaging.requirements import closure, locked
from tests.services import Services


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed; the test fails with all it said where it failed."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


class Builder:
    """Builds each package once, where a test first asks for it."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.wheel = cache(self._wheel)
        self.sdist = cache(self._sdist)
        self.wheel_from_sdist = cache(self._wheel_from_sdist)

    def _wheel(self, folder: Path) -> Path:
        return self._build(folder, "wheel", f"wheels/{folder.name}")

    def _sdist(self, folder: Path) -> Path:
        return self._build(folder, "sdist", f"sdists/{folder.name}")

    def _wheel_from_sdist(self, folder: Path) -> Path:
        unpacked = self._out / "unpacked" / folder.name
        # Filters came with Python 3.11.4, and later versions warn of their absence.
        safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        with tarfile.open(self.sdist(folder)) as archive:
            archive.extractall(unpacked, **safely)
        (source,) = unpacked.iterdir()
        return self._build(source, "wheel", f"from-sdist/{folder.name}")

    def _build(self, source: Path, target: str, place: str) -> Path:
        out = self._out / place
        run(sys.executable, "-m", "hatchling", "build", "-t", target, "-d", out, cwd=source)
        (artifact,) = out.iterdir()
        return artifact


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(tmp_path_factory.mktemp("built"))


@pytest.fixture(params=packages(), ids=lambda package: package.name)
def package(request: pytest.FixtureRequest) -> Package:
    """Each package of the repository in turn."""
    chosen: Package = request.param
    return chosen


@pytest.fixture(scope="session")
def dependencies(services: Services) -> Path:
    """A folder with the wheels that the packages here depend on, extras apart, and of what those need in turn."""
    return downloaded(services, [text for package in packages() for text in package.project.get("dependencies", [])])


def downloaded(services: Services, declared: list[str]) -> Path:
    """A folder with the wheels of these requirements, those of this repository apart, and of what they need in turn,
    downloaded once, as the lock pins them."""
    ours = {canonicalize_name(package.name) for package in packages()}
    others = [text for text in declared if canonicalize_name(Requirement(text).name) not in ours]
    wanted = locked(closure(others))
    place = Path(os.environ.get("BETH_TEST_CACHE") or ROOT / ".cache") / "wheels"
    digest = hashlib.sha256(f"{sys.version_info[:2]} {sys.platform} {wanted}".encode()).hexdigest()[:16]
    folder, ready = place / digest, place / f"{digest}.ready"
    if not ready.exists():
        services.require("pypi")
        place.mkdir(parents=True, exist_ok=True)
        listed = place / f"{digest}.txt"
        listed.write_text(wanted, encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary", ":all:"]
        pip += ["--require-hashes", "--retries", "1", "--dest", str(folder), "-r", str(listed)]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or "pip download failed").splitlines()[-1]
            services.absent("pypi", reason.removeprefix("ERROR: "))
        ready.touch()
    return folder


class Environment:
    """A virtual environment that holds nothing but what is installed into it here."""

    def __init__(self, folder: Path, wheelhouse: list[Path]) -> None:
        self.folder = folder
        self._wheelhouse = wheelhouse
        run(sys.executable, "-m", "venv", folder)

    def install(self, *names: str) -> None:
        """Install packages from the wheelhouse alone: no index, no configuration of this machine."""
        self._pip("--only-binary", ":all:", *names)

    def build_and_install(self, *sources: Path | str) -> None:
        """Install from source, with what is needed to build it installed here already."""
        self._pip("--no-build-isolation", "--no-deps", "--force-reinstall", *map(str, sources))

    def _pip(self, *arguments: str) -> None:
        pip = [str(self.folder / "bin" / "pip"), "install", "--quiet", "--no-index"]
        found = [word for place in self._wheelhouse for word in ("--find-links", str(place))]
        run(*pip, *found, *arguments, cwd=self.folder, env=self.variables())

    def python(self, code: str) -> str:
        """What a program prints there."""
        return run(self.folder / "bin" / "python", "-I", "-c", code, cwd=self.folder, env=self.variables())

    def beth(self, *arguments: str) -> str:
        """What a `beth` command prints there."""
        return run(self.folder / "bin" / "beth", *arguments, cwd=self.folder, env=self.variables())

    def variables(self) -> dict[str, str]:
        """A bare environment: nothing of Beth's, of Python's or of pip's."""
        return {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
