"""What a request may use up, as people write it: `--max-cost`, `--max-tokens`, `--max-time`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beth_agent_beth.commands.limits import with_default
from beth_agent_beth.fold.policy import BudgetPolicy
from beth_sdk.cli.conftest import Beth


def budget(beth: Beth, name: str) -> Any:
    return beth("status", name, "--json").json["budget"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {"cost_usd": 5.0}),
        (("--max-cost", "0.10"), {"cost_usd": 0.1}),
        (("--max-cost", "0"), {"cost_usd": 0.0}),
        (("--max-cost", "$2.50"), {"cost_usd": 2.5}),
        (("--max-cost", "12 USD", "--max-tokens", "200000"), {"cost_usd": 12.0, "tokens": 200_000}),
        (("--max-cost", "none", "--max-time", "1h30m"), {"seconds": 5400.0}),
        (("--max-time", "90s"), {"cost_usd": 5.0, "seconds": 90.0}),
    ],
)
def test_a_request_has_the_limits_that_it_was_given(
    beth: Beth, solo: str, options: tuple[str, ...], expected: dict[str, float]
) -> None:
    name = beth("submit", "play", "--workflow", solo, *options).stdout.strip()
    found = budget(beth, name)
    assert {key: found[key] for key in ("cost_usd", "tokens", "seconds") if found.get(key) is not None} == expected


def test_without_any_limit_a_request_has_none(beth: Beth, solo: str) -> None:
    name = beth("submit", "play", "--workflow", solo, "--max-cost", "none").stdout.strip()
    assert not budget(beth, name)


def test_the_default_is_the_policys(beth: Beth, solo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policy.toml").write_text("[budget]\ncost_usd = 1.25\n")
    monkeypatch.setenv("BETH_POLICY", str(tmp_path / "policy.toml"))
    name = beth("submit", "play", "--workflow", solo).stdout.strip()
    assert budget(beth, name)["cost_usd"] == 1.25


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("--max-cost", "much", "write it as 0.50 or 12"),
        ("--max-cost", "-1", "write it as 0.50 or 12"),
        ("--max-cost", "1,5", "write it as 0.50 or 12"),
        ("--max-cost", "nan", "write it as 0.50 or 12"),
        ("--max-cost", "1e9", "write it as 0.50 or 12"),
        ("--max-tokens", "200k", "write it as 200000"),
        ("--max-tokens", "-5", "write it as 200000"),
        ("--max-tokens", "9" * 16, "write it as 200000"),
        ("--max-time", "soon", "write it as 90s, 30m, 2h or 1h30m"),
        ("--max-time", "0", "write it as 90s, 30m, 2h or 1h30m"),
    ],
)
@pytest.mark.parametrize("command", ["run", "submit"])
def test_what_is_no_limit_is_refused_in_one_line_that_says_how_to_write_it(
    beth: Beth, solo: str, command: str, option: str, value: str, hint: str
) -> None:
    ran = beth(command, "play", "--workflow", solo, option, value)
    assert ran.exit_code == 2
    assert option in ran.stderr
    assert hint in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_replay_goes_by_what_was_recorded_and_takes_no_limit(beth: Beth, solo: str, tmp_path: Path) -> None:
    ran = beth("run", "--replay", str(tmp_path), "--max-cost", "1")
    assert ran.exit_code == 2
    assert "leave out --max-cost" in ran.stderr


def test_money_that_is_not_said_is_the_policys() -> None:
    assert with_default(None, BudgetPolicy()) == {"cost_usd": 5.0}
    assert with_default({"tokens": 3}, BudgetPolicy()) == {"cost_usd": 5.0, "tokens": 3}
    assert with_default({"cost_usd": None}, BudgetPolicy()) == {}
    assert with_default({}, BudgetPolicy(cost_usd=None)) == {}
