"""`beth paths`."""

from __future__ import annotations

from pathlib import Path

from beth_sdk.cli.conftest import Beth


def test_the_places_of_the_embedded_bus_are_in_the_home(beth: Beth, home: Path) -> None:
    assert beth("paths", "--json").json == {
        "home": str(home),
        "bus": f"sqlite:///{home}/beth.db",
        "journal": f"sqlite:///{home}/beth.db",
        "database": [str(home / "beth.db")],
        "work": str(home / "work"),
        "repositories": f"{home}/repositories",
        "packages": f"{home}/packages",
        "memory": f"{home}/memory",
        "logs": str(home / "logs"),
        "config": None,
    }


def test_asking_for_places_makes_none(beth: Beth, home: Path) -> None:
    beth("paths")
    assert not home.exists()


def test_a_bus_on_a_server_has_no_database_here_and_its_password_stays_hidden(beth: Beth) -> None:
    found = beth("paths", "--json", "--bus", "redis://:secret@there:6379").json
    assert found["database"] == []
    assert "secret" not in str(found)
    assert "on a server" in beth("paths", "--bus", "redis://there:6379").stdout


def test_people_see_a_place_a_line(beth: Beth, home: Path) -> None:
    lines = beth("paths").stdout.splitlines()
    assert lines[0] == f"home          {home}  (BETH_HOME)"
    assert [line.split()[0] for line in lines] == [
        *("home", "bus", "journal", "database", "work", "repositories", "packages", "memory", "logs", "config")
    ]


def test_a_wrong_url_is_wrong_usage(beth: Beth) -> None:
    ran = beth("paths", "--bus", "sqlite://beth.db")
    assert ran.exit_code == 2
    assert ran.stderr.startswith("beth: ")
