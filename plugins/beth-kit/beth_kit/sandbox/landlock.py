"""Landlock rights: which of them a kernel knows, and what a policy makes of them.

The numbers are include/uapi/linux/landlock.h; what came with which ABI is in the kernel's
Documentation/userspace-api/landlock.rst. The launcher makes the three system calls itself: it runs without
site-packages, and the bindings cost half as much to import as a whole sandboxed step takes.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
BIND_TCP, CONNECT_TCP = 1, 2
SCOPE_ABSTRACT_SOCKET, SCOPE_SIGNAL = 1, 2

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM | REFER | TRUNCATE
DEVICE = READ_FILE | WRITE_FILE | TRUNCATE
SHARED_MEMORY = READ_FILE | WRITE_FILE | MAKE_REG | REMOVE_FILE | TRUNCATE
"""Without READ_DIR: what others keep in /dev/shm cannot be listed."""

OLDEST = 4
"""The first ABI that restricts TCP (Linux 6.7)."""

SINCE = {4: "TCP connections", 5: "device ioctls", 6: "signals and abstract UNIX sockets"}
"""What an ABI was the first to restrict, from the oldest accepted on."""

_CREATE_RULESET = 444
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Handled:
    """The rights a ruleset restricts, as masks for `struct landlock_ruleset_attr`."""

    fs: int
    net: int
    scoped: int


def handled(abi: int, *, tcp: bool) -> Handled:
    """Everything that this ABI can restrict; TCP only where `tcp` says that the policy does."""
    newest = 15 if abi >= 5 else 14 if abi >= 3 else 13 if abi >= 2 else 12
    net = BIND_TCP | CONNECT_TCP if tcp and abi >= 4 else 0
    return Handled((1 << (newest + 1)) - 1, net, SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL if abi >= 6 else 0)


def abi() -> int:
    """The kernel's Landlock ABI; 0 where it has none, or where it was turned off at boot."""
    if not sys.platform.startswith("linux") or not Path("/proc/self").exists():
        return 0
    found = ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    return max(0, int(found))
