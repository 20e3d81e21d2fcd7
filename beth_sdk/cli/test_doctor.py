"""`beth doctor`."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from beth_sdk.cli.checks import Check
from beth_sdk.cli.conftest import Beth
from beth_sdk.cli.doctor import lines, summary
from beth_sdk.conftest import Site

CHECKS = """\
from beth_sdk.cli.checks import Check

async def check(settings):
    return [Check("weather", "{status}", "it rains", "take an umbrella")]
"""


def add_check(site: Site, code: str) -> None:
    """A plugin with one check."""
    site.files({"zz_weather.py": code})
    site.distribution("zz-weather", {"beth.checks": {"weather": "zz_weather:check"}})


def test_every_check_is_told_and_a_well_machine_exits_with_0(beth: Beth) -> None:
    ran = beth("doctor", "--json")
    names = [check["name"] for check in ran.json["checks"]]
    assert names[:4] == ["python", "variables", "home", "umask"]
    assert {"database", "disk", "bus", "journal", "agents"} <= set(names)
    assert ran.json["ok"] is (ran.exit_code == 0)


def test_checks_of_plugins_run_too_and_a_failure_is_1(beth: Beth, site: Site) -> None:
    add_check(site, CHECKS.format(status="fail"))
    ran = beth("doctor", "--json")
    assert ran.exit_code == 1
    assert {"name": "weather", "status": "fail", "message": "it rains", "fix": "take an umbrella"} in ran.json["checks"]


def test_a_warning_is_no_failure(beth: Beth, site: Site) -> None:
    before = beth("doctor", "--json").exit_code
    add_check(site, CHECKS.format(status="warn"))
    assert beth("doctor", "--json").exit_code == before


def test_a_check_that_cannot_be_loaded_fails_with_its_distribution(beth: Beth, site: Site) -> None:
    add_check(site, "import nosuchmodule")
    ran = beth("doctor", "--json")
    assert ran.exit_code == 1
    (check,) = [check for check in ran.json["checks"] if check["name"] == "checks"]
    assert check["message"].startswith("zz-weather: entry point 'weather' of beth.checks: ")
    assert check["fix"] == "mend, upgrade or uninstall zz-weather"


def test_wrong_settings_are_a_failure_that_is_told_and_no_crash(beth: Beth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETH_LEASE", "soon")
    ran = beth("doctor")
    assert ran.exit_code == 1
    assert "fail  settings  BETH_LEASE='soon' is not accepted" in ran.stdout
    assert "→ correct BETH_LEASE" in ran.stdout


def test_people_see_a_line_a_check_with_the_fix_below() -> None:
    shown = lines([Check("a", "ok", "fine"), Check("bus", "fail", "no answer", "start it")])
    assert [click.unstyle(line) for line in shown] == [
        "ok    a    fine",
        "fail  bus  no answer",
        "           → start it",
        "",
        "1 failure in 2 checks.",
    ]


@pytest.mark.parametrize(
    ("statuses", "line"),
    [
        ("ok ok", "Everything is well."),
        ("ok warn", "1 warning in 2 checks."),
        ("fail warn fail", "2 failures and 1 warning in 3 checks."),
    ],
)
def test_the_last_line_sums_it_up(statuses: str, line: str) -> None:
    assert summary([Check("x", status, "m", "f") for status in statuses.split()]) == line  # type: ignore[arg-type]


def test_there_are_no_colours_in_a_pipe(beth: Beth) -> None:
    assert "\x1b" not in beth("doctor").stdout


RECOVERIES = """\
from beth_sdk.cli.checks import Unowned
from beth_sdk.errors import JournalUnavailable

async def lost(settings):
    return [Unowned("an umbrella", str(settings.home), "it is nobody's", "rm umbrella", {"colour": "red"})]

async def none(settings):
    return []

async def fails(settings):
    raise JournalUnavailable("no answer")
"""


def add_recovery(site: Site, name: str) -> None:
    """A plugin with one recovery."""
    site.files({"zz_lost.py": RECOVERIES})
    site.distribution("zz-lost", {"beth.recoveries": {"lost": f"zz_lost:{name}"}})


def test_recover_lists_what_plugins_found_without_an_owner_and_runs_no_check(
    beth: Beth, site: Site, home: Path
) -> None:
    add_recovery(site, "lost")
    shown = beth("doctor", "--recover").stdout.splitlines()
    at = shown.index(f"an umbrella  in {home}")
    assert shown[at : at + 3] == [f"an umbrella  in {home}", "    it is nobody's", "    → rm umbrella"]
    assert shown[-1].endswith("without an owner; nothing was deleted.")
    assert not home.exists()


def test_programs_get_what_was_found_with_its_data(beth: Beth, site: Site, home: Path) -> None:
    add_recovery(site, "lost")
    ran = beth("doctor", "--recover", "--json")
    assert ran.exit_code == 0
    assert {
        "name": "an umbrella",
        "place": str(home),
        "why": "it is nobody's",
        "remove": "rm umbrella",
        "data": {"colour": "red"},
    } in ran.json["unowned"]


def test_where_nothing_is_found_recover_says_so(beth: Beth, site: Site) -> None:
    add_recovery(site, "none")
    ran = beth("doctor", "--recover")
    assert (ran.exit_code, ran.stdout) == (0, "There is nothing that no request owns.\n")


def test_a_recovery_that_fails_is_1_and_claims_nothing_about_what_is_left(beth: Beth, site: Site) -> None:
    add_recovery(site, "fails")
    ran = beth("doctor", "--recover")
    assert ran.exit_code == 1
    assert "no answer" in ran.stdout
    assert "There is nothing" not in ran.stdout


def test_a_recovery_that_cannot_be_loaded_fails_with_its_distribution(beth: Beth, site: Site) -> None:
    site.distribution("zz-lost", {"beth.recoveries": {"lost": "nosuchmodule:lost"}})
    ran = beth("doctor", "--recover", "--json")
    assert ran.exit_code == 1
    assert ran.json["failed"][0]["message"].startswith("zz-lost: entry point 'lost' of beth.recoveries: ")
