"""Skills: Markdown that a role knows where it applies, and can look up where it does not."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from beth_kit.context import KitContext
from beth_kit.tools.base import Tool, ToolReply, tool
from beth_sdk.messages import Task

SKILL_TOOL = "skill"
"""The name of the tool that gives a skill's text."""

Source = Literal["role", "repository"]
"""Who wrote a skill: the author of the role, or the user's repository."""


@dataclass(frozen=True, slots=True)
class Applies:
    """When a skill is loaded without being asked for: where each of these that is given holds for one of its entries.
    `task_types`; `words` in the task's description or acceptance criteria, whatever their case; `files`: patterns such
    as `*.py` or `docs/*`, for names of files in the repository, with or without their directories."""

    task_types: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def to(self, task: Task, files: Sequence[str]) -> bool:
        """Whether it holds for a task in a repository with these files."""
        told = "\n".join((task.payload.description, *task.payload.acceptance_criteria))
        return (
            (not self.task_types or task.type in self.task_types)
            and (not self.words or any(_is_said(word, told) for word in self.words))
            and (not self.files or _any_fits(self.files, files))
        )


@dataclass(frozen=True, slots=True)
class Skill:
    """One skill. `applies`: None where the file does not say; a role's own then always applies, a repository's is only
    listed. `loaded`: it is part of what the model is told from the start."""

    name: str
    description: str
    text: str
    source: Source
    path: str
    applies: Applies | None = None
    loaded: bool = False


def choose_skills(skills: Iterable[Skill], task: Task, files: Sequence[str]) -> tuple[Skill, ...]:
    """The skills in their order, those marked as loaded that apply to the task."""
    return tuple(dataclasses.replace(skill, loaded=_is_wanted(skill, task, files)) for skill in skills)


def skill_tool(skills: Sequence[Skill | Mapping[str, Any]]) -> Tool | None:
    """The tool that gives the text of a skill, for the `skills` of a frame, or those it is composed of; None where all
    of them are loaded."""
    plain = [dataclasses.asdict(one) if isinstance(one, Skill) else one for one in skills]
    by_name = {str(one["name"]): one for one in plain}
    if all(one.get("loaded") for one in plain):
        return None

    @tool(name=SKILL_TOOL, writes=False)
    async def skill(ctx: KitContext, name: Annotated[str, "the skill's name, as it is listed"]) -> ToolReply:
        """Read one of the skills that are listed in your instructions, before you do what it is about."""
        del ctx
        found = by_name.get(name.strip())
        if found is None:
            return ToolReply(f"there is no skill {name!r}; there are: {', '.join(sorted(by_name))}", error=True)
        if found.get("loaded"):
            return ToolReply(f"{name} is in your instructions already")
        return ToolReply(str(found["text"]))

    return skill


def _is_wanted(skill: Skill, task: Task, files: Sequence[str]) -> bool:
    if skill.applies is None:
        return skill.source == "role"
    return skill.applies.to(task, files)


def _is_said(word: str, told: str) -> bool:
    # Not \b, which finds no end of a word such as C++.
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", told, re.IGNORECASE) is not None


def _any_fits(patterns: Sequence[str], files: Sequence[str]) -> bool:
    fits = re.compile("|".join(f"(?:{fnmatch.translate(pattern)})" for pattern in patterns)).match
    return any(fits(name) or fits(PurePosixPath(name).name) for name in files)
