"""`beth checkout`."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from beth_kit.commands.conftest import commit, head_of, trap
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.cli.conftest import Beth

Digest = Callable[[Path], dict[str, str]]


def test_the_directory_is_a_clean_repository_at_the_requests_branch(
    beth: Beth, work: RequestRepository, plain: Plain, tmp_path: Path
) -> None:
    new = tmp_path / "out/new"

    ran = beth("checkout", "r1", str(new))

    assert (ran.exit_code, ran.stdout) == (0, f"{new}: beth/r1 at {head_of(work)[:12]}\n")
    assert plain(new, "rev-parse", "HEAD") == head_of(work)
    assert plain(new, "symbolic-ref", "--short", "HEAD") == "beth/r1"
    assert plain(new, "status", "--porcelain") == ""
    assert (new / "app.py").read_text() == "one\ntwo\nthree\nfour\n"
    assert plain(new, "fsck") == ""
    assert [path.name for path in new.parent.iterdir()] == ["new"]


def test_it_stands_alone_when_the_requests_repository_is_gone(
    beth: Beth, work: RequestRepository, plain: Plain, tmp_path: Path
) -> None:
    beth("checkout", "r1", str(tmp_path / "new"))
    work.git.git_dir.rename(tmp_path / "gone")

    assert plain(tmp_path / "new", "log", "--format=%s", "-1") == "Merge r1.2"
    files = [path for path in (tmp_path / "new/.git/objects").rglob("*") if path.is_file()]
    assert files
    assert {path.stat().st_nlink for path in files} == {1}


def test_programs_get_what_was_laid_out(beth: Beth, work: RequestRepository, tmp_path: Path) -> None:
    assert beth("checkout", "r1", str(tmp_path / "new"), "--json").json == {
        "request": "r1",
        "directory": str(tmp_path / "new"),
        "branch": "beth/r1",
        "commit": head_of(work),
    }


@pytest.fixture
def later(work: RequestRepository) -> Callable[[], None]:
    """Has the request go on."""

    def go_on() -> None:
        asyncio.run(commit(work, "r1.5", "developer", "Later", {"later.txt": b"later\n"}))

    return go_on


def test_a_pull_brings_what_comes_later_and_a_push_goes_where_the_request_started_from(
    beth: Beth, work: RequestRepository, users: Path, plain: Plain, tmp_path: Path, later: Callable[[], None]
) -> None:
    new = tmp_path / "new"
    beth("checkout", "r1", str(new))
    later()

    plain(new, "pull", "-q", "--ff-only")
    assert (new / "later.txt").exists()

    plain(new, "push", "-q")
    assert plain(users, "rev-parse", "beth/r1") == head_of(work)


def test_nobody_but_beth_moves_the_requests_branch(
    beth: Beth, work: RequestRepository, plain: Plain, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    beth("checkout", "r1", str(new))
    before = head_of(work)
    plain(new, "commit", "-q", "--allow-empty", "-m", "Mine")

    plain(new, "push", "-q", "beth", check=False)

    assert head_of(work) == before


def test_an_empty_directory_is_taken(beth: Beth, work: RequestRepository, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert beth("checkout", "r1", str(tmp_path / "new")).exit_code == 0
    assert (tmp_path / "new/app.py").exists()


@pytest.mark.parametrize("kind", ["full", "file", "link"])
def test_what_is_there_is_refused_and_stays_as_it_is(
    kind: str, beth: Beth, work: RequestRepository, tmp_path: Path, digest: Digest
) -> None:
    out = tmp_path / "out"
    (out / "theirs").mkdir(parents=True)
    (out / "theirs/mine").write_text("mine")
    (out / "file").write_text("mine")
    (out / "link").symlink_to("nowhere")
    before = digest(out)

    ran = beth("checkout", "r1", str(out / {"full": "theirs"}.get(kind, kind)))

    assert ran.exit_code == 2
    assert "name" in ran.stderr
    assert "a directory that does not exist yet" in ran.stderr or "name one that does not exist yet" in ran.stderr
    assert digest(out) == before


@pytest.fixture
async def hostile(work: RequestRepository, tmp_path: Path) -> RequestRepository:
    """The request with attributes that ask for a filter, and with everything in its git directory that could run."""
    await commit(work, "r1.3", "developer", "Filter", {".gitattributes": b"* filter=lfs\n", "big.bin": b"pointer\n"})
    trap(work.git.git_dir, tmp_path / "ran", ".")
    return work


def test_nothing_runs_by_hook_or_configuration_of_either_side(
    beth: Beth, hostile: RequestRepository, tmp_path: Path
) -> None:
    (tmp_path / "hooks").mkdir()
    for name in ("post-checkout", "reference-transaction"):
        (tmp_path / "hooks" / name).symlink_to(hostile.git.git_dir / "trap")
    (tmp_path / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {tmp_path}/hooks\n[init]\n\ttemplateDir = {tmp_path}/template\n"
        f'[filter "lfs"]\n\tsmudge = {hostile.git.git_dir}/trap\n'
    )

    assert beth("checkout", "r1", str(tmp_path / "new")).exit_code == 0

    assert not (tmp_path / "ran").exists()
    assert (tmp_path / "new/big.bin").read_bytes() == b"pointer\n"
    assert not (tmp_path / "new/.git/hooks").exists()


def test_what_fails_halfway_leaves_nothing(beth: Beth, work: RequestRepository, tmp_path: Path) -> None:
    for path in (work.git.git_dir / "objects").glob("??/*"):
        if path.parent.name != head_of(work)[:2]:
            path.unlink()
    (tmp_path / "out").mkdir()

    ran = beth("checkout", "r1", str(tmp_path / "out/new"))

    assert ran.exit_code == 1
    assert ran.stderr.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_a_request_from_nothing_has_no_origin(
    beth: Beth, fresh: RequestRepository, plain: Plain, tmp_path: Path
) -> None:
    beth("checkout", "fresh", str(tmp_path / "new"))
    assert plain(tmp_path / "new", "remote") == "beth"
