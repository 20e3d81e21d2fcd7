"""What a path says of a file: whether it belongs to the tests, and whether a place in it exists. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

_FOLDERS = frozenset({"test", "tests", "__tests__", "__mocks__", "spec", "specs", "e2e", "cypress", "testdata"})
_NAMES = (
    *("test_*.py", "*_test.py", "*_tests.py", "tests.py", "conftest.py"),
    *("*.test.[cm][jt]s", "*.test.[jt]s", "*.test.[jt]sx", "*.spec.[cm][jt]s", "*.spec.[jt]s", "*.spec.[jt]sx"),
    *("*.cy.[jt]s", "*.cy.[jt]sx", "*.snap", "*_test.go", "*_test.rs", "*_spec.rb", "*_test.rb", "*.feature"),
    *("*Test.java", "*Tests.java", "*IT.java", "Test*.java", "*Test.kt", "*Tests.kt", "*Tests.cs", "*Test.cs"),
    *("*Test.php", "*Spec.scala", "*Test.scala", "*Tests.swift"),
)
_SETUP = (
    *("pytest.ini", "tox.ini", ".coveragerc", "jest.config.*", "vitest.config.*", "playwright.config.*"),
    *("cypress.config.*", ".mocharc*", "requirements-dev.txt", "requirements-test.txt", "dev-requirements.txt"),
)

_PLACE = re.compile(r"(?P<path>[^\s:@][^:]*?):(?P<first>[1-9]\d{0,8})(?:[-:]\d{1,9})?(?:@(?P<commit>[0-9a-f]{7,64}))?")


def is_test(path: str) -> bool:
    """Whether a file belongs to the tests, by the names that pytest, Jest, Go, Cargo, JUnit and their like go by."""
    pure = PurePosixPath(path)
    return bool(_FOLDERS.intersection(pure.parts[:-1])) or _is_any(pure.name, _NAMES)


def is_test_setup(path: str) -> bool:
    """Whether a file only says how tests are run, or what git ignores: what a tester may need to run any."""
    return _is_any(PurePosixPath(path).name, (*_SETUP, ".gitignore"))


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, in the work tree or at a commit."""

    path: str
    line: int
    commit: str | None = None


def parse_place(text: str) -> Place | None:
    """`path:line`, also with a last line or a column behind it, or `path:line@commit`; None for anything else."""
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        return None
    path = found["path"].removeprefix("./")
    return Place(path, int(found["first"]), found["commit"])


def _is_any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
