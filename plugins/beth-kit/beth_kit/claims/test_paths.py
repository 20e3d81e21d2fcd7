"""What paths say."""

from __future__ import annotations

import pytest

from beth_kit.claims.paths import Place, is_test, is_test_setup, parse_place


@pytest.mark.parametrize(
    "path",
    [
        *("test_a.py", "pkg/a_test.py", "tests/conftest.py", "tests/data/one.json", "app/tests.py"),
        *("src/a.test.ts", "src/a.spec.jsx", "src/__tests__/a.js", "cypress/login.cy.ts", "e2e/login.ts"),
        *("pkg/a_test.go", "pkg/testdata/x.txt", "tests/api.rs", "src/test/java/LoginTest.java", "ATests.cs"),
    ],
)
def test_a_file_of_the_tests_is_known_by_its_name(path: str) -> None:
    assert is_test(path)


@pytest.mark.parametrize(
    "path", ["src/testing.py", "latest.py", "src/contest.ts", "attest.go", "docs/tests.md", "a.py"]
)
def test_a_file_that_only_sounds_like_one_is_none(path: str) -> None:
    assert not is_test(path)


def test_what_says_how_tests_are_run_is_told_from_the_code() -> None:
    assert is_test_setup("pytest.ini")
    assert is_test_setup("web/vitest.config.ts")
    assert not is_test_setup("pyproject.toml")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("src/a.py:12", Place("src/a.py", 12)),
        ("./src/a.py:12-15", Place("src/a.py", 12)),
        ("src/a.py:12:4", Place("src/a.py", 12)),
        ("my notes.md:1", Place("my notes.md", 1)),
        ("config/.env:3@0123abc", Place("config/.env", 3, "0123abc")),
        ("src/a.py", None),
        ("src/a.py:0", None),
        ("the login form", None),
        ("https://example.org/a:1", None),
    ],
)
def test_a_place_is_a_file_and_a_line(text: str, place: Place | None) -> None:
    assert parse_place(text) == place
