"""Where a role's memory is, by URL, folder and environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from beth_kit.memory.base import Memory
from beth_kit.memory.journal import JournalMemory
from beth_kit.memory.opening import open_memory
from beth_kit.memory.sqlite import SQLiteMemory
from beth_sdk.errors import SettingError, UnknownScheme
from beth_sdk.openers import open_journal
from beth_sdk.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"BETH_HOME": str(tmp_path / "home")})


def _path(memory: Memory) -> Path:
    assert isinstance(memory, SQLiteMemory)
    return memory.path


def test_without_a_word_the_memory_is_a_file_in_the_home(settings: Settings) -> None:
    assert _path(open_memory(None, "developer", settings=settings, environ={})) == (
        settings.home / "memory" / "developer.db"
    )
    assert not settings.home.exists()


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:////srv/notes/", "/srv/notes/tester.db"),
        ("sqlite:///notes/", "notes/tester.db"),
        ("sqlite:///~/notes/", "~/notes/tester.db"),
    ],
)
def test_a_url_names_a_folder(settings: Settings, url: str, file: str) -> None:
    expected = Path(file).expanduser().absolute()
    assert _path(open_memory(url, "tester", settings=settings, environ={})) == expected
    assert _path(open_memory(None, "tester", settings=settings, environ={"BETH_MEMORY_URL": url})) == expected


def test_a_folder_may_be_given_as_a_path(settings: Settings, tmp_path: Path) -> None:
    assert _path(open_memory(tmp_path, "tester", settings=settings, environ={})) == tmp_path / "tester.db"


def test_the_url_may_come_from_a_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("sqlite:////srv/notes/\n")
    environ = {"BETH_MEMORY_URL_FILE": str(tmp_path / "url")}
    assert _path(open_memory(None, "tester", settings=settings, environ=environ)) == Path("/srv/notes/tester.db")
    with pytest.raises(SettingError, match=r"BETH_MEMORY_URL_FILE.*unset one"):
        open_memory(None, "tester", settings=settings, environ=environ | {"BETH_MEMORY_URL": "journal:"})
    with pytest.raises(SettingError, match=r"BETH_MEMORY_URL_FILE.*can be read"):
        open_memory(None, "tester", settings=settings, environ={"BETH_MEMORY_URL_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    "url", ["sqlite:///", "sqlite:////srv/notes.db", "sqlite://host/x/", "notes", "sqlite:///x/?y=1/", "redis://r/0"]
)
def test_what_names_neither_a_folder_nor_a_journal_is_refused_in_one_line(settings: Settings, url: str) -> None:
    with pytest.raises(SettingError, match=r"BETH_MEMORY_URL=.*accepted: a folder, as sqlite:///relative/") as raised:
        open_memory(url, "developer", settings=settings, environ={})
    assert "\n" not in str(raised.value)


def test_a_password_in_a_refused_url_is_not_shown(settings: Settings) -> None:
    with pytest.raises(SettingError) as raised:
        open_memory("redis://:hunter2@host/0", "developer", settings=settings, environ={})
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("role", ["", "../../etc", "a/b", "Developer", "a\n", "a:2"])
def test_a_name_that_is_no_roles_is_refused(settings: Settings, role: str) -> None:
    with pytest.raises(ValueError, match="not the name of a role"):
        open_memory(None, role, settings=settings, environ={})


async def test_journal_means_the_journal_of_the_settings(settings: Settings) -> None:
    memory = open_memory("journal:", "developer", settings=settings, environ={})
    assert isinstance(memory, JournalMemory)
    assert not settings.home.exists()
    await memory.remember("Use tabs", key="k1")
    await memory.close()
    journal = await open_journal(settings.journal_url)
    assert [entry.fact.data["text"] async for entry in journal.read("memory/developer")] == ["Use tabs"]
    await journal.close()


async def test_another_journal_may_be_named(settings: Settings, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    memory = open_memory(f"journal:{url}", "developer", settings=settings, environ={})
    await memory.remember("Use tabs", key="k1")
    await memory.close()
    journal = await open_journal(url)
    assert [name async for name in journal.streams("memory/")] == ["memory/developer"]
    await journal.close()


def test_a_journal_that_nobody_installed_is_refused_at_once(settings: Settings) -> None:
    with pytest.raises(UnknownScheme, match="no journal speaks 'gopher'"):
        open_memory("journal:gopher://x", "developer", settings=settings, environ={})


@pytest.mark.parametrize("url", [None, "journal:"])
async def test_keys_of_the_environment_are_never_stored(settings: Settings, url: str | None) -> None:
    environ = {"MY_OWN_API_KEY": "abcd efgh 1234", "PATH": "/usr/bin:/bin"}
    memory = open_memory(url, "developer", settings=settings, environ=environ)
    assert (await memory.remember("abcd efgh 1234 in /usr/bin:/bin", key="k1")).text == "*** in /usr/bin:/bin"
    await memory.close()
