from __future__ import annotations

from pathlib import Path

import pytest

from beth_agent_beth.mcp.starting_point import found, given, repository_of
from beth_sdk.errors import ConfigurationError


def a_repository(folder: Path) -> Path:
    (folder / ".git").mkdir(parents=True)
    return folder


def test_what_was_named_is_taken_as_it_is() -> None:
    start = given("https://example.org/app.git", "main")
    assert (start.repo, start.why) == ("https://example.org/app.git", "the repository you named")


def test_none_starts_from_nothing() -> None:
    assert given("none", None).repo is None


def test_none_has_no_branch() -> None:
    with pytest.raises(ConfigurationError, match="leave one of them out"):
        given("none", "main")


def test_the_one_repository_that_the_client_has_open_is_meant(tmp_path: Path) -> None:
    app = a_repository(tmp_path / "app")
    (app / "docs").mkdir()
    (tmp_path / "notes").mkdir()
    start = found([app / "docs", app, tmp_path / "notes"], tmp_path, Path("/root"))
    assert (start.repo, start.why) == (str(app), "the repository that is open in the client")


def test_of_several_none_is_guessed(tmp_path: Path) -> None:
    one, other = a_repository(tmp_path / "one"), a_repository(tmp_path / "other")
    with pytest.raises(ConfigurationError) as caught:
        found([one, other], tmp_path, Path("/root"))
    assert str(caught.value).startswith(f"several repositories are open here: {one}, {other}; say which with repo")


def test_a_client_without_a_repository_open_does_not_mean_the_one_that_the_server_was_started_in(
    tmp_path: Path,
) -> None:
    here = a_repository(tmp_path / "here")
    (tmp_path / "notes").mkdir()
    assert found([tmp_path / "notes"], here, Path("/root")).repo is None
    assert found([], here, Path("/root")).repo is None


def test_of_a_client_that_does_not_tell_it_is_the_one_that_the_server_was_started_in(tmp_path: Path) -> None:
    here = a_repository(tmp_path / "here")
    start = found(None, here, Path("/root"))
    assert (start.repo, start.why) == (str(here), "the repository that this server was started in")
    assert found(None, tmp_path, Path("/root")).repo is None


def test_a_repository_of_the_home_is_not_meant_by_a_folder_in_it(tmp_path: Path) -> None:
    home = a_repository(tmp_path / "home")
    (home / "projects" / "app").mkdir(parents=True)
    assert repository_of(home / "projects" / "app", home) is None
    assert repository_of(home, home) == home


def test_a_work_tree_whose_git_directory_is_elsewhere_counts(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /elsewhere\n")
    assert repository_of(tmp_path, Path("/root")) == tmp_path
