"""Two commits that change the same lines: what a merge found, and how to say it to the task that resolves it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Merged:
    """The branch now is at `commit`, which holds both sides; `fast_forward` if no new commit was needed."""

    commit: str
    fast_forward: bool = False


@dataclass(frozen=True)
class Conflict:
    """`ours` (the branch) and `theirs` (the commit to merge) do not fit together in `files`.

    `base` is their common ancestor (None: none), `tree` has both sides with conflict markers in `files`, for the work
    tree of the task that resolves it. `subjects` are the first lines of the commits each side made since `base`, the
    newest first, as (ours, theirs).
    """

    files: tuple[str, ...]
    ours: str
    theirs: str
    base: str | None
    tree: str
    subjects: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


SHOWN = 50
"""How many files and commits a description names before it only counts the rest."""


def describe(conflict: Conflict) -> str:
    """What the task that resolves `conflict` is told: both sides, the files, and what is expected of it."""
    ours, theirs = conflict.subjects
    return "\n".join(
        [
            f"Two changes do not fit together in {_count(len(conflict.files), 'file')}. Resolve the conflict.",
            "",
            f"Ours, the request's branch, at {conflict.ours}:",
            *_bullets(ours),
            f"Theirs, to be merged into it, at {conflict.theirs}:",
            *_bullets(theirs),
            f"Both started from {conflict.base}." if conflict.base else "They have no common ancestor.",
            "",
            "Files in conflict:",
            *_bullets([_quoted(name) for name in conflict.files]),
            "",
            "In the workspace these files hold both sides between <<<<<<< and >>>>>>> (a file that one side deleted,",
            "and a binary one, is there as one side has it). Make each what both sides wanted, remove the markers,",
            "check that the whole still works, and commit: the commit will have both sides as parents.",
        ]
    )


def _bullets(lines: tuple[str, ...] | list[str]) -> list[str]:
    shown = [f"- {line}" for line in lines[:SHOWN]]
    return [*shown, f"- and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else shown


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _quoted(name: str) -> str:
    """A name as it is, or as a literal where it holds what would break a line or is not UTF-8."""
    return name if name.isprintable() else ascii(name)
