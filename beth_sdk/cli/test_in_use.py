"""Whether a SQLite file is in use."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from beth_sdk.cli.conftest import Start, add_agent
from beth_sdk.cli.in_use import is_in_use, refuse_in_use, users
from beth_sdk.conftest import Site
from beth_sdk.errors import BethError


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file in WAL mode that nobody has open."""
    path = tmp_path / "beth.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        connection.commit()
    return path


def test_a_file_that_nobody_has_open_is_free_and_stays_as_it_is(database: Path) -> None:
    assert not is_in_use(database)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT COUNT(*) FROM t").fetchone() == (0,)


def test_a_file_that_a_service_serves_from_is_in_use_and_its_process_is_named(
    start: Start, site: Site, home: Path
) -> None:
    add_agent(site, "echo")
    running = start("serve", "echo")
    running.line("ready")
    assert is_in_use(home / "beth.db")
    assert users(home / "beth.db") in ([], [running.process.pid])  # it listens a moment after it is ready
    with pytest.raises(BethError, match=r"beth\.db is in use.*: stop what runs on it"):
        refuse_in_use([home / "beth.db"])
    running.process.kill()
    running.end()
    assert not is_in_use(home / "beth.db")


def test_the_processes_are_those_that_have_a_socket_beside_the_file(database: Path) -> None:
    folder = database.with_name("beth.db.wake")
    folder.mkdir()
    (folder / f"{os.getpid()}-abc").touch()
    (folder / ".hidden").touch()
    assert users(database) == [os.getpid()]


def test_a_file_that_is_not_there_is_in_nobodys_use_and_is_not_made(tmp_path: Path) -> None:
    refuse_in_use([tmp_path / "beth.db"])
    assert not (tmp_path / "beth.db").exists()


def test_a_file_that_is_no_database_is_in_nobodys_use(tmp_path: Path) -> None:
    (tmp_path / "beth.db").write_text("nothing of the kind " * 100)
    assert not is_in_use(tmp_path / "beth.db")
