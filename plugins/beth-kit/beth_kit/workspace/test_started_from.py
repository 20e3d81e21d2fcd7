"""Where a request's work started from."""

from pathlib import Path

import pytest

from beth_kit.workspace import started_from
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.errors import SourceRefused
from beth_kit.workspace.repository import RequestRepository
from beth_kit.workspace.started_from import StartedFrom, without_secret


async def test_a_directory_is_kept_by_its_whole_path_with_the_branch_checked_out_there(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = await RequestRepository.open(tmp_path / "home", "r1", repo="users")

    started = started_from.read(made.git.git_dir)

    assert started == StartedFrom(str(users), "main")
    assert started is not None
    assert started.directory == users
    assert (made.git.git_dir / started_from.FILE).stat().st_mode & 0o777 == 0o600


async def test_the_branch_that_was_named_is_kept(users: Path, plain: Plain, tmp_path: Path) -> None:
    plain(users, "branch", "other")
    made = await RequestRepository.open(tmp_path / "home", "r1", repo=f"file://{users}", branch="other")
    assert started_from.read(made.git.git_dir) == StartedFrom(f"file://{users}", "other")


async def test_a_detached_head_is_no_branch(users: Path, plain: Plain, tmp_path: Path) -> None:
    plain(users, "checkout", "-q", "--detach")
    made = await RequestRepository.open(tmp_path / "home", "r1", repo=str(users))
    assert started_from.read(made.git.git_dir) == StartedFrom(str(users), None)


async def test_an_empty_repository_is_where_it_started_from_too(plain: Plain, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    plain(tmp_path / "empty", "init", "-q")
    made = await RequestRepository.open(tmp_path / "home", "r1", repo=str(tmp_path / "empty"))
    started = started_from.read(made.git.git_dir)
    assert started is not None
    assert started.address == str(tmp_path / "empty")


async def test_opening_again_with_another_repository_changes_nothing(users: Path, tmp_path: Path) -> None:
    made = await RequestRepository.open(tmp_path / "home", "r1", repo=str(users))
    await RequestRepository.open(tmp_path / "home", "r1", repo="/nowhere")
    assert started_from.read(made.git.git_dir) == StartedFrom(str(users), "main")


async def test_a_repository_that_could_not_be_used_is_not_kept(users: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceRefused):
        await RequestRepository.open(tmp_path / "home", "r1", repo=str(users), branch="nope")
    made = await RequestRepository.open(tmp_path / "home", "r1")
    assert started_from.read(made.git.git_dir) is None


def test_a_directory_that_is_gone_is_no_directory(tmp_path: Path) -> None:
    assert StartedFrom(str(tmp_path), None).directory == tmp_path
    assert StartedFrom(str(tmp_path / "gone"), None).directory is None
    assert StartedFrom("https://host/shop", None).directory is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"address": "x"}', "\xff"])
async def test_a_file_that_says_nothing_is_as_good_as_none(text: str, tmp_path: Path) -> None:
    (tmp_path / started_from.FILE).write_text(text, encoding="latin-1")
    assert started_from.read(tmp_path) is None


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://user:secret@host/shop", "https://host/shop"),
        ("https://token@host/shop", "https://host/shop"),
        ("https://host/shop@v1", "https://host/shop@v1"),
        ("ssh://git:secret@host/shop", "ssh://git@host/shop"),
        ("ssh://git@host:22/shop", "ssh://git@host:22/shop"),
        ("git@host:shop", "git@host:shop"),
        ("/home/a:b@c", "/home/a:b@c"),
    ],
)
def test_passwords_are_left_out_of_addresses(address: str, kept: str) -> None:
    assert without_secret(address) == kept
