"""requirements/dev.txt is enough for every supported Python and platform, and asks for nothing but hashed releases."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.workspace import ROOT, Package, packages
from tests.packaging.requirements import LOCK, closure, pins

INPUTS = [
    line.strip()
    for line in (ROOT / "requirements" / "dev.in").read_text().splitlines()
    if line.strip() and not line.startswith("#")
]
OURS = {canonicalize_name(package.name) for package in packages()}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize(("sys_platform", "machine"), [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")])
def test_every_distribution_needed_on_a_platform_is_pinned(python: str, sys_platform: str, machine: str) -> None:
    markers = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": sys_platform,
        "platform_system": {"linux": "Linux", "darwin": "Darwin"}[sys_platform],
        "platform_machine": machine,
    }
    assert closure(INPUTS, markers) - set(pins()) == set()


def test_nothing_is_pinned_that_nobody_needs() -> None:
    assert set(pins()) - closure(INPUTS) == set()


def test_every_line_is_a_pin_a_hash_or_a_comment() -> None:
    for line in LOCK.read_text().splitlines():
        assert line.startswith(("#", "    #", "    --hash=sha256:")) or "==" in line, line


def test_every_pin_has_hashes() -> None:
    entries = [line for line in LOCK.read_text().splitlines() if "==" in line and not line.lstrip().startswith("#")]
    assert len(entries) == len(pins()) > 0


def test_what_a_package_depends_on_is_pinned_in_a_version_it_accepts(package: Package) -> None:
    extras = package.project.get("optional-dependencies", {})
    declared = [*package.project.get("dependencies", []), *(text for extra in extras.values() for text in extra)]
    for text in declared:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        if name not in OURS:
            assert requirement.specifier.contains(pins()[name][0]), text
