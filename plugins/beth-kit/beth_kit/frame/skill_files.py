"""Where skills come from: the files that a manifest names, and those of the user's repository."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from beth_kit.frame.front_matter import BrokenFrontMatter, split
from beth_kit.frame.instructions import read_text
from beth_kit.frame.skills import Applies, Skill, Source
from beth_kit.frame.text import cut, one_line, size
from beth_kit.frame.tree import Files
from beth_sdk.errors import ConfigurationError
from beth_sdk.manifest import Manifest

MOST_BYTES = 32 * 1024
"""Of one skill. A role's own that is longer stops its start; a repository's is cut, with a note."""

MOST_SKILLS = 50
"""Of a role or a repository. A role with more does not start; of a repository those beyond it are left out."""

FOLDERS = (".beth/skills", ".agents/skills", ".claude/skills", ".github/skills")
"""Where a repository keeps skills: `<folder>/<name>/SKILL.md` in each, and `<name>.md` in the first."""

_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")]


class _Applies(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    task_types: list[_Line] = Field(default_factory=list)
    words: list[_Line] = Field(default_factory=list)
    files: list[_Line] = Field(default_factory=list)


class _Front(BaseModel):
    """What Beth reads of front matter. Skills for other programs have further keys, which are nothing to her."""

    model_config = ConfigDict(extra="ignore", strict=True)

    name: _Name | None = None
    description: _Line | None = None
    applies: _Applies | None = None


def own_skills(manifest: Manifest) -> tuple[Skill, ...]:
    """The skills that a manifest names, in its order: files, and folders with a `SKILL.md` or with several skills.
    Raises `ConfigurationError` for the first that is broken, too long or of a name that another has."""
    if manifest.directory is None:
        return ()
    skills: dict[str, Skill] = {}
    for named in manifest.skills:
        for path in _files_of(manifest.directory / named):
            skill = _own(path, manifest.directory)
            if skill.name in skills:
                other = skills[skill.name].path
                raise ConfigurationError(f"{path}: {other} is called {skill.name!r} too: rename one of them")
            skills[skill.name] = skill
    if len(skills) > MOST_SKILLS:
        raise ConfigurationError(f"role {manifest.role}: it has {len(skills)} skills; the limit is {MOST_SKILLS}")
    return tuple(skills.values())


async def repository_skills(files: Files, own: Sequence[Skill] = ()) -> tuple[tuple[Skill, ...], tuple[str, ...]]:
    """The skills of a user's repository that are not called like one of the role's `own`, and a warning, in a line for
    people, for each file that is left out. Raises what `files` raises."""
    warnings: list[str] = []
    skills: dict[str, Skill] = {}
    taken = {skill.name for skill in own}
    names = [name for folder in FOLDERS for name in await files.files() if _is_skill(name, folder)]
    for name in names[:MOST_SKILLS]:
        text = await read_text(files, name, warnings)
        if text is None:
            continue
        try:
            skill = _parsed(text, name, "repository")
        except BrokenFrontMatter as error:
            warnings.append(f"{one_line(name)} is ignored: {error}")
            continue
        if skill.name in taken:
            warnings.append(f"{skill.path} is ignored: there is another skill called {skill.name!r}")
            continue
        taken.add(skill.name)
        skills[skill.name] = skill
    if len(names) > MOST_SKILLS:
        warnings.append(f"{len(names) - MOST_SKILLS} skills are ignored: a repository may have {MOST_SKILLS}")
    return tuple(skills.values()), tuple(warnings)


def _own(path: Path, directory: Path) -> Skill:
    name = path.relative_to(directory).as_posix()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}): correct `skills` in agent.toml") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not UTF-8 text: save the file as UTF-8") from None
    if size(text) > MOST_BYTES:
        raise ConfigurationError(
            f"{path}: it has {size(text):,} bytes; a skill may have {MOST_BYTES:,}: make two of it"
        )
    try:
        return _parsed(text, name, "role")
    except BrokenFrontMatter as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _parsed(text: str, path: str, source: Source) -> Skill:
    """Raises `BrokenFrontMatter`."""
    found, body = split(text)
    front = _front(found)
    if not body:
        raise BrokenFrontMatter("there is nothing in it to be told")
    name = front.name or _name_of(path)
    when = front.applies
    applies = Applies(tuple(when.task_types), tuple(when.words), tuple(when.files)) if when is not None else None
    described = one_line(front.description or _first_line(body))
    return Skill(name, described, cut(body, MOST_BYTES, one_line(path)), source, one_line(path), applies)


def _front(found: Mapping[str, Any]) -> _Front:
    try:
        return _Front.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise BrokenFrontMatter(f"{where} is not known: under applies stand task_types, words, files") from None
        raise BrokenFrontMatter(f"{where}: {first['msg'][0].lower()}{first['msg'][1:]}") from None


def _name_of(path: str) -> str:
    """What a skill is called that does not say so: like its file or, where that is SKILL.md, its folder."""
    file = PurePosixPath(path)
    name = file.parent.name if file.name == "SKILL.md" else file.stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:64] or "skill"


def _first_line(body: str) -> str:
    return next((line.strip("# ") for line in body.splitlines() if line.strip("# ")), "")


def _files_of(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    whole = path / "SKILL.md"
    found = [whole] if whole.is_file() else sorted([*path.glob("*.md"), *path.glob("*/SKILL.md")])
    if not found:
        raise ConfigurationError(f"{path}: there is no skill in this folder: put a SKILL.md or other .md files into it")
    return found


def _is_skill(name: str, folder: str) -> bool:
    if not name.startswith(f"{folder}/"):
        return False
    inside = name.removeprefix(f"{folder}/").split("/")
    in_folder = len(inside) == 2 and inside[1] == "SKILL.md"
    return in_folder or (folder == FOLDERS[0] and len(inside) == 1 and inside[0].endswith(".md"))
