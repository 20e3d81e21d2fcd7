"""Entry points, read one distribution at a time so that a malformed one breaks nobody else's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import Distribution as InstalledDistribution
from importlib.metadata import EntryPoint, PathDistribution
from importlib.metadata import distributions as installed_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from beth_sdk.errors import PluginError


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed distribution that declares something for Beth. `declared`: in which groups; `error`: what is wrong
    with its file of entry points, if anything."""

    name: str
    version: str
    declared: frozenset[str]
    entry_points: tuple[EntryPoint, ...]
    error: str | None = None

    def of_group(self, group: str) -> list[EntryPoint]:
        """Its entry points of a group, by name."""
        return sorted((one for one in self.entry_points if one.group == group), key=lambda one: one.name)


def distributions() -> list[Distribution]:
    """The installed distributions that declare a group `beth.…`, by name; the first of several of the same name on the
    path, as an import would take it."""
    found: dict[str, Distribution] = {}
    for installed in map(_of_the_standard_library, installed_distributions()):
        declared = _declared(installed)
        if not declared:
            continue
        name, version = _name_and_version(installed)
        found.setdefault(_normalized(name), _read(installed, name, version, declared))
    return [found[key] for key in sorted(found)]


def entry_points(group: str) -> tuple[list[EntryPoint], list[PluginError]]:
    """All entry points of a group, by name and then distribution, and an error for each distribution whose file of
    entry points is malformed."""
    found: list[EntryPoint] = []
    problems: list[PluginError] = []
    for distribution in distributions():
        found.extend(distribution.of_group(group))
        if distribution.error is not None and group in distribution.declared:
            reason = f"its entry points cannot be read: {distribution.error}"
            problems.append(PluginError(group, "*", distribution.name, reason))
    found.sort(key=lambda one: one.name)  # stable: distributions of the same name keep their order
    return found, problems


def load_entry_point(entry_point: EntryPoint) -> Any:
    """What an entry point names, imported. Raises `PluginError` for whatever goes wrong in it."""
    try:
        return entry_point.load()
    except (Exception, SystemExit) as error:
        distribution = distribution_of(entry_point)
        reason = f"{entry_point.value} cannot be loaded: {reason_of(error)}"
        raise PluginError(entry_point.group, entry_point.name, distribution, reason) from error


def distribution_of(entry_point: EntryPoint) -> str:
    """The name of the distribution that declares an entry point."""
    return "unknown" if entry_point.dist is None else _name_and_version(entry_point.dist)[0]


def directory_of(entry_point: EntryPoint, file: str) -> Path:
    """The directory of the package that an entry point names, which has `file` in it.

    Only the top-level package is looked up, which imports nothing; what follows its name is joined as folders.
    Raises LookupError.
    """
    if re.search(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$", entry_point.value.strip()) is None:
        raise LookupError(f"{entry_point.value!r} should be the name of a package")
    top, *rest = entry_point.value.strip().split(".")
    spec = find_spec(top)
    if spec is None:
        raise LookupError(f"there is no package {top}")
    if spec.submodule_search_locations is None:
        raise LookupError(f"{top} is a module; only a package can have {file} beside its __init__.py")
    candidates = [Path(location).joinpath(*rest) for location in spec.submodule_search_locations]
    for candidate in candidates:
        if (candidate / file).is_file():
            return candidate
    places = ", ".join(str(candidate) for candidate in candidates) or entry_point.value
    raise LookupError(f"there is no {file} in {places}: put one beside the package's __init__.py, and into the wheel")


def reason_of(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    if isinstance(error, LookupError | ValueError) and text and type(error) in {LookupError, ValueError}:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _of_the_standard_library(found: InstalledDistribution) -> InstalledDistribution:
    """Clients of others may bring importlib_metadata in, which then finds all distributions in the standard library's
    place. Its entry points are read differently: a wrong one hides those beside it."""
    path = getattr(found, "_path", None)
    return PathDistribution(path) if isinstance(path, Path) and not isinstance(found, PathDistribution) else found


def _declared(installed: InstalledDistribution) -> frozenset[str]:
    try:
        text = installed.read_text("entry_points.txt") or ""
    except (OSError, ValueError):
        return frozenset()
    return frozenset(re.findall(r"^\s*\[\s*(beth\.[^\]\s]+)\s*\]", text, flags=re.MULTILINE))


def _read(installed: InstalledDistribution, name: str, version: str, declared: frozenset[str]) -> Distribution:
    try:
        return Distribution(name, version, declared, tuple(installed.entry_points))
    except Exception as error:  # noqa: BLE001 - the standard library raises whatever its parser trips over
        return Distribution(name, version, declared, (), reason_of(error))


def _name_and_version(installed: InstalledDistribution) -> tuple[str, str]:
    name: str | None
    version: str | None
    try:
        metadata = installed.metadata
        name, version = metadata["Name"], metadata["Version"]
    except Exception:  # noqa: BLE001 - the standard library raises whatever it trips over where metadata is missing
        name = version = None
    # Without metadata the directory, <name>-<version>.dist-info, still says whose it is.
    directory = Path(str(getattr(installed, "_path", ""))).name
    return name or directory.partition("-")[0] or "unknown", version or "unknown"


def _normalized(name: str) -> str:
    """As the packaging standards compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()
