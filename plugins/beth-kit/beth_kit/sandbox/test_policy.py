"""What a policy says."""

import os
import stat
from pathlib import Path

import pytest

from beth_kit.sandbox import landlock
from beth_kit.sandbox.checks import judge
from beth_kit.sandbox.owner import prepare
from beth_kit.sandbox.policy import FIRST_UID, UIDS, Policy, environment, system_roots, task_uid
from beth_kit.sandbox.probe import Machine, require
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
        with pytest.raises(ConfigurationError, match="set BETH_HOME"):
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
