"""What a user's repository tells agents: AGENTS.md, `.github/copilot-instructions.md`, `.github/agents/*.agent.md`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from beth_kit.frame.front_matter import BrokenFrontMatter, split
from beth_kit.frame.text import cut, one_line, storable
from beth_kit.frame.tree import Files, TooLong

EVERYBODY = "AGENTS.md"
COPILOT = ".github/copilot-instructions.md"
ROLES = ".github/agents"
ROLE_ENDING = ".agent.md"

MOST_BYTES = 32 * 1024
"""Of one file; what goes beyond is left out, with a note."""

NESTED = 16
"""AGENTS.md files below the root that are read, the outermost first; more are only named."""

_OTHERS = frozenset({"node_modules", "vendor", "third_party", "site-packages", ".venv"})  # somebody else's project


@dataclass(frozen=True, slots=True)
class Document:
    """A file with instructions. `directory`: what they hold for, empty for the whole repository."""

    path: str
    text: str
    directory: str = ""


@dataclass(frozen=True, slots=True)
class Instructions:
    """What was found: `documents` for every role, `role` for this one alone. `further`: files that are only named.
    `warnings`: files that cannot be used, a line for people each."""

    documents: tuple[Document, ...] = ()
    role: Document | None = None
    further: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


async def read_instructions(files: Files, role: str) -> Instructions:
    """The instructions for a role. A file that is broken or not text is left out and warned of. Raises what `files`
    raises."""
    names = await files.files()
    warnings: list[str] = []
    nested = sorted(filter(_is_nested, names), key=lambda name: (name.count("/"), name))
    wanted = [name for name in (EVERYBODY, COPILOT) if name in set(names)] + nested[:NESTED]
    documents = []
    for name in wanted:
        text = await read_text(files, name, warnings)
        if text and text.strip():
            directory = str(PurePosixPath(name).parent) if name in nested else ""
            documents.append(Document(_shown(name), cut(text.strip(), MOST_BYTES, _shown(name)), _shown(directory)))
    own = await _of_role(files, names, role, warnings)
    return Instructions(tuple(documents), own, tuple(map(_shown, nested[NESTED:])), tuple(warnings))


async def read_text(files: Files, name: str, warnings: list[str]) -> str | None:
    """What a file says; None, with a line in `warnings`, where it is too large or no text."""
    try:
        return storable((await files.read(name)).decode("utf-8"))
    except UnicodeDecodeError:
        warnings.append(f"{_shown(name)} is ignored: it is not UTF-8 text")
    except TooLong as error:
        warnings.append(f"{_shown(name)} is ignored: {error}")
    return None


async def _of_role(files: Files, names: Sequence[str], role: str, warnings: list[str]) -> Document | None:
    """The first file that is for the role: by its file's name, else by the name in its front matter."""
    candidates = [name for name in names if name.startswith(f"{ROLES}/") and name.endswith(ROLE_ENDING)]
    candidates = [name for name in candidates if name.count("/") == ROLES.count("/") + 1]
    by_file = [name for name in candidates if _same(PurePosixPath(name).name.removesuffix(ROLE_ENDING), role)]
    for name in by_file or candidates:
        text = await read_text(files, name, warnings)
        if text is None:
            continue
        try:
            front, body = split(text)
        except BrokenFrontMatter as error:
            warnings.append(f"{_shown(name)} is ignored: {error}")
            continue
        if body and (by_file or _same(str(front.get("name")), role)):
            return Document(_shown(name), cut(body, MOST_BYTES, _shown(name)))
    return None


def _is_nested(name: str) -> bool:
    path = PurePosixPath(name)
    return path.name == EVERYBODY and len(path.parts) > 1 and not _OTHERS.intersection(path.parts)


def _same(name: str, role: str) -> bool:
    """Whether people mean the role by a name such as `Security Reviewer` or `security_reviewer`."""
    return re.sub(r"[\s_]+", "-", name.strip().casefold()) == role


def _shown(name: str) -> str:
    return one_line(name)
