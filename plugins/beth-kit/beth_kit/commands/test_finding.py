"""Which repository a command is about."""

from pathlib import Path

import pytest

from beth_kit.workspace.repository import RequestRepository
from beth_sdk.cli.conftest import Beth


@pytest.fixture
async def several(home: Path) -> None:
    """Three requests."""
    for name in ("beth-aaaa2222", "beth-aaaa3333", "login"):
        await RequestRepository.open(home, name)


@pytest.mark.parametrize("command", [("show",), ("diff",), ("checkout", "DIR"), ("merge",), ("push",)])
def test_an_unknown_request_is_wrong_usage_and_the_nearest_names_are_told(
    command: tuple[str, ...], beth: Beth, several: None, tmp_path: Path
) -> None:
    words = [str(tmp_path / "new") if word == "DIR" else word for word in command[1:]]
    ran = beth(command[0], "beth-aaaa2223", *words)

    assert ran.exit_code == 2
    assert ran.stderr == (
        "beth: no request here is called 'beth-aaaa2223', or it has no work yet; "
        "did you mean beth-aaaa2222 or beth-aaaa3333?\n"
    )


def test_a_beginning_is_near_enough(beth: Beth, several: None) -> None:
    assert beth("show", "lo").stderr.endswith("did you mean login?\n")


def test_where_there_is_no_repository_at_all_the_home_is_named(beth: Beth, home: Path) -> None:
    assert beth("show", "r1").stderr.endswith(f"; no request has a repository in {home}\n")
    assert (
        beth("show").stderr == f"beth: no request has a repository in {home}; `beth paths` shows which home this is\n"
    )
    assert not home.exists()


def test_an_id_that_leads_elsewhere_is_no_request(beth: Beth, several: None, home: Path) -> None:
    (home / "elsewhere.git").mkdir()
    assert beth("show", "../elsewhere").exit_code == 2


def test_a_half_made_repository_is_said_to_be_one(beth: Beth, home: Path) -> None:
    (home / "repositories/half.git").mkdir(parents=True)

    ran = beth("show", "half")

    assert ran.exit_code == 1
    assert "half has a repository that git cannot read" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_repository_without_a_branch_is_said_to_have_none(beth: Beth, home: Path, several: None) -> None:
    (home / "repositories/login.git/refs/heads/beth/login").unlink()

    ran = beth("show", "login")

    assert (ran.exit_code, ran.stderr) == (
        1,
        "beth: login has no branch yet: it gets one when its first task starts\n",
    )
