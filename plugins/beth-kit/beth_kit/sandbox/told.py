"""What a refused system call was about, in words: part of the launcher, so it imports little."""

# ruff: noqa: PTH123

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from refusals import Call  # type: ignore[import-not-found,unused-ignore]

LONGEST = 200
"""Characters that are kept of a text that a tool had a hand in."""

_FAMILIES = {0: "AF_UNSPEC", 1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK", 17: "AF_PACKET"} | {
    30: "AF_TIPC",
    38: "AF_ALG",
    40: "AF_VSOCK",
    44: "AF_XDP",
}
_KINDS = {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 5: "SOCK_SEQPACKET"}
_PROTOCOLS = {132: "SCTP", 262: "MPTCP"}
_OPTIONS = {23: "TCP_FASTOPEN", 30: "TCP_FASTOPEN_CONNECT"}
_REQUESTS = {0: "PTRACE_TRACEME", 16: "PTRACE_ATTACH", 0x4206: "PTRACE_SEIZE"}
_NAMESPACES = {
    0x00020000: "CLONE_NEWNS",
    0x02000000: "CLONE_NEWCGROUP",
    0x04000000: "CLONE_NEWUTS",
    0x08000000: "CLONE_NEWIPC",
    0x10000000: "CLONE_NEWUSER",
    0x20000000: "CLONE_NEWPID",
    0x40000000: "CLONE_NEWNET",
}


def printable(text: str) -> str:
    """A text for a line of a log: no control characters, no line ends, no more than `LONGEST` characters."""
    return "".join(one if one.isprintable() else "?" for one in text[:LONGEST])


def program(pid: int) -> str:
    """What a process calls itself; empty where it is gone."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def detail(name: str, call: Call) -> str:
    """The arguments that say why a call was refused; empty where its name does."""
    found = _DETAILS.get(name)
    return found(call) if found is not None else ""


def _process(pid: int) -> str:
    if pid <= 0:
        return "every process" if pid == -1 else f"process group {-pid}"
    return f"process {pid}"


def _socket(call: Call) -> str:
    family, kind, protocol = (call.integer(argument) for argument in range(3))
    said = [_FAMILIES.get(family, f"family {family}"), _KINDS.get(kind & 0xF, f"type {kind & 0xF}")]
    if protocol:
        said.append(_PROTOCOLS.get(protocol, f"protocol {protocol}"))
    return ", ".join(said)


def _fast_open(_call: Call) -> str:
    return "MSG_FASTOPEN"


def _option(call: Call) -> str:
    return _OPTIONS.get(call.integer(2), str(call.integer(2)))


def _ptrace(call: Call) -> str:
    request = call.integer(0)
    said = _REQUESTS.get(request, f"request {request}")
    return f"{said}, {_process(call.integer(1))}" if request else said


def _namespaces(call: Call) -> str:
    flags = call.arguments[0]
    return " | ".join(name for flag, name in _NAMESPACES.items() if flags & flag) or hex(flags)


def _mode(argument: int) -> Callable[[Call], str]:
    return lambda call: f"mode {call.arguments[argument] & 0o7777:05o}"


def _of_process(argument: int) -> Callable[[Call], str]:
    return lambda call: _process(call.integer(argument))


def _signal(argument: int) -> Callable[[Call], str]:
    return lambda call: f"signal {call.integer(argument)} to {_process(call.integer(0))}"


_DETAILS: dict[str, Callable[[Call], str]] = {
    "socket": _socket,
    "socketpair": _socket,
    "setsockopt": _option,
    "ptrace": _ptrace,
    "unshare": _namespaces,
    "clone": _namespaces,
    "pidfd_open": _of_process(0),
    "prlimit64": _of_process(0),
    "process_vm_readv": _of_process(0),
    "process_vm_writev": _of_process(0),
    "setpriority": _of_process(1),
    "open": _mode(2),
    "openat": _mode(3),
} | {
    **dict.fromkeys(("sendto", "sendmsg", "sendmmsg"), _fast_open),
    **dict.fromkeys(("sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler"), _of_process(0)),
    **dict.fromkeys(("kill", "tkill", "rt_sigqueueinfo"), _signal(1)),
    **dict.fromkeys(("tgkill", "rt_tgsigqueueinfo"), _signal(2)),
    **dict.fromkeys(("chmod", "fchmod", "creat", "mknod"), _mode(1)),
    **dict.fromkeys(("fchmodat", "fchmodat2", "mknodat"), _mode(2)),
}
