"""`beth diff`."""

import subprocess
import sys
from pathlib import Path

import pytest

from beth_kit.commands.conftest import commit, on_a_terminal
from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.git import identity_of
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.cli.conftest import Beth


def test_in_a_pipe_the_patch_is_what_git_apply_takes(
    work: RequestRepository, users: Path, plain: Plain, tmp_path: Path, beth: Beth
) -> None:
    ran = beth("diff", "r1")

    assert ran.exit_code == 0
    (tmp_path / "patch").write_text(ran.stdout)
    plain(users, "apply", "--index", str(tmp_path / "patch"))
    assert plain(users, "write-tree") == plain(work.git.git_dir, "rev-parse", f"{work.branch}^{{tree}}")


@pytest.fixture
async def latin(work: RequestRepository) -> bytes:
    """A line that is no UTF-8, committed."""
    line = b"caf\xe9 \x1b[31m\n"
    await commit(work, "r1.3", "developer", "Latin", {"latin.txt": line})
    return line


def test_in_a_pipe_bytes_stay_what_they_are(latin: bytes, home: Path) -> None:
    ran = subprocess.run([sys.executable, "-m", "beth_sdk.cli", "diff", "r1"], capture_output=True, check=True)
    assert b"+" + latin in ran.stdout


def test_a_task_has_only_its_own_changes(beth: Beth, work: RequestRepository) -> None:
    shown = beth("diff", "r1", "--task", "r1.2").stdout
    assert "b/test_app.py" in shown
    assert "new.txt" not in shown


@pytest.fixture
async def conflict(work: RequestRepository) -> None:
    """A third task that has laid out a conflict and resolved it."""
    late = await TaskClone.open(work, "r1.3", await work.base())
    (late.directory / "app.py").write_text("one\ntwo\nthree\nother\n")
    found = await work.merge(await late.commit("Other", role="developer"), "Merge", identity_of("beth"))
    assert isinstance(found, Conflict)
    resolving = await TaskClone.open(work, "r1.4")
    await resolving.begin_merge(found)
    (resolving.directory / "app.py").write_text("one\ntwo\nthree\nfour, other\n")
    await work.merge(await resolving.commit("Both", role="developer"), "Merge", identity_of("beth"))


def test_a_task_that_resolved_a_conflict_shows_what_it_made_of_the_branch(beth: Beth, conflict: None) -> None:
    shown = beth("diff", "r1", "--task", "r1.4").stdout
    assert "-four\n+four, other\n" in shown
    assert "new.txt" not in shown
    assert "+other\n" in beth("diff", "r1", "--task", "r1.3").stdout


def test_a_task_that_committed_nothing_is_refused_with_those_that_did(beth: Beth, work: RequestRepository) -> None:
    ran = beth("diff", "r1", "--task", "r1.9")
    assert ran.exit_code == 2
    assert ran.stderr == "beth: r1 has no task 'r1.9' that has committed something; these have: r1.1, r1.2\n"


def test_stat_says_how_much_of_which_files_in_eighty_columns(beth: Beth, work: RequestRepository) -> None:
    lines = beth("diff", "r1", "--stat").stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["app.py", "new.txt", "test_app.py"]
    assert lines[-1] == " 3 files changed, 3 insertions(+)"
    assert max(map(len, lines)) <= 80


def test_on_a_terminal_there_are_colours_and_nothing_that_agents_wrote_steers_it(latin: bytes, home: Path) -> None:
    code, written = on_a_terminal("diff", "r1")
    assert code == 0
    assert "\x1b[32m+four\x1b[0m\n" in written
    assert "\x1b[32m+caf\\xe9 \\x1b[31m\x1b[0m\n" in written


def test_with_no_color_there_are_none(work: RequestRepository, home: Path) -> None:
    assert "\x1b" not in on_a_terminal("diff", "r1", NO_COLOR="1")[1]


def test_what_does_not_fit_the_terminal_goes_through_the_pager(work: RequestRepository, home: Path) -> None:
    long = on_a_terminal("diff", "r1", rows=10, PAGER="sed s/^/paged:/", NO_COLOR="1")[1]
    short = on_a_terminal("diff", "r1", PAGER="sed s/^/paged:/", NO_COLOR="1")[1]
    assert "paged:+four\n" in long
    assert "paged:" not in short


def test_a_reader_that_goes_away_is_no_error_to_talk_about(work: RequestRepository, home: Path) -> None:
    ran = subprocess.Popen(
        [sys.executable, "-m", "beth_sdk.cli", "diff", "r1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert ran.stdout is not None
    ran.stdout.close()
    assert ran.stderr is not None
    assert ran.stderr.read() == b""
    ran.stderr.close()
    assert ran.wait() == 1
