"""The files of a commit are read from git's objects alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from beth_kit.frame.tree import MOST_BYTES, TooLong, TreeReader
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.errors import GitFailed
from beth_kit.workspace.repository import RequestRepository


async def reader(home: Path, users: Path) -> TreeReader:
    repository = await RequestRepository.open(home, "r2", repo=str(users))
    return TreeReader(repository.git, await repository.base())


async def test_the_files_of_a_commit_are_listed_and_read(repository: RequestRepository) -> None:
    tree = TreeReader(repository.git, await repository.base())
    assert list(await tree.files()) == ["app.py", "docs/guide.md"]
    assert await tree.read("docs/guide.md") == b"guide\n"


async def test_a_link_is_no_file(tmp_path: Path, users: Path, plain: Plain) -> None:
    (tmp_path / "secret").write_text("key")
    (users / "AGENTS.md").symlink_to(tmp_path / "secret")
    (users / "linked").symlink_to("docs")
    plain(users, "add", ".")
    plain(users, "commit", "-q", "-m", "Links")
    tree = await reader(tmp_path / "home", users)
    assert list(await tree.files()) == ["app.py", "docs/guide.md"]
    for name in ("AGENTS.md", "linked/guide.md", "../secret", "docs"):
        with pytest.raises(KeyError):
            await tree.read(name)


async def test_a_strange_name_is_read_like_any_other(tmp_path: Path, users: Path, plain: Plain) -> None:
    for name in ("a\nb\tc", "--help", ":(top)x", "ü"):
        (users / name).write_text(f"in {name}")
    plain(users, "add", "--all")
    plain(users, "commit", "-q", "-m", "Strange")
    tree = await reader(tmp_path / "home", users)
    for name in ("a\nb\tc", "--help", ":(top)x", "ü"):
        assert await tree.read(name) == f"in {name}".encode()


async def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, users: Path, plain: Plain) -> None:
    (users / "AGENTS.md").write_bytes(b"x" * (MOST_BYTES + 1))
    plain(users, "add", ".")
    plain(users, "commit", "-q", "-m", "Large")
    tree = await reader(tmp_path / "home", users)
    with pytest.raises(TooLong, match="1,048,577 bytes"):
        await tree.read("AGENTS.md")


async def test_what_the_work_tree_says_now_does_not_matter(repository: RequestRepository, users: Path) -> None:
    (users / "app.py").write_text("changed")
    tree = TreeReader(repository.git, await repository.base())
    assert await tree.read("app.py") == b"one\ntwo\nthree\n"


async def test_a_commit_that_is_not_there_is_an_error(repository: RequestRepository) -> None:
    with pytest.raises(GitFailed):
        await TreeReader(repository.git, "0" * 40).files()
