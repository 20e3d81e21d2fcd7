"""A recorded call is found again in another home and at another time, and by nothing else that was asked."""

from pathlib import Path

import pytest

from beth_kit.model.base import ModelReply, ModelRequest
from beth_kit.model.canonical import HOME, Place, digest_of
from beth_kit.model.recording import NotRecorded, RecordingModel, ReplayModel
from beth_sdk.testing.clock import ManualClock


def after(output: str, role: str = "tool") -> ModelRequest:
    return ModelRequest([{"role": "user", "content": "do it"}, {"role": role, "content": output}], key="r1.1:2")


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("1 passed in 0.03s", "1 passed in 12.4s"),
        ("real\t0m0.001s", "real\t1m2.250s"),
        ("took 15 ms", "took 3 s"),
        ("Sun Nov 22 19:08:50 UTC 2026", "Mon Jan  4 07:00:01 UTC 2027"),
        ("-rw-r--r-- 1 501 501 5 Nov 22 19:08 a.txt", "-rw-r--r-- 1 501 501 5 Jan  4 07:00 a.txt"),
        ("2026-11-22T19:08:50.123Z ready", "2027-01-04T07:00:01.456Z ready"),
        ("at 19:08", "at 7:00"),
        ("<object at 0x7f83076a8790>", "<object at 0x7f8314ed8a50>"),
    ],
)
def test_what_a_tool_says_of_the_time_does_not_count(then: str, now: str) -> None:
    assert digest_of(after(then)) == digest_of(after(now))
    assert digest_of(after(then, "user")) != digest_of(after(now, "user")), "but in what others say it does"


@pytest.mark.parametrize(
    ("then", "now"), [("3 passed", "4 passed"), ("version 1.2.3", "version 1.2.4"), ("exit 1", "exit 2"), ("5", "6")]
)
def test_all_else_that_a_tool_says_does(then: str, now: str) -> None:
    assert digest_of(after(then)) != digest_of(after(now))


class _Answers:
    """Says which command to run next, by the path that it was told."""

    name = "x/y"

    def estimate(self, request: ModelRequest) -> float:
        return 0.0

    async def complete(self, request: ModelRequest) -> ModelReply:
        where = request.messages[-1]["content"]
        call = {
            "id": "c",
            "type": "function",
            "function": {"name": "bash", "arguments": f'{{"command": "ls {where}"}}'},
        }
        return ModelReply({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls")

    async def close(self) -> None: ...


async def test_another_home_is_answered_with_its_own_paths(tmp_path: Path, clock: ManualClock) -> None:
    recording, one, other = tmp_path / "recording", tmp_path / "one", tmp_path / "other"
    await RecordingModel(_Answers(), recording, clock, home=one).complete(after(f"{one}/made/r1"))
    (file,) = recording.iterdir()
    assert str(one) not in file.read_text()
    replayed = await ReplayModel(recording, home=other).complete(after(f"{other}/made/r1"))
    (call,) = replayed.message["tool_calls"]
    assert call["function"]["arguments"] == f'{{"command": "ls {other}/made/r1"}}'
    with pytest.raises(NotRecorded, match="made/r2"):
        await ReplayModel(recording, home=other).complete(after(f"{other}/made/r2"))


def test_a_home_is_known_by_the_name_it_was_given_and_by_its_own(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    place = Place(tmp_path / "link")
    told = {"a": [f"{tmp_path}/link/work", f"{tmp_path}/real/work"]}
    assert place.taken_out(told) == {"a": [f"{HOME}/work"] * 2}


def test_the_root_folder_is_no_home_to_take_out() -> None:
    assert Place(Path("/")).taken_out("/usr/bin") == "/usr/bin"


def test_the_folder_that_was_given_is_what_is_put_back(tmp_path: Path) -> None:
    (tmp_path / "a-very-long-name").mkdir()
    (tmp_path / "link").symlink_to("a-very-long-name")
    assert Place(tmp_path / "link").put_back(f"{HOME}/work") == f"{tmp_path}/link/work"
    assert Place(tmp_path / "a-very-long-name").put_back(f"{HOME}/work") == f"{tmp_path}/a-very-long-name/work"
    (tmp_path / "l").symlink_to("link")
    assert Place(tmp_path / "l").put_back(f"{HOME}/w") == f"{tmp_path}/l/w"
