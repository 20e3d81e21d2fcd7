"""What was refused to a tool, and how that is known."""

from dataclasses import replace
from pathlib import Path

import pytest

from beth_kit.sandbox import cgroups, run
from beth_kit.sandbox.conftest import World
from beth_kit.sandbox.denial import LONGEST, MOST, Denial, from_output, from_report
from beth_kit.sandbox.policy import Policy
from beth_kit.sandbox.test_attacks import ATTACKS


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return Policy(tmp_path / "clone", tmp_path / "home", (tmp_path / "clone", tmp_path / "home"))


def test_a_line_of_the_report_is_a_denial() -> None:
    denial = from_report("connect\t127.0.0.1:6379\tlandlock\tpython3\t2")
    assert denial == Denial("connect", "127.0.0.1:6379", "landlock", "python3", 2)
    assert str(denial) == "connect(127.0.0.1:6379) by python3, 2 times"


def test_a_path_outside_that_a_program_complains_about_is_a_refused_file(policy: Policy) -> None:
    said = b"cat: /srv/journal.db: Permission denied\nPermissionError: [Errno 13] Permission denied: '/srv/a b'\n"
    assert from_output(said, policy) == [
        Denial("file", "/srv/journal.db", "policy"),
        Denial("file", "/srv/a b", "policy"),
    ]


def test_a_path_inside_is_refused_by_something_else_and_only_quoted(policy: Policy) -> None:
    line = f"cat: {policy.directory}/secret: Permission denied"
    assert from_output(line.encode(), policy) == [Denial("output", line, "output")]


def test_a_name_in_quotes_that_leads_out_is_a_refused_file(policy: Policy) -> None:
    policy.directory.mkdir()
    (policy.directory / "out").symlink_to("/srv")
    assert from_output(b"Permission denied: 'out'", policy) == [Denial("file", "/srv", "policy")]
    assert from_output(b"Permission denied: 'out/x'", policy) == [Denial("file", "/srv/x", "policy")]


@pytest.mark.parametrize(
    "line",
    [
        "OSError: [Errno 27] File too large",
        "bash: fork: retry: Resource temporarily unavailable",
        "RuntimeError: can't start new thread",
        "MemoryError",
    ],
)
def test_a_limit_of_one_process_is_known_from_what_the_program_says(policy: Policy, line: str) -> None:
    assert from_output(line.encode(), policy) == [Denial("limit", line, "output")]


def test_what_programs_say_is_bounded(policy: Policy) -> None:
    said = "\n".join(f"{number}{'x' * 1000} EPERM" for number in range(100))
    found = from_output(said.encode(), policy)
    assert len(found) == MOST
    many = from_output(("EPERM " + " ".join(f"/srv/{number}" for number in range(100))).encode(), policy)
    assert len(many) == MOST
    assert max(len(one.detail) for one in (*found, *many)) <= LONGEST


@pytest.mark.parametrize(
    ("said", "denial"),
    [
        (b"\x1b[2Jcat: f: Permission denied\x07", Denial("output", "?[2Jcat: f: Permission denied?", "output")),
        ("f\u202e: Permission denied".encode(), Denial("output", "f?: Permission denied", "output")),
        (b"cat: /srv/a\0b: Permission denied", Denial("file", "/srv/a?b", "policy")),
        (b"Permission denied: '/srv/a/\0'", Denial("file", "/srv/a/?", "policy")),
    ],
)
def test_what_programs_say_neither_steers_a_terminal_nor_breaks_the_look_for_paths(
    policy: Policy, said: bytes, denial: Denial
) -> None:
    assert from_output(said, policy) == [denial]


def test_nothing_is_refused_to_a_program_that_does_nothing(place: World) -> None:
    outcome = place.run("print(42)")
    assert (outcome.denials, outcome.refused) == ((), 0)


def test_a_denial_names_the_call_its_argument_and_the_program(world: World) -> None:
    code = """
import socket, sys
for asked in ((1, 1, 0), (2, 1, 262), (2, 2, 0)):
    try:
        socket.socket(*asked)
    except OSError:
        pass
socket.socket().connect_ex(('127.0.0.1', int(sys.argv[4])))
socket.socket(10).connect_ex(('::1', 6379))
"""
    outcome = world.run(code)
    assert [(denial.what, denial.detail, denial.by) for denial in outcome.denials] == [
        ("socket", "AF_UNIX, SOCK_STREAM", "seccomp"),
        ("socket", "AF_INET, SOCK_STREAM, MPTCP", "seccomp"),
        ("socket", "AF_INET, SOCK_DGRAM", "seccomp"),
        ("connect", f"127.0.0.1:{world.ports['tcp']}", "landlock"),
        ("connect", "[::1]:6379", "landlock"),
    ]
    assert {denial.program for denial in outcome.denials} == {"python3"}


def test_what_is_granted_is_no_denial(world: World) -> None:
    code = """
import os, signal, socket, sys
socket.create_connection(('127.0.0.1', int(sys.argv[4])))
socket.socket(type=2).connect(('127.0.0.1', 53))
if os.fork() == 0:
    signal.pause()
os.kill(os.getpid(), 0)
open('a', 'w').close()
os.link('a', 'b')
os.truncate('b', 9)
import multiprocessing
multiprocessing.Lock()
"""
    outcome = world.run(code, network="packages", connect_ports=(world.ports["tcp"],))
    assert (outcome.code, outcome.denials, outcome.refused) == (0, (), 0), outcome


def test_a_signal_to_a_process_of_its_own_arrives_even_where_that_lost_its_parent(place: World) -> None:
    code = """
import os, signal, time
reading, writing = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(os.write(writing, b'!') - 1))
        os.write(writing, str(os.getpid()).encode())
        signal.pause()
    os._exit(0)
os.wait()
orphan = int(os.read(reading, 20))
os.kill(orphan, signal.SIGTERM)
print(os.read(reading, 20))
"""
    outcome = place.run(code)
    assert outcome.stdout == b"b'!'\n"
    assert outcome.denials == ()


def test_many_refusals_are_counted_and_some_are_kept(place: World) -> None:
    code = """
import socket
for number in range(300):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, number % 30)
    except OSError:
        pass
"""
    outcome = place.run(code)
    assert outcome.refused == 300
    assert len(outcome.denials) == MOST


def test_the_name_of_a_program_cannot_forge_a_line(place: World) -> None:
    code = """
import ctypes, socket
ctypes.CDLL(None).prctl(15, b'a\\nb\\tc')
try:
    socket.socket(socket.AF_UNIX)
except OSError:
    pass
"""
    (denial,) = place.run(code).denials
    assert denial.program == "a?b?c"


@pytest.mark.parametrize(
    "name", ["an abstract UNIX socket", "ptrace", "a signal to the agent", "a TCP port on loopback"]
)
def test_where_the_kernel_tells_nobody_the_filter_refuses_by_itself(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = run.spec
    # Anything that the kernel does not take as a filter: as good as a kernel that has no listeners.
    monkeypatch.setattr(run, "spec", lambda *given, **more: told(*given, **more) | {"asking": b""})
    outcome = world.run(ATTACKS[name].script)
    assert not ATTACKS[name].succeeded(outcome.stdout)
    assert b"PermissionError" in outcome.stderr
    assert {denial.by for denial in outcome.denials} == {"output"}


def test_signals_stay_inside_where_landlock_cannot_hold_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run.spec

    def older(*given: object, **more: object) -> dict[str, object]:
        """As with Landlock ABI 5."""
        found = told(*given, **more)  # type: ignore[arg-type]
        return found | ({"handled": [*found["handled"][:2], 0]} if found["enforce"] else {})

    monkeypatch.setattr(run, "spec", older)
    for name in ("a signal to the agent", "a signal to the agent, by a descriptor"):
        assert not ATTACKS[name].succeeded(world.run(ATTACKS[name].script).stdout)
    outcome = world.run("import os; os.kill(-1, 0)")
    assert [(denial.what, denial.detail) for denial in outcome.denials][:1] == [("kill", "signal 0 to every process")]


@pytest.mark.parametrize("mode", ["root", "root-alone", "container"], indirect=True)
def test_a_limit_of_a_control_group_ends_a_step_that_goes_over(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    if not cgroups.places():
        pytest.skip("no control group can be used here")
    told = run.spec
    # The supervisor's own look at memory is turned off, so that only the group can be what ends it.
    monkeypatch.setattr(
        run,
        "spec",
        lambda *given, **more: (
            (found := told(*given, **more)) | {"limits": found["limits"] | {"memory_bytes": 1 << 40}}
        ),
    )
    outcome = place.run(ATTACKS["more than the memory limit, in shared memory"].script)
    assert (outcome.over_limit, outcome.code) == ("memory", None)


@pytest.mark.parametrize("mode", ["root", "root-alone"], indirect=True)
def test_a_control_group_refuses_processes_beyond_the_limit_at_once(place: World) -> None:
    if not cgroups.places():
        pytest.skip("no control group can be used here")
    code = """
import os, time
started = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
        started += 1
except BlockingIOError:
    print(started)
"""
    outcome = place.run(code, limits=replace(place.policy.limits, processes=20))
    assert (outcome.code, outcome.over_limit) == (0, None)
    assert int(outcome.stdout) < 20
