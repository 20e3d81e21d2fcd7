"""What a task may require of an agent's version."""

from __future__ import annotations

import pytest

from beth_sdk.versions import satisfies


@pytest.mark.parametrize(
    ("version", "requires"),
    [
        ("1.2.3", ""),
        ("1.2.3", "==1.2.3"),
        ("1.2.0", "==1.2"),
        ("1.2.3", "!=1.2"),
        ("1.10", ">1.9"),
        ("1.9", "<1.10"),
        ("2.0", ">=2"),
        ("1.2", ">= 1.2 , < 2"),
        ("1.2", "<=1.2"),
        ("v1.2", ">=v1.2"),
        ("1.5", "~=1.2"),
        ("1.2.9", "~=1.2.3"),
        ("1", "~=1.0.0"),
        ("1.2.0rc1", ">=1.2"),
        ("unknown", "<1"),
    ],
)
def test_a_version_meets_a_constraint(version: str, requires: str) -> None:
    assert satisfies(version, requires)


@pytest.mark.parametrize(
    ("version", "requires"),
    [
        ("1.2.3", "==1.2"),
        ("1.2.0", "!=1.2"),
        ("1.9", ">1.10"),
        ("1.2", ">1.2.0"),
        ("1.3", "<=1.2"),
        ("2.0", "<2"),
        ("2.1", ">=1.2, <2"),
        ("2.0", "~=1.2"),
        ("1.1", "~=1.2"),
        ("1.3.0", "~=1.2.3"),
        ("1", "~=1.0.1"),
    ],
)
def test_a_version_does_not_meet_a_constraint(version: str, requires: str) -> None:
    assert not satisfies(version, requires)


@pytest.mark.parametrize("requires", ["1.2", "=1.2", ">=", ">=1.x", "==1.*", "~=1", "latest", ">=1 <2"])
def test_what_is_no_constraint_is_refused_by_name(requires: str) -> None:
    with pytest.raises(ValueError, match="not a version constraint"):
        satisfies("1.2.3", requires)
