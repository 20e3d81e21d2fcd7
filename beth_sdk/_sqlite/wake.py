"""Waking other processes after a commit: a datagram to the socket of everybody who waits on the same file.

Whoever waits binds a UNIX datagram socket in the folder `<database>.wake/`; whoever commits sends the names of the
channels it wrote to every socket there. A lost datagram costs time, never a message: waiters look again anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

_LONGEST_ADDRESS = 100
"""Bytes of a path that fit into a socket's address everywhere (108 on Linux, 104 on macOS and BSD)."""

_LONGEST_DATAGRAM = 4096

_EVERYTHING = b""
"""The datagram that names no channel and means all of them."""


class WakeFolder:
    """The folder of a database's wake sockets, from the side of who sends. Used from one thread, except `own`."""

    def __init__(self, database: Path) -> None:
        self.path = _folder_of(database)
        self.own: set[str] = set()
        """The sockets of this process, which is woken without them."""
        self._peers: dict[str, socket.socket] = {}

    def send(self, channels: Collection[str]) -> None:
        """Tell every other process that waits on this file. Never blocks and never raises."""
        try:
            names = {name for name in os.listdir(self.path) if not name.startswith(".")} - self.own  # noqa: PTH208
        except OSError:  # no folder: nobody has ever waited
            names = set()
        for gone in self._peers.keys() - names:
            self._peers.pop(gone).close()
        if not names:
            return
        datagram = "\n".join(channels).encode()
        if len(datagram) > _LONGEST_DATAGRAM:
            datagram = _EVERYTHING
        for name in names:
            self._send(name, datagram)

    def close(self) -> None:
        for peer in self._peers.values():
            peer.close()
        self._peers.clear()

    def _send(self, name: str, datagram: bytes) -> None:
        try:
            # A socket for each receiver: a sender's buffer is charged for what its receivers have not read, so one
            # stopped process would use up a common socket and cut off everybody else.
            peer = self._peers.get(name) or self._connect(name)
            peer.send(datagram)
        except BlockingIOError:
            pass  # it has datagrams to read, so it is awake, and reading several it looks at everything
        except (ConnectionError, FileNotFoundError):
            self._forget(name)
            with contextlib.suppress(OSError):
                (self.path / name).unlink(missing_ok=True)  # its process ended without cleaning up
        except OSError:
            self._forget(name)  # such as too many open files here: no reason to doubt that it lives

    def _connect(self, name: str) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        peer.settimeout(0)
        try:
            with _address(self.path, name) as address:
                peer.connect(address)
        except BaseException:
            peer.close()
            raise
        self._peers[name] = peer
        return peer

    def _forget(self, name: str) -> None:
        peer = self._peers.pop(name, None)
        if peer is not None:
            peer.close()


class WakeSocket:
    """One event loop's ear: calls `on_wake` with the channels somebody else wrote, None for any of them."""

    def __init__(self, folder: WakeFolder, on_wake: Callable[[list[str] | None], None]) -> None:
        self._folder = folder
        self._on_wake = on_wake
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._name = ""

    def listen(self) -> bool:
        """Listen from now on, also again where somebody cleaned the folder away; returns whether it worked."""
        if self._socket is not None:
            if (self._folder.path / self._name).exists():
                return True
            self.close()
        try:
            self._socket, self._name = self._bind()
        except OSError as error:
            logger.warning("%s: cannot be woken by other processes: %s", self._folder.path, error)
            return False
        self._loop.add_reader(self._socket, self._readable, self._socket)
        return True

    def close(self) -> None:
        if self._socket is None:
            return
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        (self._folder.path / self._name).unlink(missing_ok=True)
        self._folder.own.discard(self._name)

    def _bind(self) -> tuple[socket.socket, str]:
        name = f"{os.getpid()}-{secrets.token_hex(6)}"
        folder = self._folder.path
        _make_private(folder)
        ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            ear.settimeout(0)
            # Under a hidden name first: between the appearance of the name and the end of bind() a sender would be
            # refused, and would take the socket for a dead one.
            with _address(folder, f".{name}") as address:
                ear.bind(address)
            self._folder.own.add(name)
            (folder / f".{name}").rename(folder / name)
        except BaseException:
            ear.close()
            raise
        return ear, name

    def _readable(self, ear: socket.socket) -> None:
        datagrams = []
        with contextlib.suppress(OSError):
            while True:
                datagrams.append(ear.recv(_LONGEST_DATAGRAM))
        # The queue of a socket is short (10 datagrams by default on Linux), and a sender that finds it full gives up.
        # It can only have been full when there is more than one to read.
        if len(datagrams) == 1 and datagrams[0] != _EVERYTHING:
            self._on_wake(datagrams[0].decode().split("\n"))
        elif datagrams:
            self._on_wake(None)


def _folder_of(database: Path) -> Path:
    """Beside the database; where its path is too long for a socket's address and the system offers no way around
    that, a short folder among the temporary files instead."""
    beside = database.with_name(f"{database.name}.wake")
    if _fits(beside) or _through_descriptors():
        return beside
    digest = hashlib.sha256(os.fsencode(database)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"beth-{os.getuid()}-{digest}"


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder)) + 30 <= _LONGEST_ADDRESS


def _through_descriptors() -> bool:
    return Path("/proc/self/fd").is_dir()


@contextlib.contextmanager
def _address(folder: Path, name: str) -> Iterator[str]:
    """An address for the socket `name` that is short enough."""
    if _fits(folder):
        yield str(folder / name)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if os.geteuid() not in {0, found.st_uid} or found.st_mode & 0o022:
        raise PermissionError(f"{folder} belongs to somebody else or can be written by others")
