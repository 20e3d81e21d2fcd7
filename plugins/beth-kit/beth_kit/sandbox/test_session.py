"""A program in the sandbox that is talked with, and what is left of it."""

import asyncio
from pathlib import Path

import pytest

from beth_kit.sandbox.conftest import PYTHON
from beth_kit.sandbox.policy import Limits, Policy
from beth_kit.sandbox.session import KEPT, Session


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    for name in ("tree", "home/tmp"):
        (tmp_path / name).mkdir(parents=True)
    return Policy(tmp_path / "tree", tmp_path / "home", (tmp_path / "tree", tmp_path / "home"))


def alive(pids: list[bytes]) -> list[bytes]:
    return [pid for pid in pids if Path("/proc", pid.decode()).exists()]


async def lines(session: Session, count: int) -> list[bytes]:
    """The next lines that the program prints."""
    found = b""
    async with asyncio.timeout(30):
        while found.count(b"\n") < count:
            chunk = await session.read()
            assert chunk, found
            found += chunk
    return found.splitlines()


async def test_what_is_written_is_read_and_what_is_printed_comes_back(policy: Policy) -> None:
    session = await Session.start(["cat"], policy)
    for word in (b"one\n", b"two\n"):
        await session.write(word)
        assert await lines(session, 1) == [word.strip()]
    assert (await session.close()).failed is None


@pytest.mark.parametrize("sandbox", [True, False])
async def test_a_program_that_ends_says_how(policy: Policy, sandbox: bool) -> None:
    session = await Session.start(["sh", "-c", "echo x; echo why >&2; exit 3"], policy, sandbox=sandbox)
    assert await lines(session, 1) == [b"x"]
    assert await session.read() == b""
    ended = await session.close()
    assert (ended.code, ended.stderr) == (3, b"why\n")
    assert await session.close() == ended


async def test_a_program_that_does_not_exist_ends_at_once_and_says_why(policy: Policy) -> None:
    session = await Session.start(["./absent"], policy)
    assert await session.read() == b""
    assert (await session.close()).failed == "./absent No such file or directory"


async def test_closing_ends_the_program_and_all_that_it_started(policy: Policy) -> None:
    code = "import os, time\nif os.fork() == 0: os.setsid()\nprint(os.getpid(), flush=True); time.sleep(60)"
    session = await Session.start([PYTHON, "-c", code], policy)
    pids = await lines(session, 2)
    assert alive(pids) == pids
    ended = await session.close()
    assert (ended.code, ended.left) == (None, 0)
    assert alive(pids) == []


async def test_closing_goes_on_where_its_caller_is_cancelled(policy: Policy) -> None:
    session = await Session.start(
        [PYTHON, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"], policy
    )
    pids = await lines(session, 1)
    closing = asyncio.create_task(session.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert (await session.close()).left == 0
    assert alive(pids) == []


async def test_a_program_is_locked_in_and_what_it_complains_of_is_known(policy: Policy, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    session = await Session.start(["cat", str(tmp_path / "secret")], policy)
    assert await session.read() == b""
    ended = await session.close()
    assert ended.code == 1
    assert [denial.what for denial in ended.denials] == ["file"]


async def test_a_program_over_a_limit_is_ended(policy: Policy) -> None:
    busy = Policy(policy.directory, policy.home, policy.writable, limits=Limits(cpu_seconds=1))
    session = await Session.start([PYTHON, "-c", "while True: pass"], busy)
    assert await asyncio.wait_for(session.read(), 30) == b""
    assert (await session.close()).over_limit == "cpu"


async def test_stderr_of_any_size_is_read_and_its_ends_are_kept(policy: Policy) -> None:
    code = "import sys; sys.stderr.write('a' + 'x' * 3000000 + 'z'); print('done', flush=True)"
    session = await Session.start([PYTHON, "-c", code], policy)
    assert await lines(session, 1) == [b"done"]
    assert await session.read() == b""
    ended = await session.close()
    assert ended.code == 0
    assert len(ended.stderr) < KEPT + 100
    assert ended.stderr[:1] + ended.stderr[-1:] == b"az"


async def test_writing_waits_for_a_program_that_does_not_read(policy: Policy) -> None:
    session = await Session.start([PYTHON, "-c", "import time; time.sleep(60)"], policy)
    writing = asyncio.create_task(session.write(bytes(1 << 20)))
    done, _ = await asyncio.wait({writing}, timeout=0.2)
    assert not done
    await session.close()
    with pytest.raises(ConnectionError):
        await writing


async def test_writing_to_a_program_that_is_gone_is_an_error(policy: Policy) -> None:
    session = await Session.start(["true"], policy)
    assert await session.read() == b""
    assert (await session.close()).code == 0
    with pytest.raises(BrokenPipeError):
        await session.write(b"x")


async def test_nothing_of_a_program_moves_while_it_is_paused(policy: Policy) -> None:
    code = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    while True:
        with open("beat", "a") as file:
            file.write("x")
        time.sleep(0.001)
for line in sys.stdin:
    print("heard", flush=True)
"""
    beat = policy.directory / "beat"
    session = await Session.start([PYTHON, "-c", code], policy)
    await session.write(b"a\n")
    assert await lines(session, 1) == [b"heard"]
    await until_larger(beat, 0)
    assert await session.pause()
    size = beat.stat().st_size
    await session.write(b"b\n")
    waiting = asyncio.create_task(lines(session, 1))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    assert beat.stat().st_size == size
    session.resume()
    assert await waiting == [b"heard"]
    await until_larger(beat, size)
    assert await session.pause()
    assert (await session.close()).left == 0


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


async def until_larger(file: Path, size: int) -> None:
    async with asyncio.timeout(30):
        while size_of(file) <= size:
            await asyncio.sleep(0.005)


async def test_a_program_that_forks_again_and_again_is_paused_too(policy: Policy) -> None:
    code = """
import os, time
print("up", flush=True)
if os.fork():
    time.sleep(60)
while True:
    if os.fork() == 0:
        time.sleep(0.002)
        os._exit(0)
    os.waitpid(-1, 0)
"""
    session = await Session.start([PYTHON, "-c", code], policy)
    await lines(session, 1)
    for _ in range(5):
        assert await session.pause()
        session.resume()
    assert (await session.close()).left == 0
