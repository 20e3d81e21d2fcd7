"""What a hostile tool tries. Each attack runs twice: with the sandbox off it succeeds, with the sandbox on it fails."""

import os
import platform
import signal
from pathlib import Path

import pytest

from beth_kit.sandbox.conftest import SECRET, World

FACTS = """
import ctypes, os, signal, socket, struct, subprocess, sys, time
root, agent, abstract, tcp, udp = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    found = libc.syscall(*arguments)
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found
"""

NR = {"x86_64": {"ptrace": 101, "unshare": 272, "keyctl": 250, "shmget": 29}}.get(
    platform.machine(), {"ptrace": 117, "unshare": 97, "keyctl": 219, "shmget": 194}
)

# Each raises where it is stopped, and ends with what it got hold of or did.
ATTACKS = {
    "the key in the agent's environment": "print(open(f'/proc/{agent}/environ').read())",
    "the environment of the process above it": "open(f'/proc/{os.getppid()}/environ').read(); print('DONE')",
    "the command line of another process": "print(open(f'/proc/{agent}/cmdline').read()); print('DONE')",
    "the memory map of another process": "print(open(f'/proc/{agent}/maps').read()); print('DONE')",
    "the list of all processes": "print(os.listdir('/proc')); print('DONE')",
    "the root folder of another process": "print(os.listdir(f'/proc/{agent}/root/')); print('DONE')",
    "the journal, to read": "print(open(root + '/journal.db').read())",
    "the journal, to write": "open(root + '/journal.db', 'a').write('x'); print('DONE')",
    "the journal, to cut off": "os.truncate(root + '/journal.db', 0); print('DONE')",
    "the journal, to remove": "os.remove(root + '/journal.db'); print('DONE')",
    "the bus file": "print(open(root + '/bus.db').read())",
    "another task's clone, to read": "print(open(root + '/other-clone/work.py').read())",
    "another task's clone, to write": "open(root + '/other-clone/new.py', 'w').close(); print('DONE')",
    "the user's key": "print(open(root + '/home/.ssh/id_rsa').read())",
    "the user's authorized keys": "open(root + '/home/.ssh/authorized_keys', 'w').write('x'); print('DONE')",
    "a symbolic link out, to read": "os.symlink(root + '/journal.db', 'l'); print(open('l').read())",
    "a symbolic link out, to write": "os.symlink(root + '/other-clone', 'l'); open('l/x', 'w').close(); print('DONE')",
    "a hard link out": "os.link(root + '/journal.db', 'l'); print(open('l').read())",
    "a file moved in": "os.rename(root + '/journal.db', 'moved'); print(open('moved').read())",
    "a UNIX socket with a path": "socket.socket(socket.AF_UNIX).connect(root + '/docker.sock'); print('DONE')",
    "an abstract UNIX socket": "socket.socket(socket.AF_UNIX).connect('\\0' + abstract); print('DONE')",
    "a TCP port on loopback": "socket.create_connection(('127.0.0.1', tcp)); print('DONE')",
    "a TCP port by MPTCP": """
try:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
except OSError as error:
    print('ERRNO', error.errno)
    raise
made.connect(('127.0.0.1', tcp))
print('DONE')""",
    "a TCP port by Fast Open in sendto": """
made = socket.socket()
made.sendto(b'x', 0x20000000, ('127.0.0.1', tcp))
made.getpeername()
print('DONE')""",
    "a TCP port by Fast Open in sendmsg": """
made = socket.socket()
made.sendmsg([b'x'], [], 0x20000000, ('127.0.0.1', tcp))
made.getpeername()
print('DONE')""",
    "a TCP port by Fast Open in connect": """
made = socket.socket()
made.setsockopt(socket.IPPROTO_TCP, 30, 1)
made.connect(('127.0.0.1', tcp))
made.send(b'x')
made.getpeername()
print('DONE')""",
    "a TCP port to be reached on": "made = socket.socket(); made.listen(); print('DONE')",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', udp)); print('DONE')",
    "a domain with garbage in its upper half": f"""
made = call({41 if platform.machine() == "x86_64" else 198}, ctypes.c_long(1 << 32 | socket.AF_UNIX), 1, 0)
socket.socket(fileno=made).connect(root + '/docker.sock')
print('DONE')""",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); print('DONE')",
    "ptrace": f"call({NR['ptrace']}, 16, agent, 0, 0); os.waitpid(agent, 0x40000000); print('DONE')",
    "a signal to the agent": "os.kill(agent, signal.SIGUSR1); print('DONE')",
    "the limits of the agent": """
import resource
resource.prlimit(agent, resource.RLIMIT_CORE, (0, 0))
print('DONE')""",
    "the priority of the agent": "os.setpriority(os.PRIO_PROCESS, agent, 19); print('DONE')",
    "a program with the agent's rights for later": "open('s', 'w').close(); os.chmod('s', 0o4755); print('DONE')",
    "a program with the agent's rights, made at once": "os.open('s', os.O_CREAT | os.O_WRONLY, 0o4755); print('DONE')",
    "a user namespace": f"call({NR['unshare']}, 0x10000000); print('DONE')",
    "io_uring": "call(425, 4, ctypes.create_string_buffer(120)); print('DONE')",
    "shared memory of System V": f"call({NR['shmget']}, 0, 4096, 0o1600); print('DONE')",
    "memory in a file without a name": "os.memfd_create('x'); print('DONE')",
    "the list of shared memory of others": "print(os.listdir('/dev/shm')); print('DONE')",
    "more than the file limit": "open('big', 'wb').write(bytes(30 << 20)); print('DONE')",
    "more than the disk limit, in many files": """
for number in range(12):
    open(f'big{number}', 'wb').write(os.urandom(5 << 20))
time.sleep(2.5)
print('DONE')""",
    "more than the disk limit, in files without a name": """
import tempfile
kept = [tempfile.TemporaryFile() for _ in range(12)]
for file in kept:
    file.write(os.urandom(5 << 20))
    file.flush()
time.sleep(2.5)
print('DONE')""",
    "more than the memory limit, in one process": "kept = bytearray(300 << 20); print('DONE')",
    "more than the memory limit, in many processes": """
for _ in range(5):
    if os.fork() == 0:
        kept = bytearray(os.urandom(60 << 20))
        time.sleep(2)
        os._exit(0)
for _ in range(5):
    os.wait()
print('DONE')""",
    "more than the memory limit, in shared memory": """
import mmap
kept = mmap.mmap(-1, 300 << 20)
for at in range(0, 300 << 20, 4096):
    kept[at] = 1
time.sleep(1)
print('DONE')""",
    "a fork bomb": """
def bomb(depth):
    for _ in range(2):
        if os.fork() == 0:
            open('bomb', 'a').write('x')
            if depth < 6:  # the cap: 2 + 4 + … + 64 processes
                bomb(depth + 1)
            time.sleep(2)
            os._exit(0)
bomb(1)
time.sleep(2)
if os.path.getsize('bomb') < 100:
    raise RuntimeError('stopped')
print('DONE')""",
    "a thread bomb": """
import threading
for _ in range(100):
    threading.Thread(target=time.sleep, args=(1,)).start()
print('DONE')""",
}

OVER = {
    "more than the disk limit, in many files": "disk",
    "more than the disk limit, in files without a name": "disk",
    "more than the memory limit, in many processes": "memory",
    "more than the memory limit, in shared memory": "memory",
}
"""Attacks that no system call refuses: the supervisor sees what they use, and ends them."""

SURVIVOR = """
reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        os.write(writing, str(os.getpid()).encode())
        os.close(writing)
        os.close(reading)
        time.sleep(60)
    os._exit(0)
os.close(writing)
print(int(os.read(reading, 20)))
"""


def test_the_world_is_as_the_attacks_expect(world: World) -> None:
    outcome = world.run(FACTS + "print(root, agent, abstract, tcp, udp)", sandbox=False)
    assert outcome.stdout.split()[1] == str(world.agent and world.agent.pid).encode()
    assert outcome.code == 0


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_succeeds_outside_and_fails_inside(world: World, attack: str) -> None:
    code = FACTS + ATTACKS[attack]
    if "MPTCP" in attack and not Path("/proc/sys/net/mptcp/enabled").exists():
        assert world.run(code, sandbox=False).stdout.split()[:2] == [b"ERRNO", b"93"]  # EPROTONOSUPPORT: not built in
    else:
        assert_done(world.run(code, sandbox=False), attack)
    restore(world)
    outcome = world.run(code)
    assert b"DONE" not in outcome.stdout
    assert SECRET.encode() not in outcome.stdout
    assert outcome.code != 0
    assert not outcome.timed_out
    assert outcome.left == 0
    if attack in OVER:
        assert outcome.over_limit == OVER[attack]
    else:
        assert outcome.over_limit is not None or b"Error" in outcome.stderr
    assert world.agent is not None
    assert world.agent.poll() is None


def assert_done(outcome: object, attack: str) -> None:
    stdout = getattr(outcome, "stdout", b"")
    assert b"DONE" in stdout or SECRET.encode() in stdout, (attack, outcome)


def restore(world: World) -> None:
    """What the control may have broken."""
    for name in ("journal.db",):
        (world.root / name).write_text(SECRET)
        (world.root / name).chmod(0o600)
    for entry in (world.root / "clone").iterdir():
        entry.unlink()
    for name in ("other-clone/x", "other-clone/new.py", "home/.ssh/authorized_keys"):
        (world.root / name).unlink(missing_ok=True)
    world.own()


def test_a_process_that_outlives_the_step_dies_inside(place: World) -> None:
    survivor = int(place.run(FACTS + SURVIVOR, sandbox=False).stdout)
    assert alive(survivor)
    os.kill(survivor, signal.SIGKILL)
    outcome = place.run(FACTS + SURVIVOR)
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
