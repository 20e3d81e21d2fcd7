"""The process between an agent and a tool: locks the tool in, starts it, and sees to it that nothing of it survives.

Run by path, as `python -I -S launch.py CONTROL SPEC`: two descriptors, the one end of a socket pair and a file with
what to do (see `run.spec`). This process is the tool's supervisor. It stays outside the sandbox, is the reaper of every
orphan among its descendants (prctl(2), PR_SET_CHILD_SUBREAPER), so that neither setsid nor a double fork leads away
from it, and kills them all when the tool ends, goes over a limit, or CONTROL comes to its end, however the agent ended.
It has one thread, since Landlock and seccomp bind only the thread that asks for them, and imports little, to be fast.
It writes one line to CONTROL: `ended CODE OVER LEFT` (a signal's negative number, the limit that was passed, how many
processes would not die; `-` for none), or `error ERRNO TEXT` where the tool was not started; in doubt, it is not.
"""

# ruff: noqa: PTH120, PTH123

from __future__ import annotations

import ctypes
import errno
import marshal
import os
import resource
import select
import signal
import stat
import sys

# Beside this file, and out of the search path of an isolated Python.
sys.path.insert(0, os.path.dirname(__file__))

import watch  # type: ignore[import-not-found,unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

POLL = 0.1
"""Seconds between two looks at what the tool uses."""

PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 22, 36, 38
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


def main(arguments: list[str]) -> None:
    """Run the tool to its end. Never raises for what the tool does."""
    control, spec_file = int(arguments[0]), int(arguments[1])
    os.set_inheritable(control, False)  # noqa: FBT003 - its only parameter
    with os.fdopen(spec_file, "rb") as file:
        spec = marshal.load(file)  # noqa: S302 - from the agent itself
    try:
        report = _supervise(control, spec)
    except OSError as error:
        report = f"error {error.errno} {error.filename or ''} {error.strerror}"
    try:
        os.write(control, report.encode())
    except OSError:  # the agent is gone, there is nobody to tell
        pass


def _supervise(control: int, spec: dict[str, Any]) -> str:
    woken = _wake_on_children()
    ruleset = None
    if spec["enforce"]:
        _checked(LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "subreaper")
        ruleset = _ruleset(spec)
    child = _start(spec, ruleset)
    code, over = _wait(control, woken, child, watch.Watch(spec) if spec["enforce"] else None)
    left = 0
    if spec["enforce"]:
        left = watch.kill_descendants()
        if spec["uid"] is not None and spec["shared_memory"]:
            watch.remove_shared_memory(spec["uid"])
    else:
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return f"ended {'-' if code is None else code} {over or '-'} {left}"


def _wake_on_children() -> int:
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return woken


def _wait(control: int, woken: int, child: int, looking: Any) -> tuple[int | None, str | None]:
    """Until the tool ends, is over a limit, or the agent closed its end; its exit code where it ended."""
    while True:
        ready, _, _ = select.select([control, woken], [], [], POLL if looking is not None else None)
        if control in ready:
            return None, None
        if woken in ready:
            os.read(woken, 4096)
        for ended, status in watch.reap():
            if ended == child:
                return os.waitstatus_to_exitcode(status), None
        over = looking.over() if looking is not None else None
        if over is not None:
            return None, over


def _start(spec: dict[str, Any], ruleset: int | None) -> int:
    """Fork, and return once the tool runs. Raises OSError with the stage that failed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _become_the_tool(spec, ruleset, writing)
    os.close(writing)
    if ruleset is not None:
        os.close(ruleset)
    with os.fdopen(reading) as pipe:
        failed = pipe.read()
    if failed:
        os.waitpid(child, 0)
        number, stage = failed.split(" ", 1)
        raise OSError(int(number), os.strerror(int(number)), stage)
    return child


def _become_the_tool(spec: dict[str, Any], ruleset: int | None, failing: int) -> NoReturn:
    stage = "setsid"
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores the last two
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.umask(0o022)
        stage = "chdir"
        os.chdir(spec["directory"])
        if ruleset is not None:
            stage = "limits"
            _limit(spec)
            stage = "user"
            _drop(spec["uid"])
            stage = "landlock"
            _checked(LIBC.syscall(RESTRICT_SELF, ruleset, 0), stage)
            stage = "seccomp"
            _filter(bytes.fromhex(spec["filter"]))
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


def _filter(code: bytes) -> None:
    program = _Program(len(code) // 8, code)
    _checked(LIBC.prctl(PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0), "seccomp")


def _checked(result: int, stage: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), stage)


if __name__ == "__main__":
    main(sys.argv[1:])
