"""A request's branch as the facts have it: where it is, how far it came, and who contributed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beth_sdk.messages import Result


@dataclass(slots=True)
class Branch:
    """Where a request's work lives. Without a `uri` it has no repository: not yet, or (`decided`) not at all."""

    decided: bool = False
    uri: str | None = None
    repository: str | None = None
    """Its directory on the machine where Beth runs."""
    name: str = ""
    base: str = ""
    head: str = ""
    """The commit the branch is at; Beth alone moves it."""
    commits: dict[str, int] = field(default_factory=dict)
    """How many commits each role has in it."""

    def opened(self, data: Mapping[str, Any]) -> None:
        """Take in that the repository was made, or cannot be."""
        self.decided = True
        if "uri" in data:
            self.uri, self.repository, self.name = data["uri"], data["repository"], data["branch"]
            self.base = self.head = data["base"]

    def moved(self, data: Mapping[str, Any]) -> None:
        """Take in a merge."""
        self.head = data["head"]
        for role, count in data.get("commits", {}).items():
            self.commits[role] = self.commits.get(role, 0) + int(count)

    def work_of(self, result: Result) -> str | None:
        """The commit that a complete result brings to this branch, if it names one."""
        if result.status != "complete" or self.uri is None:
            return None
        named = [one.commit for one in result.artifacts if one.kind == "git" and one.uri == self.uri and one.commit]
        return named[-1] if named else None

    @property
    def grown(self) -> bool:
        """Whether anything was committed."""
        return self.head != self.base

    def input(self) -> dict[str, Any] | None:
        """What a task is told of it."""
        if self.uri is None:
            return None
        return {"kind": "git", "uri": self.uri, "ref": f"refs/heads/{self.name}", "commit": self.head}
