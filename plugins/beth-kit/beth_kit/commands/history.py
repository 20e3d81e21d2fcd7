"""What a request's branch holds: its commits with their role, task and files. Read from git alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from beth_kit.commands.finding import Found
from beth_kit.workspace.clone import TRAILER
from beth_kit.workspace.git import Git
from beth_sdk.errors import ConfigurationError

_FORMAT = f"%H%n%P%n%an%n%ae%n%at%n%(trailers:key={TRAILER},valueonly,separator=%x2C)%n%s"
_ROLES = "@beth.invalid"


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that a commit changed: lines `added` and `deleted`, None in a file that is not text. `before`: its name
    before, where it has another one now."""

    path: str
    added: int | None
    deleted: int | None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. `role` is the author's name where the author is no role; `at` in seconds since the Unix epoch."""

    commit: str
    parents: tuple[str, ...]
    role: str
    at: float
    task: str | None
    subject: str
    files: tuple[Changed, ...] = ()

    @property
    def merge(self) -> bool:
        """Whether it brings branches together. Its files are those of the commits that it merges."""
        return len(self.parents) > 1


async def commits(git: Git, newest: str, since: str, *further: str) -> list[Commit]:
    """The commits of `newest` that `since` does not have, the oldest first, without their files."""
    words = ("log", "-z", "--reverse", "--topo-order", "--no-show-signature", f"--format={_FORMAT}", *further)
    return [_commit(entry) for entry in await git.names(*words, newest, f"^{since}", "--")]


async def with_files(git: Git, of: Sequence[Commit]) -> list[Commit]:
    """The commits with the files that each changed."""
    words = ("diff-tree", "--stdin", "-r", "-z", "-M", "--root", "--numstat")
    asked = "".join(f"{one.commit}\n" for one in of).encode()
    files = _by_commit(await git.names(*words, stdin=asked))
    return [
        Commit(one.commit, one.parents, one.role, one.at, one.task, one.subject, files.get(one.commit, ()))
        for one in of
    ]


async def changed(git: Git, since: str, until: str) -> tuple[Changed, ...]:
    """The files in which two commits differ."""
    words = ("diff-tree", "-r", "-z", "-M", "--numstat", since, until, "--")
    return tuple(_changes(iter(await git.names(*words))))


async def of_task(found: Found, task_id: str) -> tuple[str, str]:
    """Where the commits of a task begin and end: the commit that its first one was made upon, and its last one.

    Raises `ConfigurationError` for a task that has committed nothing.
    """
    git = found.git
    kept = await git.names("for-each-ref", "--format=%(refname)%00", "refs/beth/tasks/")
    tips = {ref.strip().removeprefix("refs/beth/tasks/") for ref in kept}
    if task_id in tips:
        # Behind each merge is the work of others; the first parents are the task's own line.
        line = await commits(git, f"refs/beth/tasks/{task_id}", found.base, "--first-parent")
        own = [one for one in line if one.task == task_id]
        if own:
            return own[0].parents[0], own[-1].commit
    known = sorted(tip for tip in tips if tip)
    told = f"; these have: {', '.join(known[:10])}" if known else "; no task has yet"
    raise ConfigurationError(f"{found.id} has no task {task_id!r} that has committed something{told}")


def _commit(entry: str) -> Commit:
    commit, parents, name, address, at, task, subject = entry.split("\n", 6)
    role = address.removesuffix(_ROLES) if address.endswith(_ROLES) else name
    return Commit(commit, tuple(parents.split()), role, float(at), task or None, subject)


def _by_commit(words: list[str]) -> dict[str, tuple[Changed, ...]]:
    """Each commit's files in what `diff-tree --stdin -z --numstat` prints: a commit alone, then its files."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    expected = 0
    for word in words:
        if not expected and "\t" not in word:
            current = found.setdefault(word, [])
            continue
        # A file that has another name now comes as three words: numbers without a name, the old one, the new one.
        expected = expected - 1 if expected else 2 if word.endswith("\t") else 0
        current.append(word)
    return {commit: tuple(_changes(iter(rest))) for commit, rest in found.items()}


def _changes(words: Iterator[str]) -> Iterator[Changed]:
    for word in words:
        added, deleted, path = word.split("\t", 2)
        before = next(words) if not path else None
        yield Changed(path or next(words), _number(added), _number(deleted), before)


def _number(text: str) -> int | None:
    return None if text == "-" else int(text)
