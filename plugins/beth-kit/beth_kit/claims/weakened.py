"""Finds where a change weakens what checks it: tests that are gone, skipped or empty, checks switched off."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from beth_kit.claims.cases import Case, cases_in
from beth_kit.claims.marks import marks_added
from beth_kit.claims.said import listed
from beth_kit.claims.settings import settings_loosened
from beth_kit.claims.work import Work

ALIKE = 0.7
"""How much of two tests' code must be the same, from 0 to 1, for one to count as the other under a new name."""

_ASSERTS = re.compile(
    r"\bassert\s|\b(?:assert|expect(?!ed|ation)|verify|should|raises|warns)\w*\s*[.(!]|\b(?:check|ensure|fail)\w*\s*\("
    r"|\brequire\.\w+\s*\(|\bt\.(?:Error|Fatal)f?\s*\("
)


MOST_COMPARED = 20_000
"""Pairs of tests that are compared by their code: where a change has more, names alone tell what became of each."""


@dataclass(frozen=True, slots=True)
class Weakening:
    """One place where less is checked than before. `what` says it in words, with file and line; `names` are those it
    may be declared by."""

    what: str
    names: tuple[str, ...]


def weakened(work: Work) -> list[Weakening]:
    """All of them, tests first."""
    return [*_tests(work), *marks_weakened(work), *settings_weakened(work)]


async def objection(work: Work, declared: Sequence[Mapping[str, Any]]) -> str | None:
    """What to tell a model whose change weakens something that `declared`, its `removed_tests`, does not name; None
    where there is nothing to object to."""
    said = [str(one.get("test", "")) for one in declared]
    # In a thread: a change may be large, and the worker renews its hold meanwhile.
    weaker = await asyncio.to_thread(weakened, work)
    found = [one.what for one in weaker if not any(_declares(text, one.names) for text in said)]
    if not found:
        return None
    return (
        f"your change checks less than what was there before:\n{listed(found)}\nPut it back and make the code right. "
        "Only where the task itself makes it right to check less, name each in `removed_tests`, by its name or its "
        "file, with the reason."
    )


def _declares(text: str, names: Sequence[str]) -> bool:
    return any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) for name in names if name)


# -- tests ------------------------------------------------------------------------------------


def _tests(work: Work) -> Iterator[Weakening]:
    before = [case for path, text in work.before.items() for case in cases_in(path, text)]
    after = [case for path, text in work.after.items() for case in cases_in(path, text)]
    pairs, gone = _paired(before, after)
    yield from _removed(gone, work)
    for old, new in pairs:
        yield from _emptied(old, new)


def _paired(before: Sequence[Case], after: Sequence[Case]) -> tuple[list[tuple[Case, Case]], list[Case]]:
    """Each test with what became of it, and those of which nothing did: a test may have moved or changed its name."""
    pairs: list[tuple[Case, Case]] = []
    gone, left = list(before), list(after)
    for key in (_where_and_name, _name, _bare):
        by_key: dict[tuple[str, ...], list[Case]] = {}
        for case in left:
            by_key.setdefault(key(case), []).append(case)
        still = []
        for case in gone:
            same = by_key.get(key(case))
            if same:
                pairs.append((case, same.pop(0)))
            else:
                still.append(case)
        gone, left = still, [case for cases in by_key.values() for case in cases]
    if len(gone) * len(left) > MOST_COMPARED:
        return pairs, gone
    still = []
    for case in gone:
        near = _most_alike(case, left)
        if near is None:
            still.append(case)
        else:
            left.remove(near)
            pairs.append((case, near))
    return pairs, still


def _where_and_name(case: Case) -> tuple[str, ...]:
    return case.path, case.name


def _name(case: Case) -> tuple[str, ...]:
    return (case.name,)


def _bare(case: Case) -> tuple[str, ...]:
    return (case.bare,)


def _most_alike(case: Case, others: Sequence[Case]) -> Case | None:
    code = case.body.split()
    best, found = ALIKE, None
    for other in others:
        matcher = difflib.SequenceMatcher(None, code, other.body.split(), autojunk=False)
        if matcher.real_quick_ratio() >= best and (ratio := matcher.ratio()) >= best:
            best, found = ratio, other
    return found


def _removed(gone: Sequence[Case], work: Work) -> Iterator[Weakening]:
    renamed = {one.old: one.new for one in work.patches if one.old}
    whole: dict[str, list[Case]] = {}
    for case in gone:
        if renamed.get(case.path) is None:
            whole.setdefault(case.path, []).append(case)
        else:
            what = f"{case.path}:{case.line}: the test {case.name!r} is gone"
            yield Weakening(what, (case.name, case.bare))
    for path, cases in whole.items():
        names = ", ".join(repr(case.name) for case in cases[:5]) + (", …" if len(cases) > 5 else "")
        number = f"{len(cases)} tests" if len(cases) > 1 else "its test"
        only = tuple(case.bare for case in cases) if len(cases) == 1 else ()
        yield Weakening(
            f"{path}:{cases[0].line}: the file is gone, and {number} with it: {names}",
            (path, PurePosixPath(path).name, *only),
        )


def _emptied(old: Case, new: Case) -> Iterator[Weakening]:
    names = (new.name, new.bare, old.bare)
    where = f"{new.path}:{new.line}: the test {new.name!r}"
    was, now = _asserting(old.body), _asserting(new.body)
    if was and not now:
        yield Weakening(f"{where} asserts nothing any more", names)
    elif (lost := [line for line in was if line not in now]) and all(line in was for line in now):
        # Some are gone and none came: they were taken out, not put in another form.
        yield Weakening(f"{where} has lost {len(lost)} of its {len(was)} assertions: {lost[0][:80]}", names)
    if new.cases < old.cases:
        yield Weakening(f"{where} runs with {new.cases} values, and ran with {old.cases}", names)


def _asserting(body: str) -> list[str]:
    lines = (" ".join(line.split()) for line in body.split("\n"))
    return [line for line in lines if line and not line.startswith(("#", "//")) and _ASSERTS.search(line)]


# -- marks and settings -----------------------------------------------------------------------


def marks_weakened(work: Work) -> Iterator[Weakening]:
    """Skips, trivial assertions and ignores that came in."""
    for mark in marks_added(work.patches):
        yield Weakening(
            f"{mark.path}:{mark.line}: {mark.what}: {mark.text[:100]}", (mark.path, PurePosixPath(mark.path).name)
        )


def settings_weakened(work: Work) -> Iterator[Weakening]:
    """Limits and rules that ask for less."""
    for path, line, what in settings_loosened(work.before, work.after):
        yield Weakening(f"{path}:{line}: {what}", (path, PurePosixPath(path).name))
