"""Checks of the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from beth_sdk.cli.checks import Check
from beth_sdk.cli.machine_checks import (
    LITTLE_SPACE,
    NO_SPACE,
    check_database,
    check_home,
    check_python,
    check_umask,
    check_variables,
    file_system,
    file_system_of,
    space,
)
from beth_sdk.cli.options import settings_from
from beth_sdk.conftest import Site
from beth_sdk.private import folder_mode
from beth_sdk.settings import Settings

MOUNTS = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /home rw,relatime shared:2 - nfs4 server:/home rw
31 30 0:41 / /home/me/local\040disk rw,relatime - xfs /dev/sdb1 rw
32 21 0:42 / /data rw,relatime - tmpfs tmpfs rw
33 21 0:43 / /data rw,relatime - cifs //server/data rw
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a home that does not exist yet."""
    return settings_from(None, environ={"BETH_HOME": str(tmp_path / "home")})


@pytest.fixture
def umask() -> Iterator[None]:
    """Puts the umask back after the test."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


async def test_the_python_that_runs_this_is_new_enough(settings: Settings) -> None:
    (check,) = await check_python(settings)
    assert check.status == "ok"


async def test_a_mistyped_variable_is_told_with_the_one_that_was_meant(settings: Settings) -> None:
    (check,) = await check_variables(settings, {"BETH_LAESE": "60s", "BETH_HOME": "/x", "PATH": "/bin"})
    assert check == Check("variables", "warn", "nothing reads BETH_LAESE", "set BETH_LEASE instead")


async def test_a_variable_that_an_agent_asks_for_is_known(settings: Settings, site: Site) -> None:
    manifest = 'manifest_version = 1\nrole = "shell"\ndescription = "x"\ncommand = ["true"]\nenvironment = ["BETH_X"]\n'
    site.files({"zz_shell/__init__.py": "", "zz_shell/agent.toml": manifest})
    site.distribution("zz-shell", {"beth.agents": {"shell": "zz_shell"}})
    (check,) = await check_variables(settings, {"BETH_X": "1"})
    assert check.status == "ok"


async def test_a_variable_that_a_plugin_declares_is_known(settings: Settings, site: Site) -> None:
    declared = 'DeclaredVariable("BETH_ZZ", "none", "What for.", "text", secret=True)'
    site.files({"zz_own.py": f"from beth_sdk.variables import DeclaredVariable\nVARIABLES = [{declared}]\n"})
    site.distribution("zz-own", {"beth.variables": {"own": "zz_own:VARIABLES"}})
    (check,) = await check_variables(settings, {"BETH_ZZ": "1", "BETH_ZZ_FILE": "x"})
    assert check.status == "ok"
    (check,) = await check_variables(settings, {"BETH_ZY": "1"})
    assert check.fix == "set BETH_ZZ instead"


async def test_a_plugin_whose_variables_cannot_be_read_is_named(settings: Settings, site: Site) -> None:
    site.distribution("zz-broken", {"beth.variables": {"own": "zz_nowhere:VARIABLES"}})
    (check,) = await check_variables(settings, {})
    assert (check.status, check.fix) == ("warn", "mend, upgrade or uninstall zz-broken")


async def test_a_home_that_can_be_made_is_well_and_is_not_made(settings: Settings) -> None:
    (check,) = await check_home(settings)
    assert check.status == "ok"
    assert not settings.home.exists()


async def test_a_home_that_is_open_to_others_is_warned_of(settings: Settings) -> None:
    settings.home.mkdir()
    settings.home.chmod(0o755)
    (check,) = await check_home(settings)
    assert (check.status, check.fix) == ("warn", f"chmod {folder_mode():o} '{settings.home}'")
    settings.home.chmod(0o700)
    (check,) = await check_home(settings)
    assert check.status == "ok"


async def test_a_home_below_a_file_fails(settings: Settings) -> None:
    settings.home.parent.joinpath("file").touch()
    (check,) = await check_home(settings_from(None, environ={"BETH_HOME": str(settings.home.parent / "file" / "home")}))
    assert check.status == "fail"
    assert "file is no folder" in check.message


async def test_a_home_that_cannot_be_written_fails(settings: Settings) -> None:
    settings.home.mkdir(mode=0o500)
    if os.geteuid() == 0:  # to whom nothing is forbidden, but in the kernel's own folders
        settings = settings_from(None, environ={"BETH_HOME": "/proc/self/fdinfo"})
    checks = await check_home(settings)
    assert checks[0].status == "fail"


async def test_a_umask_that_lets_everybody_write_is_warned_of(settings: Settings, umask: None) -> None:
    os.umask(0o000)
    (check,) = await check_umask(settings)
    assert (check.status, check.fix) == ("warn", "umask 022")
    os.umask(0o077)
    (check,) = await check_umask(settings)
    assert check.status == "ok"


async def test_a_database_that_others_can_read_is_warned_of(settings: Settings) -> None:
    settings.home.mkdir(mode=0o700)
    file = settings.home / "beth.db"
    file.touch(mode=0o600)
    assert all(check.status == "ok" for check in await check_database(settings) if check.name == "database")
    file.chmod(0o644)
    (check,) = [check for check in await check_database(settings) if check.name == "database"]
    assert (check.status, check.fix) == ("warn", f"chmod 600 '{file}'")


async def test_a_bus_on_a_server_has_no_file_to_check(settings: Settings) -> None:
    assert await check_database(settings_from("redis://there:6379", environ={"HOME": "/"})) == []


def test_little_space_is_a_warning_and_none_a_failure() -> None:
    path = Path("/beth.db")
    assert [space(path, free)[0].status for free in (LITTLE_SPACE, LITTLE_SPACE - 1, NO_SPACE - 1)] == [
        "ok",
        "warn",
        "fail",
    ]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/beth.db", "ext4"),
        ("/home/me/beth.db", "nfs4"),
        ("/homeless/beth.db", "ext4"),
        ("/home/me/local disk/beth.db", "xfs"),
        ("/data/beth.db", "cifs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_mount_above_it(path: str, kind: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind


def test_without_a_list_of_mounts_it_is_not_known() -> None:
    assert file_system_of(Path("/beth.db"), "") is None


def test_a_network_file_system_is_warned_of() -> None:
    (check,) = file_system(Path("/beth.db"), "nfs4")
    assert (check.status, "network file system (nfs4)" in check.message) == ("warn", True)
    assert file_system(Path("/beth.db"), "ext4") == file_system(Path("/beth.db"), None) == []
