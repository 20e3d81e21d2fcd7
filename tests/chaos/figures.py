"""Tables and measured figures that the end of a test run shows."""

from __future__ import annotations

import pytest


class Figures:
    """What tests have to show besides passing."""

    def __init__(self) -> None:
        self._shown: list[tuple[str, str]] = []

    def show(self, title: str, text: str) -> None:
        """Have a text shown at the end, under a title."""
        self._shown.append((title, text))

    def write(self, reporter: pytest.TerminalReporter) -> None:
        """Write it all."""
        for title, text in self._shown:
            reporter.section(title, sep="-")
            for line in text.splitlines():
                reporter.line(line)
