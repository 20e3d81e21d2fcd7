"""The packages of one request, shared by its tasks: their tools read them, `.beth/setup` and `install` write them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Packages:
    """A request's packages under `root` (`<home>/packages/<request>`)."""

    root: Path

    @property
    def path(self) -> tuple[str, ...]:
        """Folders with programs, for PATH."""
        return (str(self.root / "python" / "bin"), str(self.root / "node" / "node_modules" / ".bin"))

    @property
    def readable(self) -> tuple[Path, ...]:
        """What a sandbox must let tools read."""
        return (self.root,) if self.root.exists() else ()

    @property
    def variables(self) -> dict[str, str]:
        """Variables that let programs find what is installed here."""
        return {"NODE_PATH": str(self.root / "node" / "node_modules")}
