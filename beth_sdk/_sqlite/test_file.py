"""Where a URL leads, who may read the file, and what is said when it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from beth_sdk._sqlite import is_another_boot, path_of
from beth_sdk._sqlite.file import FileReplaced, connect, explain
from beth_sdk.bus.sqlite import open_bus
from beth_sdk.errors import BusUnavailable, ConfigurationError, JournalUnavailable
from beth_sdk.journal.sqlite import open_journal
from beth_sdk.private import folder_mode
from beth_sdk.testing import ManualClock

NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def protect(path: Path) -> None:
    path.chmod(mode(path) & ~0o222)


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of its own, seen by somebody whom file permissions bind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
            if os.getuid() == 0:
                os.seteuid(0)


def test_three_slashes_are_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert path_of("sqlite:///data/beth.db") == tmp_path / "data" / "beth.db"


def test_four_slashes_are_an_absolute_path(tmp_path: Path) -> None:
    assert path_of(f"sqlite:///{tmp_path}/beth.db") == tmp_path / "beth.db"


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_of("sqlite:///~/beth.db") == tmp_path / "beth.db"


def test_two_paths_to_one_file_are_one_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert path_of(f"sqlite:///{tmp_path}/link/beth.db") == path_of(f"sqlite:///{tmp_path}/./beth.db")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:beth.db", "write sqlite:///relative.db"),
        ("sqlite://host/beth.db", "write sqlite:///relative.db"),
        ("redis://localhost", "write sqlite:///relative.db"),
        ("sqlite://", "write sqlite:///relative.db"),
        ("sqlite:///", "memory://NAME"),
        ("sqlite:///:memory:", "memory://NAME"),
        ("sqlite:///beth.db?mode=ro", "takes none"),
    ],
)
def test_a_url_that_names_no_file_is_refused_with_what_to_write(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        path_of(url)


def test_the_file_and_the_folders_made_for_it_are_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "beth.db"
    connect(path).close()
    assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o600, folder_mode(), folder_mode())


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    connection = connect(tmp_path / "beth.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    connection.close()


async def test_a_file_of_a_newer_beth_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "beth.db"
    connection = connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigurationError, match=r"beth\.db: written by a newer Beth .*99.*upgrade"):
        await open_bus(f"sqlite:///{path}")


async def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photo (name TEXT)")
    connection.close()
    with pytest.raises(ConfigurationError, match=r"photos\.db: this is another program's"):
        await open_journal(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("photo",)]
    connection.close()


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, " * 1000)
    with pytest.raises(BusUnavailable, match=r"letter\.txt: the file is not a database: move it away"):
        await open_bus(f"sqlite:///{path}")
    with pytest.raises(JournalUnavailable, match=r"letter\.txt: the file is not a database: move it away"):
        await open_journal(f"sqlite:///{path}")
    assert path.read_text() == "Dear reader, " * 1000


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "beth.db"
    journal = await open_journal(f"sqlite:///{path}")
    await journal.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(JournalUnavailable, match=r"beth\.db: the file is damaged: restore"):
        await open_journal(f"sqlite:///{path}")


async def test_a_file_that_cannot_be_written_is_named(unprivileged: Path) -> None:
    path = unprivileged / "beth.db"
    await (await open_bus(f"sqlite:///{path}")).close()
    protect(path)
    protect(unprivileged)
    with pytest.raises(BusUnavailable, match=r"beth\.db: it cannot be written: make the file .* writable"):
        await open_bus(f"sqlite:///{path}")


async def test_a_folder_that_cannot_be_written_is_named(unprivileged: Path) -> None:
    protect(unprivileged)
    with pytest.raises(BusUnavailable, match=r"new/beth\.db: Permission denied: check that its folder"):
        await open_bus(f"sqlite:///{unprivileged}/new/beth.db")


async def test_a_path_through_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BusUnavailable, match=r"file/beth\.db"):
        await open_bus(f"sqlite:///{tmp_path}/file/beth.db")


def test_an_unknown_failure_is_told_as_it_is(tmp_path: Path) -> None:
    assert explain(tmp_path, sqlite3.DatabaseError("strange")) == f"{tmp_path}: strange"
    assert "removed or replaced" in explain(tmp_path, FileReplaced())


def test_another_boot_is_told_by_its_id(tmp_path: Path) -> None:
    clock = ManualClock()
    connection = connect(tmp_path / "beth.db")
    assert is_another_boot(connection, "bus", clock)
    assert not is_another_boot(connection, "bus", clock)
    assert is_another_boot(connection, "journal", clock)
    clock.reboot()
    assert is_another_boot(connection, "bus", clock)
    assert not is_another_boot(connection, "bus", clock)
    connection.close()


def test_another_boot_is_told_by_its_clock_where_boots_have_no_id(tmp_path: Path) -> None:
    class Nameless(ManualClock):
        boot_id = "unknown"

    clock = Nameless()
    connection = connect(tmp_path / "beth.db")
    is_another_boot(connection, "bus", clock)
    assert not is_another_boot(connection, "bus", clock)
    clock.reboot()
    assert is_another_boot(connection, "bus", clock)
    connection.close()
