"""What was said at first is what counts."""

import asyncio
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import beth_kit
import beth_sdk
from beth_kit.mcp.pins import PATIENCE, Pins
from beth_sdk.clock import SystemClock
from beth_sdk.errors import ConfigurationError
from beth_sdk.testing.clock import ManualClock

TOOLS = {"a": "1", "b": "2"}


@pytest.fixture
def pins(tmp_path: Path) -> Pins:
    return Pins(tmp_path / "home" / "mcp-pins.json", ManualClock())


async def test_the_first_use_is_trusted_and_the_same_is_accepted_again(pins: Pins) -> None:
    assert await pins.accepted("s@1", TOOLS, TOOLS) is None
    assert json.loads(pins.path.read_text()) == {"servers": {"s@1": TOOLS}}
    before = pins.path.stat()
    assert await pins.accepted("s@1", TOOLS, TOOLS) is None
    assert pins.path.stat() == before
    assert await pins.accepted("s@2", {"a": "9"}, {"a": "9"}) is None
    assert await pins.accepted("s@1", TOOLS, TOOLS) is None


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ({"a": "x", "b": "2"}, "changed: a"),
        ({**TOOLS, "c": "3"}, "new: c"),
        ({"b": "3", "c": "3"}, "changed: b; new: c"),
    ],
)
async def test_what_changed_or_came_is_refused_with_the_entry_to_delete(
    pins: Pins, tools: dict[str, str], said: str
) -> None:
    await pins.accepted("s@1", TOOLS, TOOLS)
    for _ in range(2):
        refused = await pins.accepted("s@1", tools, tools)
        assert refused is not None
        assert f"({said})" in refused
        assert f'delete the entry "s@1" from {pins.path}' in refused


async def test_what_is_gone_or_not_given_to_a_model_is_no_change(pins: Pins) -> None:
    await pins.accepted("s@1", {"a": "1"}, TOOLS)
    assert await pins.accepted("s@1", {"a": "1"}, {"a": "1", "b": "other"}) is None
    assert await pins.accepted("s@1", {"b": "2"}, TOOLS) is None


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"servers": {"s@1": 1}}', '{"servers": {"s@1": {"a": 1}}}'])
async def test_a_file_that_is_damaged_trusts_nobody(pins: Pins, body: str) -> None:
    pins.path.parent.mkdir()
    pins.path.write_text(body)
    with pytest.raises(ConfigurationError, match="is not a file of pinned MCP servers; delete it"):
        await pins.accepted("s@1", TOOLS, TOOLS)
    assert pins.path.read_text() == body


async def test_a_file_that_stays_locked_is_an_error_and_not_a_wait_for_ever(pins: Pins) -> None:
    clock = pins._clock
    assert isinstance(clock, ManualClock)
    pins.path.parent.mkdir()
    descriptor = os.open(pins.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        waiting = asyncio.create_task(pins.accepted("s@1", TOOLS, TOOLS))
        await clock.until_sleeping()
        clock.advance(PATIENCE)
        with pytest.raises(ConfigurationError, match="locked for 10 seconds"):
            await waiting
    finally:
        os.close(descriptor)
    assert await pins.accepted("s@1", TOOLS, TOOLS) is None


def test_several_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom beth_kit.mcp.pins import Pins\n"
        "from beth_sdk.clock import SystemClock\n"
        "async def main():\n"
        "    pins = Pins(Path(sys.argv[1]), SystemClock())\n"
        "    for number in range(10):\n"
        "        assert await pins.accepted(f's@{sys.argv[2]}-{number}', {'a': '1'}, {'a': '1'}) is None\n"
        "    print(await pins.accepted('shared', {'a': sys.argv[2]}, {'a': sys.argv[2]}) is None)\n"
        "asyncio.run(main())"
    )
    roots = [str(Path(one.__path__[0]).parent) for one in (beth_kit, beth_sdk)]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(roots)}
    path = tmp_path / "pins.json"
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(path), str(one)], env=variables, stdout=subprocess.PIPE)
        for one in range(3)
    ]
    said = [one.communicate()[0].strip() for one in running]
    assert [one.returncode for one in running] == [0, 0, 0]
    assert sorted(said) == [b"False", b"False", b"True"]
    assert len(json.loads(path.read_text())["servers"]) == 31
    assert {one.name for one in tmp_path.iterdir()} == {"pins.json", "pins.lock"}


async def test_the_file_is_not_made_where_it_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="it cannot be"):
        await Pins(tmp_path / "file" / "pins.json", SystemClock()).accepted("s", TOOLS, TOOLS)
