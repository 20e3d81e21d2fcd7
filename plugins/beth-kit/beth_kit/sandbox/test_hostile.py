"""What a hostile tool tries. Each attack runs twice: with the sandbox off it succeeds, with the sandbox on it fails."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from beth_kit.sandbox.conftest import World, aside, give_up_capabilities
from beth_kit.sandbox.run import Outcome
from beth_kit.sandbox.test_attacks import ATTACKS, FACTS, SECRET, SURVIVOR, Attack


def test_the_world_is_as_the_attacks_expect(world: World) -> None:
    outcome = world.run(FACTS + "print(root, agent, abstract, tcp, udp)", sandbox=False)
    assert outcome.stdout.split()[1] == str(world.agent and world.agent.pid).encode()
    assert outcome.code == 0


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=lambda attack: attack.name)
def test_an_attack_succeeds_outside_and_fails_inside(world: World, attack: Attack) -> None:
    control = world.run(attack.script, sandbox=False)
    if "MPTCP" in attack.name and not Path("/proc/sys/net/mptcp/enabled").exists():
        assert control.stdout.split()[:2] == [b"ERRNO", b"93"]  # EPROTONOSUPPORT: not built in
    else:
        assert attack.succeeded(control.stdout), control
    restore(world)
    outcome = world.run(attack.script)
    assert not attack.succeeded(outcome.stdout)
    assert outcome.code != 0
    assert not outcome.timed_out
    assert outcome.left == 0
    if attack.over is not None:
        assert outcome.over_limit == attack.over
    else:
        assert outcome.over_limit is not None or b"Error" in outcome.stderr
    assert_told(outcome, attack)
    assert world.agent is not None
    assert world.agent.poll() is None


def assert_told(outcome: Outcome, attack: Attack) -> None:
    """A refusal is in the outcome, from a source that knows: programs are only taken at their word about files."""
    if not attack.refused:
        return
    told = [denial for denial in outcome.denials if denial.what in attack.refused]
    assert told, outcome
    assert outcome.refused >= 1
    sure = {"file": "policy", "output": "output"}
    assert {denial.by for denial in told} <= {sure.get(attack.refused[0], "seccomp"), "landlock"}


def restore(world: World) -> None:
    """What the control may have broken."""
    for name in ("journal.db",):
        (world.root / name).write_text(SECRET)
        (world.root / name).chmod(0o600)
    for entry in (world.root / "clone").iterdir():
        if entry.is_dir() and not entry.is_symlink():
            entry.chmod(0o700)
            shutil.rmtree(entry)
        else:
            entry.unlink()
    for name in ("other-clone/x", "other-clone/new.py", "home/.ssh/authorized_keys"):
        (world.root / name).unlink(missing_ok=True)
    world.own()


DOCKERS_CAPABILITIES = sum(1 << bit for bit in (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31))
"""What Docker gives root in a container by default: not CAP_SYS_PTRACE, which opens the /proc of other users."""


@pytest.mark.parametrize("mode", ["root"], indirect=True)
@pytest.mark.parametrize(
    "name",
    ["more than the disk limit, in files without a name", "a hard link out", "a TCP port on loopback", "the bus file"],
)
def test_root_in_an_ordinary_container_sees_what_its_tools_do(world: World, name: str) -> None:
    attack = ATTACKS[name]
    outcome = aside(lambda: give_up_capabilities(DOCKERS_CAPABILITIES), lambda: world.run(attack.script))
    assert not attack.succeeded(outcome.stdout)
    assert outcome.over_limit == attack.over
    assert_told(outcome, attack)


def test_a_process_that_outlives_the_step_dies_inside(place: World) -> None:
    survivor = int(place.run(SURVIVOR, sandbox=False).stdout)
    assert alive(survivor)
    os.kill(survivor, signal.SIGKILL)
    outcome = place.run(SURVIVOR)
    assert outcome.code == 0
    assert outcome.left == 0
    assert not alive(int(outcome.stdout))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_clone3_says_that_it_does_not_exist_so_that_libraries_fall_back(place: World) -> None:
    outcome = place.run(FACTS + "call(435, 0, 0)")
    assert b"Errno 38" in outcome.stderr


def test_every_capability_is_gone_for_good(place: World) -> None:
    held = "held = (ctypes.c_uint32 * 6)(); version = (ctypes.c_uint32 * 2)(0x20080522, 0)\n"
    outcome = place.run(FACTS + held + "print(libc.capget(version, held), list(held), libc.prctl(39, 0, 0, 0, 0))")
    assert outcome.stdout == b"0 [0, 0, 0, 0, 0, 0] 1\n"
