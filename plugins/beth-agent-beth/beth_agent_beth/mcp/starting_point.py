"""Which repository a request starts from that was asked for in a chat. It is only read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from beth_sdk.errors import ConfigurationError

NONE = "none"
"""What `repo` says for a request that starts from nothing. A folder of this name is `./none`."""


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """A repository (None: the request starts from nothing), and how it came to be chosen, for people."""

    repo: str | None
    why: str


def given(repo: str, branch: str | None) -> StartingPoint:
    """What the caller named. Raises `ConfigurationError`."""
    if repo != NONE:
        return StartingPoint(repo, "the repository you named")
    if branch is not None:
        raise ConfigurationError('branch names a branch of a repository, and repo is "none"; leave one of them out')
    return StartingPoint(None, "you asked for an empty repository")


def found(roots: Sequence[Path] | None, directory: Path, home: Path) -> StartingPoint:
    """Where nothing was named: the one repository that the client has open, or for a client that does not tell the one
    that the server was started in. `home`: the user's; a repository of that is never meant by a folder in it.

    Raises `ConfigurationError` where there are several.
    """
    if roots is None:
        top = repository_of(directory, home)
        if top is None:
            return StartingPoint(None, f"{directory}, where this server was started, is in no git repository")
        return StartingPoint(str(top), "the repository that this server was started in")
    tops = list(dict.fromkeys(top for root in roots if (top := repository_of(root, home)) is not None))
    if len(tops) > 1:
        named = ", ".join(str(top) for top in tops)
        raise ConfigurationError(f'several repositories are open here: {named}; say which with repo, or repo "none"')
    if not tops:
        return StartingPoint(None, "no folder that is open in the client is in a git repository")
    return StartingPoint(str(tops[0]), "the repository that is open in the client")


def repository_of(folder: Path, home: Path) -> Path | None:
    """The git work tree that a folder is in. Nothing is run; one whose top is the user's home counts only for the home
    itself, as it keeps settings and not what lies below."""
    folder = folder.resolve()
    for top in (folder, *folder.parents):
        if (top / ".git").exists():
            return top if top == folder or top != home.resolve() else None
    return None
