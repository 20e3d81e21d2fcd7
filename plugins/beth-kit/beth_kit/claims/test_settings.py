"""What a project asks of itself."""

from __future__ import annotations

import pytest

from beth_kit.claims.settings import settings_loosened

STRICT = '[tool.mypy]\nstrict = true\n[tool.ruff.lint]\nignore = ["E501"]\n'


def loosened(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [f"{path}:{line}: {what}" for path, line, what in settings_loosened(before, after)]


@pytest.mark.parametrize(
    ("path", "before", "after", "what"),
    [
        ("pyproject.toml", "a = 1\nfail_under = 90", "fail_under = 80", "1: the limit fail_under is 80, and was 90"),
        (
            "Makefile",
            "pytest --cov-fail-under=90",
            "pytest --cov-fail-under=85",
            "1: the limit fail_under is 85, and was 90",
        ),
        (".coveragerc", "[report]\nfail_under=90", "[report]", "2: the limit fail_under = 90 is gone"),
        (
            "jest.config.js",
            "coverageThreshold: {global: {branches: 80, lines: 90}}",
            "coverageThreshold: {global: {branches: 80, lines: 50}}",
            "1: the limit lines is 50, and was 90",
        ),
        (
            "package.json",
            '"test": "c8 --lines 90 mocha"',
            '"test": "c8 --lines 9 mocha"',
            "1: the limit lines is 9, and was 90",
        ),
        (
            "codecov.yml",
            "coverage:\n  target: 80%",
            "coverage:\n  target: 70%",
            "2: the limit target is 70, and was 80",
        ),
        (
            "pom.xml",
            "jacoco <minimum>0.80</minimum>",
            "jacoco <minimum>0.2</minimum>",
            "1: the limit minimum is 0.2, and was 0.8",
        ),
        (
            "stryker.conf.json",
            '{"mutate": [], "break": 60}',
            '{"mutate": [], "break": 6}',
            "1: the limit break is 6, and was 60",
        ),
        ("pyproject.toml", STRICT, STRICT.replace("E501", "S105"), "4: 'S105' is left out now (ruff.lint.ignore)"),
        ("pyproject.toml", STRICT, STRICT.replace("true", "false"), "1: mypy is not strict any more"),
        (
            "pyproject.toml",
            STRICT,
            STRICT + '[tool.ruff.lint.per-file-ignores]\n"src/*" = ["ANN"]',
            "6: 'ANN' is left out now (ruff.lint.per-file-ignores.src/*)",
        ),
        (
            "pyproject.toml",
            STRICT,
            STRICT + '[[tool.mypy.overrides]]\nmodule = "a"\ndisable_error_code = ["arg-type"]',
            "7: 'arg-type' is left out now (mypy.overrides.disable_error_code)",
        ),
        ("ruff.toml", 'ignore = ["E501"]', 'ignore = ["E501", "F401"]', "1: 'F401' is left out now (ruff.ignore)"),
    ],
)
def test_what_asks_for_less_is_found(path: str, before: str, after: str, what: str) -> None:
    assert loosened({path: before}, {path: after}) == [f"{path}:{what}"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a.toml": "fail_under = 80"}, {"a.toml": "fail_under = 90"}),
        ({"setup.cfg": "fail_under = 80"}, {"setup.cfg": "", "pyproject.toml": "fail_under = 80"}),
        ({}, {"pyproject.toml": "fail_under = 10"}),
        ({"layout.json": '{"lines": 9}'}, {"layout.json": '{"lines": 3}'}),
        ({"notes.md": "fail_under = 90"}, {"notes.md": ""}),
        ({"pyproject.toml": STRICT}, {"pyproject.toml": STRICT.replace('"E501"', "")}),
        ({"pyproject.toml": "[project]"}, {"pyproject.toml": STRICT}),
        ({"pyproject.toml": "broken = ["}, {"pyproject.toml": STRICT}),
        ({"pyproject.toml": "tool = 1"}, {"pyproject.toml": STRICT}),
    ],
)
def test_what_asks_for_as_much_or_is_no_limit_is_not(before: dict[str, str], after: dict[str, str]) -> None:
    assert loosened(before, after) == []
