"""Marks in code that have a check left out: skipped tests, assertions that always hold, warnings switched off. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from beth_kit.claims.patch import FilePatch, Line
from beth_kit.claims.paths import is_test


@dataclass(frozen=True, slots=True)
class Mark:
    """A line that came in. `what` says what it does."""

    path: str
    line: int
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class _Rule:
    what: str
    files: re.Pattern[str]
    line: re.Pattern[str]
    tests_only: bool


_FILES = {
    "python": r"\.pyi?$",
    "script": r"\.(?:[cm]?[jt]sx?|vue|svelte)$",
    "go": r"\.go$",
    "rust": r"\.rs$",
    "java": r"\.(?:java|kts?|scala|groovy)$",
    "runs": r"\.(?:toml|cfg|ini|json|ya?ml|sh|mk|gradle|kts)$|(?:^|/)(?:Makefile|justfile|Dockerfile)$",
    "types": r"(?:^|/)(?:pyproject\.toml|setup\.cfg|\.?mypy\.ini|pyrightconfig\.json|[jt]sconfig[^/]*\.json)$",
    "lint": r"(?:^|/)(?:\.?eslint[^/]*|biome\.jsonc?|\.?stylelint[^/]*|\.oxlintrc[^/]*|package\.json)$",
}

_SKIPPED = "a test is skipped"
_ONLY = "all other tests are left out"
_FAILS = "a test may fail"
_ALWAYS = "an assertion that always holds"
_LINT = "a warning is switched off"
_TYPE = "a type error is ignored"
_COVERAGE = "code is left out of the coverage"
_DESELECTED = "tests are left out of a run"

_TEST = r"(?<![\w.$])(?:it|test|describe|suite|context)(?:\.\w+)*"
_END = r"\s*(?:[,;#].*)?$"

_IN_TESTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (_FAILS, "python", (r"\bmark\.xfail\b", r"\bpytest\.xfail\s*\(", r"\bexpectedFailure\b")),
    (_FAILS, "script", (r"(?<![\w.$])(?:it|test)(?:\.\w+)*\.(?:failing|fails|fail)\b",)),
    (_ONLY, "script", (rf"{_TEST}\.only\b", r"(?<![\w.$])f(?:it|describe|context)\s*\(")),
    (
        _SKIPPED,
        "python",
        (
            *(
                r"\bmark\.skip(?:if)?\b",
                r"\bpytest\.(?:skip|importorskip)\s*\(",
                r"@(?:unittest\.)?skip(?:If|Unless)?\b",
            ),
            *(r"\.skipTest\s*\(", r"\bSkipTest\b", r"\bcollect_ignore(?:_glob)?\b\s*[=+.]", r"\b__test__\s*=\s*False"),
        ),
    ),
    (
        _SKIPPED,
        "script",
        (
            *(
                rf"{_TEST}\.(?:skip|skipIf|runIf|todo|fixme)\b",
                r"(?<![\w.$])x(?:it|test|describe|context|specify)\s*\(",
            ),
            r"\bthis\.skip\s*\(",
        ),
    ),
    (_SKIPPED, "go", (r"\b[tbf]\.Skip(?:f|Now)?\s*\(", r"^//go:build\s+ignore\b")),
    (_SKIPPED, "rust", (r"#\[\s*ignore\b", r"#\[\s*cfg_attr\s*\([^\]]*\bignore\b")),
    (_SKIPPED, "java", (r"@(?:Disabled\w*|Ignore)\b", r"\bassume(?:True|False|That|Not)\w*\s*\(")),
    (
        _ALWAYS,
        "python",
        (
            rf"^\s*assert\s+(?:True|not\s+False|[1-9]\d*|'[^']+'|\"[^\"]+\"){_END}",
            rf"^\s*assert\b.*\bor\s+(?:True|1){_END}",
            rf"^\s*assert\s+(?P<one>[\w.\[\]'\"]+)\s*(?:==|is)\s*(?P=one){_END}",
            *(r"\.assertTrue\s*\(\s*(?:True|1)\s*[,)]", r"\.assertFalse\s*\(\s*(?:False|0)\s*[,)]"),
            r"\.assertEquals?\s*\(\s*(?P<one>[\w.\"']+)\s*,\s*(?P=one)\s*[,)]",
        ),
    ),
    (
        _ALWAYS,
        "script",
        (
            r"\bexpect\s*\(\s*(?P<one>[\w.\"']+)\s*\)\.(?:toBe|to\w*Equal|to\.equal|to\.be|to\.eql)\s*\(\s*(?P=one)\s*\)",
            r"\bexpect\s*\(\s*(?:true|1)\s*\)\.(?:toBeTruthy|to\.be\.true|to\.be\.ok)",
            r"\bassert(?:\.ok|\.isTrue)?\s*\(\s*(?:true|1)\s*[,)]",
            r"\bassert\.(?:equal|strictEqual|deepEqual)\s*\(\s*(?P<one>[\w.\"']+)\s*,\s*(?P=one)\s*[,)]",
        ),
    ),
    (
        _ALWAYS,
        "go",
        (
            r"\b(?:assert|require)\.True\s*\(\s*t\s*,\s*true\s*[,)]",
            r"\b(?:assert|require)\.Equal\s*\(\s*t\s*,\s*(?P<one>[\w.\"]+)\s*,\s*(?P=one)\s*[,)]",
        ),
    ),
    (
        _ALWAYS,
        "rust",
        (r"\bassert!\s*\(\s*true\s*[,)]", r"\bassert_eq!\s*\(\s*(?P<one>[\w.\"]+)\s*,\s*(?P=one)\s*[,)]"),
    ),
    (
        _ALWAYS,
        "java",
        (
            *(r"\bassertTrue\s*\(\s*true\s*[,)]", r"\bassertFalse\s*\(\s*false\s*[,)]"),
            r"\bassertEquals\s*\(\s*(?P<one>[\w.\"]+)\s*,\s*(?P=one)\s*[,)]",
        ),
    ),
)

_ANYWHERE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (_TYPE, "python", (r"#\s*type:\s*ignore", r"#\s*pyright:\s*ignore", r"#\s*mypy:", r"#\s*pyre-(?:ignore|fixme)")),
    (_TYPE, "script", (r"@ts-(?:ignore|nocheck|expect-error)\b",)),
    (
        _TYPE,
        "types",
        (
            *(r"^\s*ignore_errors\s*=\s*[Tt]rue", r"^\s*\"?strict\"?\s*[:=]\s*[Ff]alse"),
            *(r"^\s*disallow_\w+\s*=\s*[Ff]alse", r"\"noImplicitAny\"\s*:\s*false"),
        ),
    ),
    (
        _LINT,
        "python",
        (r"#\s*(?:ruff:\s*|flake8:\s*)?noqa\b", r"#\s*pylint:\s*(?:disable|skip-file)", r"#\s*nosec\b"),
    ),
    (_LINT, "script", (r"\b(?:eslint|tslint|biome|oxlint|stylelint)-(?:disable|ignore)\b", r"\btslint:disable\b")),
    (_LINT, "go", (r"//\s*nolint\b", r"//\s*#nosec\b", r"//lint:(?:file-)?ignore\b")),
    (_LINT, "rust", (r"#!?\[\s*allow\s*\(", r"#!?\[\s*cfg_attr\s*\([^\]]*\ballow\s*\(")),
    (
        _LINT,
        "java",
        (r"@(?:file:)?Suppress(?:Warnings|FBWarnings|Lint)?\b", r"//\s*(?:NOSONAR|NOPMD)", r"//\s*noinspection\b"),
    ),
    (_LINT, "lint", (r"[\"'][\w@/-]+[\"']\s*:\s*\[?\s*(?:[\"']off[\"']|0\s*[,\]}]|0$)",)),
    (_COVERAGE, "python", (r"#\s*pragma:\s*no\s*(?:cover|branch)",)),
    (_COVERAGE, "script", (r"\b(?:istanbul|c8|v8)\s+ignore\b",)),
    (
        _DESELECTED,
        "runs",
        (
            *(r"--(?:deselect|ignore|ignore-glob)[= ]\S*test", r"\s-k[= ]?\s*\\?['\"]?not\s", r"--passWithNoTests\b"),
            *(r"-DskipTests\b", r"-Dmaven\.test\.skip\b", r"testPathIgnorePatterns", r"pytest.*\|\|\s*true\b"),
        ),
    ),
)

_RULES = [
    # One expression a line: in one of several a group could not have the same name twice.
    _Rule(what, re.compile(_FILES[files]), re.compile(line), tests_only)
    for group, tests_only in ((_IN_TESTS, True), (_ANYWHERE, False))
    for what, files, lines in group
    for line in lines
]


def marks_added(patches: Iterable[FilePatch]) -> list[Mark]:
    """The marks that a change has more of than it takes away: one that only moved is none."""
    patches = list(patches)
    taken = Counter((mark.what, mark.text) for one in patches for mark in _marks(one.old, one.removed))
    found = []
    for one in patches:
        for mark in _marks(one.new, one.added):
            if taken[mark.what, mark.text] > 0:
                taken[mark.what, mark.text] -= 1
            else:
                found.append(mark)
    return found


def _marks(path: str | None, lines: Iterable[Line]) -> Iterator[Mark]:
    if path is None:
        return
    tests = is_test(path) or path.endswith(".rs")  # in Rust they stand beside the code
    rules = [rule for rule in _RULES if (tests or not rule.tests_only) and rule.files.search(path)]
    for line in lines:
        rule = next((one for one in rules if one.line.search(line.text)), None)
        if rule is not None:
            yield Mark(path, line.number, rule.what, " ".join(line.text.split()))
