"""The supervisor's own work: makes the locks, starts the tool behind them, waits, and ends everything. See `launch`.

Part of the launcher, so it imports little: `_signal` and not `signal`, which takes as long as all the others together.
"""

# ruff: noqa: PTH123

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found,unused-ignore]
import _socket
import ctypes
import errno
import os
import resource
import select
import stat
import sys

import group  # type: ignore[import-not-found,unused-ignore]
import refusals  # type: ignore[import-not-found,unused-ignore]
import watch  # type: ignore[import-not-found,unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

POLL = 0.1
"""Seconds between two looks at what the tool uses."""

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
SET_MODE_FILTER, NEW_LISTENER, WAIT_KILLABLE = 1, 1 << 3, 1 << 5
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PATH_BENEATH, NET_PORT = 1, 2
ON_FILES = 0b1100_0000_0000_0111
"""Landlock's rights that a rule on a file may grant: execute, write, read, truncate, ioctl."""

LIBC = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _NetPort(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def report(control: int, spec: dict[str, Any]) -> str:
    """Run the tool to its end, and say how it ended."""
    held = group.Group(spec["groups"]) if spec["enforce"] else None
    try:
        return _supervise(control, spec, held)
    except OSError as error:
        return f"error {error.errno} {error.filename or ''} {error.strerror}"
    finally:
        if held is not None:
            held.remove()


def _supervise(control: int, spec: dict[str, Any], held: Any) -> str:
    woken = _wake_on_children()
    if not spec["enforce"]:
        child, _ = _start(spec, None)
        code, over = _wait(control, woken, child, None)
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return _ended(code, over, 0)
    _checked(LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "subreaper")
    child, refused = _start(spec, _Locks(_ruleset(spec), held))
    left = 0
    try:
        code, over = _wait(control, woken, child, watch.Watch(spec, held))
    finally:
        left = watch.kill_descendants()
    if spec["uid"] is not None and spec["shared_memory"]:
        watch.remove_shared_memory(spec["uid"])
    return _ended(code, over, left, refused)


class _Locks:
    """What a tool's process is to enter: a Landlock ruleset and a control group."""

    def __init__(self, ruleset: int, held: Any) -> None:
        self.ruleset = ruleset
        self.group = held


def _ended(code: int | None, over: str | None, left: int, refused: Any = None) -> str:
    total, lines = (refused.total, refused.lines()) if refused is not None else (0, [])
    return "\n".join([f"ended {'-' if code is None else code} {over or '-'} {left} {total}", *lines])


def _wake_on_children() -> int:
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    return woken


def _wait(control: int, woken: int, child: int, looking: Any) -> tuple[int | None, str | None]:
    """Until the tool ends, is over a limit, or the agent closed its end or is not to have it any more (SIGTERM); its
    exit code where it ended."""
    while True:
        ready, _, _ = select.select([control, woken], [], [], POLL if looking is not None else None)
        if control in ready:
            return None, None
        if woken in ready and signal.SIGTERM in os.read(woken, 4096):
            return None, None
        for ended, status in watch.reap():
            if ended == child:
                starved = looking is not None and looking.out_of_memory()
                return (None, "memory") if starved else (os.waitstatus_to_exitcode(status), None)
        over = looking.over() if looking is not None else None
        if over is not None:
            return None, over


def _start(spec: dict[str, Any], locks: _Locks | None) -> tuple[int, Any]:
    """Fork, and return once the tool runs: its number, and who answers for its system calls, where the kernel asks.
    Raises OSError with the stage that failed."""
    reading, writing = os.pipe()
    here, there = _socket.socketpair()
    child = os.fork()
    if child == 0:
        here.close()
        _become_the_tool(spec, locks, writing, there)
    os.close(writing)
    there.close()
    if locks is not None:
        os.close(locks.ruleset)
    refused = _answering(spec, here)
    here.close()
    with os.fdopen(reading) as pipe:
        failed = pipe.read()
    if failed:
        os.waitpid(child, 0)
        number, stage = failed.split(" ", 1)
        raise OSError(int(number), os.strerror(int(number)), stage)
    return child, refused


def _answering(spec: dict[str, Any], here: Any) -> Any:
    """Somebody who answers, if the tool's process sends a listener; it waits for that before it becomes the tool."""
    _, sent, _, _ = here.recvmsg(1, _socket.CMSG_SPACE(4))  # its end, where there is no listener
    if not sent:
        return None
    refused = refusals.Refusals(int.from_bytes(sent[0][2][:4], sys.byteorder), spec)
    try:
        refused.start()
    except RuntimeError:  # no thread could be made
        return None
    here.send(b"x")
    return refused


def _become_the_tool(spec: dict[str, Any], locks: _Locks | None, failing: int, telling: Any) -> NoReturn:
    stage = "setsid"
    try:
        signal.set_wakeup_fd(-1)
        # Python ignores the last two.
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.umask(0o022)
        stage = "chdir"
        os.chdir(spec["directory"])
        if locks is not None:
            stage = "control group"
            locks.group.enter()
            stage = "limits"
            _limit(spec)
            stage = "user"
            _drop(spec["uid"])
            # After the change of user, which would undo it. Should somebody kill this supervisor, at least the program
            # itself dies with it.
            _checked(LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), stage)
            stage = "landlock"
            _checked(LIBC.syscall(RESTRICT_SELF, locks.ruleset, 0), stage)
            stage = "seccomp"
            if not _filter_that_asks(spec, telling):
                _filter(spec["filter"])
        stage = spec["argv"][0]
        _execute(spec["argv"], spec["env"])
    except OSError as error:
        os.write(failing, f"{error.errno} {stage}".encode())
    except Exception as error:  # noqa: BLE001 - nobody else could tell
        os.write(failing, f"{errno.EPROTO} {stage}: {error!r}".encode())
    finally:
        os._exit(126)


def _execute(argv: list[str], env: dict[str, str]) -> None:
    """Become the program, looked for in its own PATH. `os.execvpe` imports modules, which the tool's user may not be
    able to read. Raises OSError."""
    folders = [""] if "/" in argv[0] else [f"{folder}/" for folder in env["PATH"].split(":") if folder]
    refused: OSError | None = None
    for folder in folders:
        try:
            os.execve(folder + argv[0], argv, env)  # noqa: S606 - what this process is for
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            refused = error
    raise refused or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _limit(spec: dict[str, Any]) -> None:
    limits = spec["limits"]
    others = watch.threads_of(os.getuid()) if spec["uid"] is None else 0
    for which, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, limits["cpu_seconds"] + 1),  # should the supervisor, which says why, be late
        (resource.RLIMIT_DATA, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NPROC, limits["processes"] + others),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_MEMLOCK, 64 * 1024),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        lowered = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (lowered, lowered))
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")  # the tool, before the agent
    except OSError:
        pass


def _drop(uid: int | None) -> None:
    """Become `uid`, give up every capability, and for good."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _checked(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    _checked(LIBC.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def _ruleset(spec: dict[str, Any]) -> int:
    attributes = _Ruleset(*spec["handled"])
    # The kernel accepts a longer structure than it knows only while the rest is zero.
    ruleset = LIBC.syscall(CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(24), ctypes.c_uint32(0))
    _checked(ruleset, "landlock")
    os.set_inheritable(ruleset, False)  # noqa: FBT003 - its only parameter
    for path, rights in spec["rules"]:
        try:
            parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError, PermissionError):  # nothing to grant
            continue
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= ON_FILES
        rule = _PathBeneath(rights & spec["handled"][0], parent)
        _checked(LIBC.syscall(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0), path)
        os.close(parent)
    for port, rights in spec["ports"]:
        allowed = _NetPort(rights, port)
        _checked(LIBC.syscall(ADD_RULE, ruleset, NET_PORT, ctypes.byref(allowed), 0), f"port {port}")
    return int(ruleset)


def _filter_that_asks(spec: dict[str, Any], telling: Any) -> bool:
    """The filter whose refusals the supervisor answers; False where the kernel has none, or somebody above this process
    listens already. From here to the program's start no system call may be one that it asks about."""
    program = _Program(len(spec["asking"]) // 8, spec["asking"])
    for flags in (NEW_LISTENER | WAIT_KILLABLE, NEW_LISTENER):  # the second came with Linux 5.19
        listener = LIBC.syscall(spec["seccomp"], SET_MODE_FILTER, ctypes.c_ulong(flags), ctypes.byref(program))
        if listener >= 0:
            rights = listener.to_bytes(4, sys.byteorder)
            telling.sendmsg([b"x"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
            if not telling.recv(1):
                raise OSError(errno.EAGAIN, "nobody answers")
            return True
    return False


def _filter(code: bytes) -> None:
    program = _Program(len(code) // 8, code)
    _checked(LIBC.prctl(PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0), "seccomp")


def _checked(result: int, stage: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), stage)
