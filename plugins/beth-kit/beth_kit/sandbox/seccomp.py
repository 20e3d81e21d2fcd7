"""The seccomp filter, as the BPF program that the launcher loads: what Landlock lets through.

Written out here and not by libseccomp: its binding needs a shared library that slim images do not have, runs ldconfig
at import, and costs more than the rest of a sandboxed step. The language is the kernel's classic BPF (seccomp(2),
Documentation/networking/filter.rst). Arguments are compared in their low 32 bits: the ones used here are C ints, of
which the kernel ignores the upper half, so that a comparison of 64 bits could be passed by setting it.
"""

from __future__ import annotations

import errno
import functools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from beth_kit.sandbox.syscalls import MACHINES, number

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL = 0x80000000
_ASK = 0x7FC00000
_DENY = _ERRNO | errno.EPERM
_UNKNOWN = _ERRNO | errno.ENOSYS

_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_NOT_LESS, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_X32 = 0x40000000
"""Set in the numbers of x86's third ABI, which would be a way around a filter by number."""

_NAMESPACES = 0x7E020000
"""All CLONE_NEW… flags of clone(2)."""
_AF_UNIX, _AF_INET, _AF_INET6 = 1, 2, 10
_STREAM, _DATAGRAM, _SEQPACKET = 1, 2, 5
_TYPE = 0xF
"""The type of a socket without SOCK_NONBLOCK and SOCK_CLOEXEC."""
_TCP, _UDP = 6, 17
_FAST_OPEN = 0x20000000
_TCP_FASTOPEN, _TCP_FASTOPEN_CONNECT = 23, 30
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_PR_SET_DUMPABLE = 4
_O_CREAT, _O_TMPFILE = 0x40, 0x400000
_SET_ID = 0o6000
_PRIO_USER, _IOPRIO_WHO_USER = 2, 3
_NEW_LISTENER = 1 << 3
_SIGURG = 23

NEVER = (
    # into other processes
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd"),
    *("migrate_pages", "move_pages"),
    # does what other system calls do, past this filter
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    # other views of the system
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig"),
    *("fsmount", "fspick", "mount_setattr", "open_by_handle_at", "name_to_handle_at"),
    # of the kernel's, with a long history of holes, and of the administrator's
    *("keyctl", "add_key", "request_key", "bpf", "userfaultfd", "perf_event_open", "fanotify_init", "fanotify_mark"),
    *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff"),
    *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "acct", "quotactl", "quotactl_fd", "syslog"),
    *("vhangup", "iopl", "ioperm", "modify_ldt", "sethostname", "setdomainname"),
    # shared with every process of the same user, and no Landlock right covers it
    *("shmget", "shmat", "shmctl", "msgget", "msgsnd", "msgrcv", "msgctl", "semget", "semop", "semctl", "semtimedop"),
    *("mq_open", "mq_unlink"),
)
"""System calls that no tool of an agent needs: EPERM."""

ABSENT = ("memfd_create", "memfd_secret")
"""Memory that no limit without a cgroup counts: ENOSYS, so that a library falls back."""

OPAQUE = ("clone3", "openat2")
"""They keep their flags where a filter cannot read them: ENOSYS, and the C library does it the old way. That is no
refusal, so nobody is told."""

NETWORK = ("connect", "bind")
SIGNALS = ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open")
FILES = ("truncate", "link", "linkat")
"""Rare calls that the supervisor looks at: what Landlock says to them, nobody would hear otherwise."""


@dataclass(frozen=True, slots=True)
class _Is:
    """A condition on an argument: `argument & mask == value`, or its negation."""

    argument: int
    value: int
    mask: int = 0xFFFFFFFF
    negated: bool = False


@dataclass(frozen=True, slots=True)
class _Rule:
    call: str
    action: int
    conditions: tuple[_Is, ...] = ()


def _rules(*, udp: bool, listen: bool) -> Iterator[_Rule]:
    """The first rule that matches decides; what none matches is allowed."""
    kinds = [(_STREAM, _TCP), (_DATAGRAM, _UDP)] if udp else [(_STREAM, _TCP)]
    for family in (_AF_INET, _AF_INET6):
        for kind, protocol in kinds:
            for asked in (0, protocol):  # MPTCP and SCTP are stream sockets with another protocol
                yield _Rule("socket", _ALLOW, (_Is(0, family), _Is(1, kind, _TYPE), _Is(2, asked)))
    yield _Rule("socket", _DENY)
    for kind in (_STREAM, _SEQPACKET):  # a datagram pair can send to, and connect to, the path of any other socket
        yield _Rule("socketpair", _ALLOW, (_Is(0, _AF_UNIX), _Is(1, kind, _TYPE)))
    yield _Rule("socketpair", _DENY)
    for call, flags in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        yield _Rule(call, _DENY, (_Is(flags, _FAST_OPEN, _FAST_OPEN),))
    for option in (_TCP_FASTOPEN, _TCP_FASTOPEN_CONNECT):
        yield _Rule("setsockopt", _DENY, (_Is(1, _TCP), _Is(2, option)))
    if not listen:  # it binds a socket that is not bound, and Landlock does not see that
        yield _Rule("listen", _DENY)
    yield from _with_arguments()
    for call in NEVER:
        yield _Rule(call, _DENY)
    for call in (*ABSENT, *OPAQUE):
        yield _Rule(call, _UNKNOWN)


def _watched(watch: Sequence[str]) -> Iterator[_Rule]:
    if "tgkill" in watch:  # Go interrupts its own threads with it, many times a second
        yield _Rule("tgkill", _ALLOW, (_Is(2, _SIGURG),))
    for call in watch:
        yield _Rule(call, _ASK)


def _with_arguments() -> Iterator[_Rule]:
    """What is refused with certain arguments, whatever the policy."""
    yield _Rule("clone", _DENY, (_Is(0, 0, _NAMESPACES, negated=True),))
    # Whoever listens to notifications may have a call go ahead; the kernel allows one listener, and it is not the tool.
    yield _Rule("seccomp", _DENY, (_Is(1, _NEW_LISTENER, _NEW_LISTENER),))
    for request in (_TIOCSTI, _TIOCLINUX):
        yield _Rule("ioctl", _DENY, (_Is(1, request),))
    # The limits and priorities of another process of the same user, the agent's own among them.
    for call in ("prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler"):
        yield _Rule(call, _DENY, (_Is(0, 0, negated=True),))
    for call, user in (("setpriority", _PRIO_USER), ("ioprio_set", _IOPRIO_WHO_USER)):
        yield _Rule(call, _DENY, (_Is(0, user),))
        yield _Rule(call, _DENY, (_Is(1, 0, negated=True),))
    # The supervisor looks for what is kept in deleted files.
    yield _Rule("prctl", _DENY, (_Is(0, _PR_SET_DUMPABLE), _Is(1, 0)))
    # A program that makes whoever runs it later the user that the tools run as.
    for call, mode in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2), ("creat", 1), ("mknod", 1)):
        yield _Rule(call, _DENY, (_Is(mode, 0, _SET_ID, negated=True),))
    yield _Rule("mknodat", _DENY, (_Is(2, 0, _SET_ID, negated=True),))
    for call, flags in (("open", 1), ("openat", 2)):
        for creating in (_O_CREAT, _O_TMPFILE):  # without them the mode is whatever was in the register
            made = _Is(flags, creating, creating)
            yield _Rule(call, _DENY, (made, _Is(flags + 1, 0, _SET_ID, negated=True)))


@functools.cache
def program(machine: str, *, udp: bool, listen: bool, ask: bool = False, watch: tuple[str, ...] = ()) -> bytes:
    """The filter for `machine` (one of `MACHINES`), as an array of `struct sock_filter`.

    `udp`: datagram sockets of the Internet families may be made. `listen`: TCP sockets may accept connections.
    `ask`: a refusal is left to the supervisor, which writes it down (SECCOMP_RET_USER_NOTIF), and so are the calls in
    `watch`; otherwise the filter refuses by itself, and nothing is watched.
    """
    code = [_op(_LOAD, 4), _op(_JUMP_IF_EQUAL, MACHINES[machine], 1, 0), _op(_RETURN, _KILL)]
    if machine == "x86_64":
        code += [_op(_LOAD, 0), _op(_JUMP_IF_NOT_LESS, _X32, 0, 1), _op(_RETURN, _DENY)]
    rules = [*_rules(udp=udp, listen=listen), *(_watched(watch) if ask else ())]
    for rule in rules:
        found = number(rule.call, machine)
        if found is not None:
            code += _compiled(found, rule, _asked(rule) if ask else rule.action)
    code.append(_op(_RETURN, _ALLOW))
    return b"".join(code)


def _asked(rule: _Rule) -> int:
    """The action of a rule where there is somebody to ask. The rule about listeners stays with the filter."""
    told = rule.action == _DENY or rule.call in ABSENT
    return _ASK if told and rule.call not in ("seccomp", *OPAQUE) else rule.action


def answers(machine: str, watch: Sequence[str]) -> dict[int, tuple[str, int]]:
    """What the supervisor answers, by the number of the system call: its name and the errno, 0 for those in `watch`.

    What the filter refuses is never allowed, whatever the supervisor sees of it: it gets an errno here.
    """
    calls = dict.fromkeys((rule.call for rule in _rules(udp=False, listen=False) if rule.action != _ALLOW), errno.EPERM)
    calls |= dict.fromkeys(ABSENT, errno.ENOSYS) | {name: 0 for name in watch if name not in calls}
    return {found: (name, code) for name, code in calls.items() if (found := number(name, machine)) is not None}


def _compiled(call: int, rule: _Rule, action: int) -> Sequence[bytes]:
    sizes = [3 if condition.mask != 0xFFFFFFFF else 2 for condition in rule.conditions]
    left = sum(sizes) + 1  # instructions between the one on the number and the next rule
    code = [_op(_LOAD, 0), _op(_JUMP_IF_EQUAL, call, 0, left)]
    for condition, size in zip(rule.conditions, sizes, strict=True):
        left -= size
        code.append(_op(_LOAD, 16 + 8 * condition.argument))  # both architectures have the low half first
        if size == 3:
            code.append(_op(_AND, condition.mask))
        holds, fails = (left, 0) if condition.negated else (0, left)
        code.append(_op(_JUMP_IF_EQUAL, condition.value, holds, fails))
    code.append(_op(_RETURN, action))
    return code


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
