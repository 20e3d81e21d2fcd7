"""`beth clean`."""

from __future__ import annotations

from pathlib import Path

import pytest

from beth_sdk.cli.conftest import Beth, OnPorts, Start, add_agent
from beth_sdk.cli.options import Ports
from beth_sdk.conftest import Site
from beth_sdk.journal.base import Fact


async def one_has_ended(both: Ports) -> None:
    """In the journal, `old` has ended and `new` has not."""
    for name in ("old", "new"):
        await both.journal.append(f"request/{name}", [Fact("received", {})], key="received")
    await both.journal.append("request/old", [Fact("ended", {"status": "complete"})], key="ended")


@pytest.fixture
def work(home: Path, on_ports: OnPorts) -> Path:
    """A work folder for a request that has ended, and one for a request that has not."""
    on_ports(one_has_ended)
    for name in ("old", "new"):
        (home / "work" / name).mkdir(parents=True)
        (home / "work" / name / "file").write_text("x" * 100)
    return home / "work"


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def test_what_ended_a_moment_ago_is_kept(beth: Beth, work: Path) -> None:
    ran = beth("clean", "--yes")
    assert ran.exit_code == 0
    assert "There is nothing to delete." in ran.stdout
    assert names(work) == {"old", "new"}


def test_the_work_of_requests_that_ended_long_enough_ago_is_deleted(beth: Beth, work: Path) -> None:
    ran = beth("clean", "--yes", "--older-than", "0s")
    assert ran.exit_code == 0
    assert f"delete  {work}/old  100 B  ended " in ran.stdout
    assert f"keep    {work}/new  100 B  has not ended" in ran.stdout
    assert ran.stdout.endswith("Deleted 100 B.\n")
    assert names(work) == {"new"}


def test_where_nobody_can_be_asked_nothing_is_deleted(beth: Beth, work: Path) -> None:
    ran = beth("clean", "--older-than", "0s")
    assert ran.exit_code == 3
    assert "give --yes where nobody can be asked" in ran.stderr
    assert names(work) == {"old", "new"}


@pytest.mark.parametrize(("answer", "code", "left"), [(True, 0, {"new"}), (False, 3, {"old", "new"})])
def test_people_are_asked(
    beth: Beth, work: Path, monkeypatch: pytest.MonkeyPatch, answer: bool, code: int, left: set[str]
) -> None:
    asked: list[str] = []

    def confirm(text: str) -> bool:
        asked.append(text)
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.confirm", confirm)
    assert beth("clean", "--older-than", "0s").exit_code == code
    assert asked == ["Delete 1 entry, 100 B?"]
    assert names(work) == left


def test_programs_see_what_would_be_deleted_and_then_what_was(beth: Beth, work: Path) -> None:
    would = beth("clean", "--json", "--older-than", "0s")
    assert would.exit_code == 0
    assert would.json["deleted"] is False
    assert [one["path"] for one in would.json["delete"]] == [str(work / "old")]
    assert [one["path"] for one in would.json["keep"]] == [str(work / "new")]
    assert names(work) == {"old", "new"}
    assert beth("clean", "--json", "--older-than", "0s", "--yes").json["deleted"] is True
    assert names(work) == {"new"}


def test_all_work_goes_where_that_is_asked_for(beth: Beth, work: Path, home: Path) -> None:
    assert beth("clean", "--work", "--yes").exit_code == 0
    assert names(work) == set()
    assert (home / "beth.db").exists()


def test_everything_goes_where_that_is_asked_for(beth: Beth, work: Path, home: Path) -> None:
    assert beth("clean", "--all", "--yes").exit_code == 0
    assert not home.exists()


def test_what_is_not_beths_stays_and_the_home_with_it(beth: Beth, work: Path, home: Path) -> None:
    (home / "letter.txt").write_text("dear")
    ran = beth("clean", "--all", "--yes")
    assert f"beth: {home} stays: it holds files that are not Beth's" in ran.stderr
    assert names(home) == {"letter.txt"}


@pytest.mark.parametrize("option", ["--all", "--work"])
def test_nothing_is_deleted_under_a_running_service(
    beth: Beth, start: Start, site: Site, work: Path, option: str
) -> None:
    add_agent(site, "echo")
    start("serve", "echo").line("ready")
    ran = beth("clean", option, "--yes")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "beth.db is in use" in ran.stderr
    assert names(work) == {"old", "new"}


def test_without_anything_there_nothing_is_made_to_look_into_it(beth: Beth, home: Path) -> None:
    assert beth("clean").stdout == "There is nothing to delete.\n"
    assert not home.exists()


def test_all_and_work_exclude_each_other(beth: Beth) -> None:
    assert beth("clean", "--all", "--work").exit_code == 2


def test_an_age_that_is_none_is_wrong_usage(beth: Beth) -> None:
    ran = beth("clean", "--older-than", "old")
    assert ran.exit_code == 2
    assert "--older-than: 'old' is not a duration" in ran.stderr


@pytest.mark.parametrize("option", ["--all", "--work"])
def test_a_home_that_is_the_users_own_is_left_alone(
    beth: Beth, work: Path, home: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("HOME", str(home))
    ran = beth("clean", option, "--yes")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "which is not Beth's alone" in ran.stderr
    assert names(work) == {"old", "new"}
