"""`beth show`."""

import re
from pathlib import Path

import pytest

from beth_kit.commands.conftest import NOON, commit, head_of
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.cli.conftest import Beth


def test_commits_are_shown_by_role_with_date_task_files_and_subject(
    beth: Beth, work: RequestRepository, users: Path
) -> None:
    ran = beth("show", "r1")

    assert ran.exit_code == 0
    shown = re.sub(r"[0-9a-f]{12}", "C" * 12, ran.stdout)
    shown = re.sub(r"\b[0-9a-f]{10}\b", "c" * 10, shown)
    assert shown.splitlines() == [
        "r1  beth/r1 at CCCCCCCCCCCC",
        f"  from {users} (main) at CCCCCCCCCCCC",
        "  3 commits, 3 files changed, +3 -0",
        "",
        "developer",
        "  cccccccccc  2026-01-30 12:00:00Z  r1.1  2 files",
        "    Add four",
        "",
        "tester",
        "  cccccccccc  2026-01-30 12:01:00Z  r1.2  1 file",
        "    Test it",
        "",
        "beth",
        "  cccccccccc  2026-01-30 12:01:00Z  r1.2  merge",
        "    Merge r1.2",
    ]
    assert head_of(work)[:12] in ran.stdout


def test_stat_adds_the_files_of_each_commit(beth: Beth, work: RequestRepository) -> None:
    lines = beth("show", "r1", "--stat").stdout.splitlines()

    at = lines.index("    Add four")
    assert lines[at + 1 : at + 3] == ["      app.py  +1 -0", "      new.txt  +1 -0"]


def test_programs_get_everything_as_json(beth: Beth, work: RequestRepository, users: Path, plain: Plain) -> None:
    found = beth("show", "r1", "--json").json

    base = plain(users, "rev-parse", "main")
    assert (found["request"], found["branch"], found["commit"], found["base"]) == ("r1", "beth/r1", head_of(work), base)
    assert found["repository"] == str(work.git.git_dir)
    assert found["from"] == {"address": str(users), "branch": "main"}
    assert [one["path"] for one in found["files"]] == ["app.py", "new.txt", "test_app.py"]
    assert [(one["role"], one["task"], one["merge"]) for one in found["commits"]] == [
        ("developer", "r1.1", False),
        ("tester", "r1.2", False),
        ("beth", "r1.2", True),
    ]
    first = found["commits"][0]
    assert (first["at"], first["subject"]) == (NOON, "Add four")
    assert first["files"][0] == {"path": "app.py", "before": None, "added": 1, "deleted": 0}


@pytest.fixture
async def odd(work: RequestRepository) -> RequestRepository:
    """The request with a commit of odd file names, and one by somebody else that moves a file."""
    files = {"a\tb\n\x1b[31m.txt": b"x\n", "picture": b"\x00\x01"}
    await commit(work, "r1.3", "developer", "Odd \x1b[2J names", files)
    listed = await work.git.names("ls-tree", "-r", "-z", await work.head())
    moved = [line.replace("\tdocs/guide.md", "\tdocs/other.md") for line in listed]
    env = {"GIT_INDEX_FILE": str(work.git.git_dir / "test.index")}
    await work.git.run("update-index", "-z", "--index-info", stdin="\0".join(moved).encode() + b"\0", env=env)
    tree = await work.git.line("write-tree", env=env)
    who = {f"GIT_{kind}_{what}": "me" for kind in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    last = await work.git.line("commit-tree", tree, "-p", await work.head(), "-m", "Move", env=who)
    await work.move_branch(last, await work.head())
    return work


def test_names_that_steer_a_terminal_are_escaped_and_moves_and_bytes_are_told(
    beth: Beth, odd: RequestRepository
) -> None:
    ran = beth("show", "r1", "--stat")
    assert "\x1b" not in ran.stdout
    assert "      a b \\x1b[31m.txt  +1 -0" in ran.stdout
    assert "      picture  not text" in ran.stdout
    assert "      docs/guide.md → docs/other.md  +0 -0" in ran.stdout
    assert "    Odd \\x1b[2J names" in ran.stdout

    files = {file["path"]: file for one in beth("show", "r1", "--json").json["commits"] for file in one["files"]}
    assert "a\tb\n\x1b[31m.txt" in files
    assert files["docs/other.md"]["before"] == "docs/guide.md"
    assert files["picture"]["added"] is None


def test_a_commit_by_nobody_of_beths_stands_under_its_authors_name(beth: Beth, odd: RequestRepository) -> None:
    (last,) = [one for one in beth("show", "r1", "--json").json["commits"] if one["subject"] == "Move"]
    assert (last["role"], last["task"]) == ("me", None)


def test_a_request_without_commits_says_so(beth: Beth, fresh: RequestRepository) -> None:
    assert beth("show", "fresh").stdout.splitlines()[1:] == ["  no commits yet"]
    assert beth("show", "fresh", "--json").json["from"] is None


def test_without_a_name_it_is_the_request_whose_work_began_last(
    beth: Beth, work: RequestRepository, fresh: RequestRepository
) -> None:
    assert beth("show", "--json").json["request"] == "fresh"


def test_every_line_fits_a_narrow_terminal(beth: Beth, work: RequestRepository, users: Path) -> None:
    lines = beth("show", "r1", "--stat").stdout.replace(str(users), "/home/me/users").splitlines()
    assert max(len(line) for line in lines) <= 80
