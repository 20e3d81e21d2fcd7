"""Checks what the plugins and examples import: public names of the SDK, and nothing from inside each other.

import-linter cannot say this, because it sees modules and not names. That a name is not merely passing through the
module it is taken from is mypy's business (`strict` forbids implicit re-exports).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.workspace import ROOT, Package, files, packages

LIBRARIES = {"beth_sdk", "beth_kit"}
"""What plugins are written with: every module of theirs that has no underscore is public."""


def main() -> int:
    """Prints each import that is not allowed as file:line; returns 1 when there is any."""
    found = [place for package in packages()[1:] for place in violations(package)]
    for place in found:
        print(place)
    return 1 if found else 0


def violations(package: Package) -> Iterator[str]:
    """The imports of one package that reach into somebody's insides."""
    own = top_level(package)
    others = {name for other in packages() for name in top_level(other)} - own
    for file in files(package.folder, ".py"):
        for line, name in imports(file):
            top, *inside = name.split(".")
            if top not in others:
                continue
            where = f"{file.relative_to(ROOT)}:{line}: imports {name}"
            if any(part.startswith("_") and not part.startswith("__") for part in inside):
                yield f"{where}: a private name"
            elif top not in LIBRARIES and len(inside) > 1:
                yield f"{where}: from inside another package; only what {top} itself offers may be used"


def top_level(package: Package) -> set[str]:
    """The names that a package adds to Python's: its folders that are Python packages."""
    return {init.parent.name for init in package.folder.glob("*/__init__.py")} - {"tests", "scripts"}


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Every absolute import of a file: its line, and the dotted name, with the name that is taken from a module."""
    for node in ast.walk(ast.parse(file.read_bytes(), str(file))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


if __name__ == "__main__":
    sys.exit(main())
