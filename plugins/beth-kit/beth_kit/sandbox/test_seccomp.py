"""The filter, run by a small interpreter of BPF: what each architecture's program decides."""

import errno
import struct
from itertools import product

import pytest

from beth_kit.sandbox.seccomp import ABSENT, FILES, NETWORK, NEVER, OPAQUE, SIGNALS, answers, program
from beth_kit.sandbox.syscalls import MACHINES, NUMBERS, number

ALLOW, DENY, ABSENT_CODE, KILL = 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS, 0x80000000
ASK = 0x7FC00000
INET, INET6, UNIX, NETLINK = 2, 10, 1, 16
WATCH = (*NETWORK, *SIGNALS, *FILES)


def decide(
    machine: str, call: int, *arguments: int, udp: bool = False, listen: bool = False, arch: int = 0, ask: bool = False
) -> int:
    packed = program(machine, udp=udp, listen=listen, ask=ask, watch=WATCH if ask else ())
    code = list(struct.iter_unpack("=HBBI", packed))
    data = struct.pack("<IIQ6Q", call, arch or MACHINES[machine], 0, *(*arguments, *[0] * (6 - len(arguments))))
    at = accumulator = 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        match operation:
            case 0x20:
                accumulator = struct.unpack_from("<I", data, value)[0]
            case 0x54:
                accumulator &= value
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x35:
                at += if_true if accumulator >= value else if_false
            case _:
                return int(value)


def calls(machine: str, names: tuple[str, ...]) -> list[int]:
    return [found for name in names if (found := number(name, machine)) is not None]


@pytest.fixture(params=list(MACHINES))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_an_ordinary_system_call_is_allowed(machine: str) -> None:
    assert decide(machine, 63) == ALLOW  # uname, read
    assert decide(machine, 500) == ALLOW


def test_what_no_tool_needs_is_refused(machine: str) -> None:
    assert {decide(machine, call) for call in calls(machine, NEVER)} == {DENY}
    assert {decide(machine, call) for call in calls(machine, (*ABSENT, *OPAQUE))} == {ABSENT_CODE}


def test_another_architecture_is_killed_and_the_third_abi_of_x86_refused(machine: str) -> None:
    assert decide(machine, 1, arch=0x40000003) == KILL
    if machine == "x86_64":
        assert decide(machine, 0x40000000 | 41, INET, 1, 0) == DENY


@pytest.mark.parametrize("udp", [False, True])
def test_only_sockets_of_tcp_and_granted_udp_can_be_made(machine: str, udp: bool) -> None:
    call = NUMBERS["socket"][list(MACHINES).index(machine)]
    assert call is not None
    granted = {(INET, 1, 0), (INET, 1, 6), (INET6, 1, 0), (INET6, 1, 6)}
    if udp:
        granted |= {(INET, 2, 0), (INET, 2, 17), (INET6, 2, 0), (INET6, 2, 17)}
    for family, kind, protocol in product(
        (UNIX, INET, INET6, NETLINK, 17, 38, 40, 43), range(1, 11), (0, 1, 6, 17, 132, 255, 262)
    ):
        expected = ALLOW if (family, kind, protocol) in granted else DENY
        assert decide(machine, call, family, kind, protocol, udp=udp) == expected
        assert (
            decide(machine, call, family, kind | 0o2004000, protocol, udp=udp) == expected
        )  # close on exec, nonblocking


def test_garbage_in_the_upper_half_of_an_argument_changes_nothing(machine: str) -> None:
    (call, send) = calls(machine, ("socket", "sendto"))
    assert decide(machine, call, 1 << 32 | UNIX, 1, 0) == DENY
    assert decide(machine, call, 1 << 32 | INET, 1 << 40 | 1, 1 << 33 | 262) == DENY
    assert decide(machine, send, 3, 0, 0, 1 << 32 | 0x20000000) == DENY


def test_fast_open_is_refused_among_other_flags(machine: str) -> None:
    sendto, sendmsg, setsockopt = calls(machine, ("sendto", "sendmsg", "setsockopt"))
    assert decide(machine, sendto, 3, 0, 0, 0x20004000) == DENY
    assert decide(machine, sendto, 3, 0, 0, 0x4000) == ALLOW
    assert decide(machine, sendmsg, 3, 0, 0x20000040) == DENY
    assert decide(machine, setsockopt, 3, 6, 30) == DENY
    assert decide(machine, setsockopt, 3, 6, 1) == ALLOW
    assert decide(machine, setsockopt, 3, 1, 30) == ALLOW


def test_a_new_namespace_is_refused_and_a_thread_is_not(machine: str) -> None:
    (clone,) = calls(machine, ("clone",))
    assert decide(machine, clone, 0x3D0F00) == ALLOW
    assert decide(machine, clone, 0x10000011) == DENY
    assert decide(machine, clone, 0x00020011) == DENY


def test_a_program_may_change_its_own_limits_only(machine: str) -> None:
    (limit,) = calls(machine, ("prlimit64",))
    assert decide(machine, limit, 0, 7) == ALLOW
    assert decide(machine, limit, 4711, 7) == DENY


def test_a_program_may_not_change_the_priority_of_all_that_its_user_runs(machine: str) -> None:
    nice, disk = calls(machine, ("setpriority", "ioprio_set"))
    assert decide(machine, nice, 0, 0, 5) == ALLOW
    assert decide(machine, nice, 2, 0, 5) == DENY
    assert decide(machine, nice, 0, 4711, 5) == DENY
    assert decide(machine, disk, 1, 0) == ALLOW
    assert decide(machine, disk, 3, 0) == DENY


def test_listening_needs_a_grant(machine: str) -> None:
    (listen,) = calls(machine, ("listen",))
    assert decide(machine, listen, 3, 1) == DENY
    assert decide(machine, listen, 3, 1, listen=True) == ALLOW


def test_a_file_may_be_made_with_any_mode_but_that_of_another_user(machine: str) -> None:
    openat, change = calls(machine, ("openat", "fchmodat"))
    assert decide(machine, openat, 3, 0, 0x41, 0o755) == ALLOW
    assert decide(machine, openat, 3, 0, 0x41, 0o4755) == DENY
    assert decide(machine, openat, 3, 0, 0x400002, 0o4755) == DENY
    assert decide(machine, openat, 3, 0, 0, 0o4755) == ALLOW
    assert decide(machine, change, 3, 0, 0o2755) == DENY
    assert decide(machine, change, 3, 0, 0o1755) == ALLOW


def test_a_pair_of_sockets_cannot_be_turned_to_other_sockets(machine: str) -> None:
    (pair,) = calls(machine, ("socketpair",))
    for kind in range(1, 11):
        assert decide(machine, pair, UNIX, kind | 0o2004000, 0) == (ALLOW if kind in (1, 5) else DENY)
        assert decide(machine, pair, 30, kind, 0) == DENY


def test_whoever_may_be_asked_refuses_nothing_less(machine: str) -> None:
    (socket,) = calls(machine, ("socket",))
    for call in calls(machine, (*NEVER, *ABSENT)):
        assert decide(machine, call, ask=True) == ASK
        assert answers(machine, WATCH)[call][1] in (errno.EPERM, errno.ENOSYS)
    assert decide(machine, socket, UNIX, 1, 0, ask=True) == ASK
    assert decide(machine, socket, INET, 1, 0, ask=True) == ALLOW
    assert decide(machine, 1, arch=0x40000003, ask=True) == KILL


def test_only_calls_that_are_allowed_without_asking_may_go_ahead(machine: str) -> None:
    for call, (_, code) in answers(machine, WATCH).items():
        if code == 0:
            assert decide(machine, call, 2**31 - 1, 2**31 - 1, 0, 0) == ALLOW
            assert decide(machine, call, ask=True) == ASK


def test_a_library_that_falls_back_is_not_asked_about(machine: str) -> None:
    assert {decide(machine, call, ask=True) for call in calls(machine, OPAQUE)} == {ABSENT_CODE}


def test_go_may_interrupt_its_own_threads_without_asking(machine: str) -> None:
    (signal,) = calls(machine, ("tgkill",))
    assert decide(machine, signal, 4711, 4711, 23, ask=True) == ALLOW
    assert decide(machine, signal, 4711, 4711, 10, ask=True) == ASK


def test_nobody_else_listens(machine: str) -> None:
    (install,) = calls(machine, ("seccomp",))
    for ask in (False, True):
        assert decide(machine, install, 1, 8 | 1, ask=ask) == DENY
        assert decide(machine, install, 1, 1, ask=ask) == ALLOW
