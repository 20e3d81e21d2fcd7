"""The combinations of options of `beth new agent`, and what each of them makes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

KINDS: dict[str, tuple[str, ...]] = {
    "llm": (),
    "llm-model": ("--kind", "llm", "--model", "openai/gpt-4o"),
    "python": ("--kind", "python"),
    "command": ("--kind", "command"),
}
TYPES: dict[str, tuple[str, ...]] = {
    "one-type": (),
    "two-types": ("--task-type", "write", "--task-type", "proof-read"),
}
DESCRIPTIONS: dict[str, tuple[str, ...]] = {
    "undescribed": (),
    "described": ("--description", "Writes \"plainly\", {so} that C:\\it is – 日本語 🎈 – read $HOME % 'quoted'"),
}
NAMES = ("name", "both")
"""Whether the command line has NAME alone, or --role besides."""


@dataclass(frozen=True)
class Combination:
    """One command line, and what is to come of it. `number` makes its role one that no other has."""

    number: int
    kind: str
    types: str
    description: str
    naming: str

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.types}-{self.description}-{self.naming}"

    @property
    def role(self) -> str:
        return f"tw{self.number}" if self.naming == "name" else f"technical-writer-{self.number}"

    @property
    def distribution(self) -> str:
        return f"acme-agents-{self.number}" if self.naming == "both" else f"beth-agent-{self.role}"

    @property
    def package(self) -> str:
        return self.distribution.replace("-", "_")

    @property
    def task_types(self) -> list[str]:
        return ["write", "proof-read"] if self.types == "two-types" else ["work"]

    @property
    def player(self) -> str:
        """What plays the role."""
        return self.kind.partition("-")[0]

    @property
    def arguments(self) -> list[str]:
        """The command line, after `beth new agent`."""
        named = [self.role] if self.naming == "name" else [self.distribution, "--role", self.role]
        return [*named, *KINDS[self.kind], *TYPES[self.types], *DESCRIPTIONS[self.description]]

    @property
    def files(self) -> set[str]:
        """Every file of the package."""
        schemas = {f"schemas/{name}.{which}.json" for name in self.task_types for which in ("input", "output")}
        inside = {"__init__.py", "agent.toml", "py.typed", *schemas}
        if self.player == "command":
            inside |= {"program.py"}
        else:
            inside |= {"agent.py"}
        if self.player == "llm":
            inside |= {f"prompts/{name}.md" for name in self.task_types} | {f"skills/{self.role}.md"}
        return {"README.md", "pyproject.toml", "tests/test_agent.py"} | {f"{self.package}/{name}" for name in inside}


COMBINATIONS = [
    Combination(number, *chosen)
    for number, chosen in enumerate(itertools.product(KINDS, TYPES, DESCRIPTIONS, NAMES), start=1)
]
