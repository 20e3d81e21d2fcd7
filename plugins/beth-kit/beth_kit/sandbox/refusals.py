"""What the supervisor answers where the filter asks it, and what it writes down of that.

Part of the launcher, so it imports little. A thread of its own waits for the kernel's questions (seccomp_unotify(2)).
For a call that the filter refuses the answer is always an errno, whatever is found out about it; only calls that the
filter lets through and has watched may go ahead. What a pointer leads to can change after it was read, so nothing is
decided by it: it says what to write down about a call on which Landlock has the last word. Process ids are in
registers, and signals to processes that are not the tool's are refused here on every kernel.
"""

# ruff: noqa: PTH118, PTH123, PTH208, PTH115

from __future__ import annotations

import _socket
import _thread
import ctypes
import errno
import os
import select
import struct

import told  # type: ignore[import-not-found,unused-ignore]
import watch  # type: ignore[import-not-found,unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RECEIVE, SEND, VALID = 0xC0502100, 0xC0182101, 0x40082102
"""SECCOMP_IOCTL_NOTIF_RECV, …_SEND and …_ID_VALID (include/uapi/linux/seccomp.h)."""
CONTINUE = 1
MOST = 20
"""Different refusals that are kept."""

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10


class Call:
    """A system call that waits for its answer: `pid` is the thread that made it."""

    def __init__(self, notification: bytes) -> None:
        self.id, self.pid, _, self.number, _, _, *self.arguments = struct.unpack_from("=QIIiIQ6Q", notification)

    def integer(self, argument: int) -> int:
        """An argument as the C int that the kernel takes it for."""
        return ctypes.c_int(self.arguments[argument] & 0xFFFFFFFF).value

    def memory(self, argument: int, size: int) -> bytes:
        """What the argument points to, at most `size` bytes; nothing where that cannot be read."""
        try:
            with open(f"/proc/{self.pid}/mem", "rb", 0) as file:
                file.seek(self.arguments[argument])
                return file.read(size)
        except (OSError, OverflowError, ValueError):
            return b""

    def path(self, argument: int, folder: int | None = None) -> str:
        """The path that an argument points to, made absolute by the descriptor in `folder`; empty where unknown."""
        name = self.memory(argument, 4096).split(b"\0", 1)[0]
        below = AT_FDCWD if folder is None else self.integer(folder)
        link = f"/proc/{self.pid}/cwd" if below == AT_FDCWD else f"/proc/{self.pid}/fd/{below}"
        try:
            return os.path.join(os.readlink(link), os.fsdecode(name)) if name else ""
        except OSError:
            return os.fsdecode(name) if name.startswith(b"/") else ""


class Refusals:
    """Answers for one tool, and keeps what was refused."""

    def __init__(self, listener: int, spec: dict[str, Any]) -> None:
        self._listener = listener
        self._answers: dict[int, tuple[str, int]] = spec["answers"]
        self._uid: int | None = spec["uid"]
        self._scoped = bool(spec["handled"][2])
        self._udp: bool = spec["udp"]
        shared = ["/dev/shm"] if spec["shared_memory"] else []  # noqa: S108 - compared only
        self._writable = [os.path.realpath(folder) for folder in (*spec["writable"], *shared)]
        self._ports = {
            "connect": {port for port, rights in spec["ports"] if rights == 2},
            "bind": {port for port, rights in spec["ports"] if rights == 1},
        }
        self._kept: dict[tuple[str, str, str, str], int] = {}
        self.total = 0

    def start(self) -> None:
        """Answer from now on, in a thread that ends when the last process under the filter does."""
        _thread.start_new_thread(self._serve, ())

    def lines(self) -> list[str]:
        """One line for each refusal: what, detail, by whom, the program and how often, with tabs between."""
        return ["\t".join((*one, str(times))) for one, times in list(self._kept.items())]

    def _serve(self) -> None:
        if self._uid is not None:
            watch.become_on_disk(self._uid)
        waiting = select.poll()
        waiting.register(self._listener, select.POLLIN)
        room = ctypes.create_string_buffer(512)  # zeroed, as the kernel wants it, and longer than its structure today
        while True:
            if not waiting.poll()[0][1] & select.POLLIN:
                return
            ctypes.memset(room, 0, 512)
            if LIBC.ioctl(self._listener, ctypes.c_ulong(RECEIVE), room) < 0:
                if ctypes.get_errno() in (errno.ENOENT, errno.EINTR):
                    continue  # it was killed meanwhile
                os.close(self._listener)  # what would be asked from now on is refused by the kernel
                return
            call = Call(room.raw)
            code = self._answer(call)
            answer = struct.pack("=QqiI", call.id, 0, -code, 0 if code else CONTINUE)
            LIBC.ioctl(self._listener, ctypes.c_ulong(SEND), ctypes.create_string_buffer(answer, 64))

    def _answer(self, call: Call) -> int:
        """The errno for a call; 0 lets it go on."""
        name, code = self._answers.get(call.number, ("", errno.EPERM))
        try:
            if code:
                self._keep(call, name, "seccomp")
            else:
                code = self._look(call, name)
        except Exception:  # noqa: BLE001 - an answer must come, and this one holds whatever happened
            return code
        return code

    def _look(self, call: Call, name: str) -> int:
        if name in self._ports:
            found = self._address(call, name)
            if found:
                self._keep(call, name, "landlock", found)
        elif name in ("truncate", "link", "linkat"):
            found = self._file(call, name)
            if found:
                self._keep(call, name, "landlock", found)
        elif not self._own(call.integer(0), whole=name in ("kill", "rt_sigqueueinfo")):
            self._keep(call, name, "seccomp")
            return errno.EPERM
        return 0

    def _keep(self, call: Call, name: str, by: str, detail: str | None = None) -> None:
        self.total += 1
        if detail is None:
            if len(self._kept) >= MOST:
                return  # who floods this gets no more than an answer
            detail = told.detail(name, call)
        # The process may have gone, and its number may be another's by now.
        valid = LIBC.ioctl(self._listener, ctypes.c_ulong(VALID), ctypes.byref(ctypes.c_uint64(call.id))) == 0
        program = told.program(call.pid) if valid else ""
        kept = (name, told.printable(detail), by, told.printable(program))
        if kept in self._kept or len(self._kept) < MOST:
            self._kept[kept] = self._kept.get(kept, 0) + 1

    def _address(self, call: Call, name: str) -> str:
        """The address, where Landlock refuses it: it decides by port, and on TCP only."""
        size = call.integer(2)
        address = call.memory(1, max(0, min(size, 28)))
        if len(address) < 8:
            return ""
        family, port = struct.unpack_from("=H", address)[0], struct.unpack_from("!H", address, 2)[0]
        if family not in (AF_INET, AF_INET6) or port in self._ports[name] or not self._tcp(call):
            return ""
        if family == AF_INET:
            return f"{_socket.inet_ntop(AF_INET, address[4:8])}:{port}"
        return f"[{_socket.inet_ntop(AF_INET6, address[8:24])}]:{port}" if len(address) >= 24 else ""

    def _tcp(self, call: Call) -> bool:
        try:
            protocol = os.getxattr(f"/proc/{call.pid}/fd/{call.integer(0)}", "system.sockprotoname")
        except OSError:
            return not self._udp  # without the grant there are no others
        return protocol.startswith(b"TCP")

    def _file(self, call: Call, name: str) -> str:
        """The path, where it is outside of what may be written."""
        path = call.path(1, 0) if name == "linkat" else call.path(0)
        folder, last = os.path.split(path)
        # A link is made of the name itself, whatever that leads to.
        real = os.path.join(os.path.realpath(folder), last) if name != "truncate" else os.path.realpath(path)
        if not path or not os.path.lexists(real):
            return ""
        inside = any(real == one or real.startswith(one + "/") for one in self._writable)
        return "" if inside else real

    def _own(self, pid: int, *, whole: bool) -> bool:
        """Whether a signal may go there: to a process of the tool, or nobody. `whole`: negative numbers are groups."""
        if pid > 0:
            return _below(pid) is not False
        if not whole or pid == 0:
            return True  # its own group, or an error
        if pid == -1:
            return self._scoped  # Landlock leaves the others out
        return all(
            _below(int(one)) is not False for one in os.listdir("/proc") if one.isdigit() and _group(one) == -pid
        )


def _stat(pid: int | str) -> list[str]:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            found = file.read()
    except OSError:
        return []
    return found[found.rindex(")") + 2 :].split()


def _group(pid: str) -> int:
    found = _stat(pid)
    return int(found[2]) if found else 0


def _below(pid: int) -> bool | None:
    """Whether a process descends from this one, which takes in every orphan; None where there is none."""
    for _ in range(3):  # one on the way up may end meanwhile, and its children come to this process
        found = _stat(pid)
        while found:
            parent = int(found[1])
            if parent == os.getpid():
                return True
            if parent <= 1:
                return False
            found = _stat(parent)
    return None
