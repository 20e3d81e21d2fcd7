"""Looks through every file for text that has no place in a repository: one machine's folders, registries' hosts."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from scripts.workspace import ROOT, files

# In pieces, so that this file passes its own check.
FORBIDDEN = {
    "a package registry's host": "|".join(
        rf"\b{host}\.{end}\b"
        for host, end in [
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "(?:org|com)"),
            ("yarnpkg", "com"),
            ("crates", "io"),
            ("rubygems", "org"),
        ]
    ),
    "a folder of one machine": r"(?<![\w.>-])/wor" + r"k/|\.\./share" + r"d\b",
}


def main() -> int:
    """Prints each place as file:line; returns 1 when there is any."""
    found = [place for file in files() for place in places(file)]
    for place in found:
        print(place)
    return 1 if found else 0


def places(file: Path) -> list[str]:
    """Where a file holds forbidden text. What is not UTF-8 is not text."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return []
    return [
        f"{file.relative_to(ROOT)}:{number}: {what}: {match[0]}"
        for number, line in enumerate(lines, 1)
        for what, pattern in FORBIDDEN.items()
        if (match := re.search(pattern, line))
    ]


if __name__ == "__main__":
    sys.exit(main())
