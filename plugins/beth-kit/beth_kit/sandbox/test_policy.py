"""What a policy says."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from beth_kit.sandbox import landlock, owner
from beth_kit.sandbox.checks import judge
from beth_kit.sandbox.conftest import World
from beth_kit.sandbox.owner import prepare, workspaces_home
from beth_kit.sandbox.policy import FIRST_UID, UIDS, Policy, can_enter, environment, system_roots, task_uid
from beth_kit.sandbox.probe import Machine, probe, require
from beth_kit.sandbox.watch import disk_usage
from beth_sdk.errors import ConfigurationError, SettingError

FULL = Machine("linux", "x86_64", 7, seccomp=True, uids=True)


def policy(**changes: object) -> Policy:
    return Policy(Path("/c"), Path("/h"), (Path("/c"), Path("/h")), **changes)  # type: ignore[arg-type]


def test_the_environment_is_built_up_from_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    built = environment(policy(path=("/env/bin",)), {"LANG": "de_DE.UTF-8", "X": "1"})
    assert "OPENAI_API_KEY" not in built
    assert built["PATH"].split(":")[:2] == ["/env/bin", "/usr/local/bin"]
    assert (built["LANG"], built["X"], built["HOME"], built["TMPDIR"]) == ("de_DE.UTF-8", "1", "/h", "/h/tmp")


def test_no_folder_that_holds_secrets_can_be_read() -> None:
    roots = {str(root) for root in system_roots()}
    assert not roots & {
        "/",
        "/etc",
        "/etc/ssl",
        "/etc/ssl/private",
        "/etc/shadow",
        "/proc",
        "/sys",
        "/root",
        "/home",
        "/var",
    }


def test_a_task_has_always_the_same_user_and_another_has_another() -> None:
    users = [task_uid(f"task-{number}") for number in range(100)]
    assert users[0] == task_uid("task-0")
    assert len(set(users)) == 100
    assert all(user is not None and FIRST_UID <= user < FIRST_UID + UIDS for user in users)


def test_a_container_gives_users_from_the_end_of_what_it_has_or_none() -> None:
    user = task_uid("task", [(0, 1), (1, 65_536)])
    assert user is not None
    assert 64_537 <= user < 65_537
    assert task_uid("task", [(0, 1)]) is None


def test_networks_say_what_they_open() -> None:
    none, packages, everything = policy(), policy(network="packages"), policy(network="open")
    assert (none.udp, none.tcp_restricted, none.connects, none.listens) == (False, True, (), False)
    assert (packages.udp, packages.tcp_restricted, packages.connects, packages.listens) == (True, True, (443,), False)
    assert (everything.udp, everything.tcp_restricted, everything.listens) == (True, False, True)
    assert policy(network="open", connect_ports=(80,)).tcp_restricted
    assert policy(bind_ports=(8000,)).listens


def test_each_abi_restricts_what_it_knows() -> None:
    assert landlock.handled(3, tcp=True) == landlock.Handled(0x7FFF, 0, 0)
    assert landlock.handled(4, tcp=True) == landlock.Handled(0x7FFF, 3, 0)
    assert landlock.handled(5, tcp=False) == landlock.Handled(0xFFFF, 0, 0)
    assert landlock.handled(6, tcp=True) == landlock.Handled(0xFFFF, 3, 3)
    assert landlock.handled(99, tcp=True) == landlock.handled(6, tcp=True)


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (Machine("darwin", "arm64", 0, seccomp=False, uids=False), "needs Linux, this is darwin"),
        (Machine("linux", "riscv64", 7, seccomp=True, uids=False), "this is riscv64"),
        (Machine("linux", "x86_64", 0, seccomp=True, uids=False), "no Landlock"),
        (Machine("linux", "x86_64", 3, seccomp=True, uids=False), "ABI 3 cannot restrict TCP connections"),
        (Machine("linux", "x86_64", 7, seccomp=False, uids=False), "no seccomp"),
    ],
)
def test_where_tools_cannot_be_locked_in_beth_refuses_in_one_line(machine: Machine, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason) as raised:
        require({}, machine)
    assert "BETH_SANDBOX=off" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert require({"BETH_SANDBOX": "off"}, machine) is False
    assert [check.status for check in judge(machine, {})] == ["fail"]


def test_elsewhere_tools_are_locked_in_unless_the_variable_says_off() -> None:
    assert require({}, FULL)
    assert require({"BETH_SANDBOX": "on"}, FULL)
    assert not require({"BETH_SANDBOX": "OFF"}, FULL)
    with pytest.raises(SettingError, match="accepted: on, off"):
        require({"BETH_SANDBOX": "no"}, FULL)


def test_doctor_says_what_cannot_be_enforced() -> None:
    assert [check.status for check in judge(FULL, {})] == ["ok"]
    old = judge(Machine("linux", "x86_64", 4, seccomp=True, uids=False), {})
    assert [check.status for check in old] == ["ok", "warn", "warn"]
    assert "device ioctls or signals and abstract UNIX sockets" in old[1].message
    assert [check.status for check in judge(FULL, {"BETH_SANDBOX": "off"})] == ["warn"]
    assert all(check.fix for check in old if check.status != "ok")


def test_what_a_clone_shares_with_its_origin_keeps_its_owner(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to give files away")
    root = Path("/tmp", f"beth-owner-{os.getpid()}")
    clone, home, outside = root / "clone", root / "home", root / "outside"
    clone.mkdir(parents=True)
    outside.write_text("x")
    (clone / "own").write_text("x")
    (clone / "shared").hardlink_to(outside)
    (clone / "link").symlink_to(outside)
    try:
        prepare(Policy(clone, home, (clone, home), uid=FIRST_UID))
        owners = {name: (clone / name).lstat().st_uid for name in ("own", "shared", "link")}
        assert owners == {"own": FIRST_UID, "shared": 0, "link": FIRST_UID}
        assert (outside.stat().st_uid, clone.stat().st_uid) == (0, FIRST_UID)
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        root.chmod(0o700)
        with pytest.raises(ConfigurationError, match=f"{root} cannot be entered .* set BETH_HOME"):
            prepare(Policy(clone, home, (clone, home), uid=FIRST_UID))
    finally:
        for path in sorted(root.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        root.rmdir()


def test_disk_usage_counts_blocks_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/usr")
    assert 100_000 <= disk_usage([str(tmp_path)]) < 200_000


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can get into; pytest's own cannot be entered by others."""
    folder = Path(tempfile.mkdtemp(prefix="beth-owner-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_who_can_enter_a_folder_is_said_by_its_mode_and_of_all_above_it(open_folder: Path) -> None:
    inner = open_folder / "closed" / "inner"
    inner.mkdir(parents=True)
    assert can_enter(inner, FIRST_UID)
    inner.parent.chmod(0o700)
    assert not can_enter(inner, FIRST_UID)
    assert can_enter(inner, os.geteuid())
    assert can_enter(inner, None)
    (open_folder / "link").symlink_to(inner)
    assert not can_enter(open_folder / "link", FIRST_UID)
    (open_folder / "file").touch()
    assert not can_enter(open_folder / "file", None)
    assert not can_enter(open_folder / "none", None)


def test_only_programs_that_a_task_can_get_to_are_in_its_path(open_folder: Path) -> None:
    closed, usable, later = (open_folder / name for name in ("closed", "usable", "later"))
    for folder in (closed, usable):
        folder.mkdir()
    closed.chmod(0o700)
    given = policy(path=(str(closed), str(usable), str(later)), uid=FIRST_UID)
    assert environment(given, {})["PATH"].split(":")[:3] == [str(usable), str(later), "/usr/local/bin"]


def test_an_installation_that_a_task_cannot_get_to_is_not_granted(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = open_folder / "python"
    python.mkdir()
    monkeypatch.setattr(sys, "base_prefix", str(python))
    assert python in system_roots(FIRST_UID)
    open_folder.chmod(0o700)
    assert python not in system_roots(FIRST_UID)
    assert python in system_roots()


def test_work_is_in_the_home_where_tasks_can_get_into_it(open_folder: Path) -> None:
    home = open_folder / "not" / "made"
    assert workspaces_home(home, FIRST_UID) == home
    assert workspaces_home(home, None) == home
    assert not home.exists()


def test_work_is_beside_a_home_that_tasks_cannot_enter(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, closed = open_folder / "shared", open_folder / "closed"
    monkeypatch.setattr(owner, "SHARED", shared)
    closed.mkdir(mode=0o700)
    assert workspaces_home(closed / "beth", None) == closed / "beth"
    first, again, other = (workspaces_home(closed / name, FIRST_UID) for name in ("beth", "beth", "other"))
    assert first == again != other
    assert first.parent == shared
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (shared, first)} == {0o711}


@pytest.mark.parametrize("mode", [0o700, 0o777])
def test_a_folder_that_is_not_fit_to_share_is_refused(
    open_folder: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, closed = open_folder / "shared", open_folder / "closed"
    monkeypatch.setattr(owner, "SHARED", shared)
    closed.mkdir(mode=0o700)
    shared.mkdir()
    shared.chmod(mode)
    with pytest.raises(ConfigurationError, match="set BETH_HOME") as raised:
        workspaces_home(closed, FIRST_UID)
    assert "\n" not in str(raised.value)


def test_a_machine_without_notifications_says_so() -> None:
    deaf = judge(replace(FULL, notices=False), {})
    assert [check.status for check in deaf] == ["ok", "warn"]
    assert "refused system calls are not reported" in deaf[1].message
    assert "no control group" in deaf[0].message


def test_root_without_capabilities_has_no_users_to_give() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to give something up")
    assert World("root-alone", Path("/")).as_agent(probe).uids
    machine = World("container", Path("/")).as_agent(probe)
    assert not machine.uids
    assert machine.lacks is None
