"""What was recorded is replayed without the model; anything else is refused with the difference."""

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from beth_kit.model.base import ContextOverflow, ModelRefused, ModelReply, ModelRequest, ModelUnavailable, Usage
from beth_kit.model.canonical import digest_of
from beth_kit.model.recording import NotRecorded, RecordingModel, ReplayModel
from beth_sdk.errors import ConfigurationError
from beth_sdk.testing.clock import ManualClock

PROMPT = "You are a developer.\nWork in the workspace.\nFinish when the tests pass.\n" + "long " * 100
ASK = ModelRequest(
    [{"role": "system", "content": PROMPT}, {"role": "user", "content": "grüße"}],
    tools=[{"type": "function", "function": {"name": "bash"}}],
    key="t1:0/1",
    role="developer",
    task_type="implement",
)
REPLY = ModelReply(
    {"role": "assistant", "content": None, "thinking_blocks": [{"signature": "x"}], "tool_calls": [{"id": "1"}]},
    "tool_calls",
    Usage(100, 20, 30, 5),
    0.5,
    "m-1",
    at=1_790_000_000.25,
)


class Fake:
    """A model that counts its calls, and raises where it is told to."""

    name = "fake/m"

    def __init__(self, error: Exception | None = None, reply: ModelReply = REPLY) -> None:
        self.error = error
        self.reply = reply
        self.calls = 0

    def estimate(self, request: ModelRequest) -> float:
        return 0.75

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return self.reply

    async def close(self) -> None: ...


def kept(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def prompt(text: str, key: str = ASK.key) -> ModelRequest:
    return dataclasses.replace(ASK, messages=[{"role": "system", "content": text}, ASK.messages[1]], key=key)


async def test_a_recorded_call_is_answered_the_same_without_the_model(tmp_path: Path) -> None:
    fake = Fake()
    assert await RecordingModel(fake, tmp_path / "new").complete(ASK) == REPLY
    replay = ReplayModel(tmp_path / "new")
    assert await replay.complete(ASK) == REPLY
    assert await replay.complete(dataclasses.replace(ASK, deadline=1.0)) == REPLY
    assert (replay.name, replay.estimate(ASK)) == ("fake/m", 0.75)
    assert fake.calls == 1


@pytest.mark.parametrize("error", [ContextOverflow("too long"), ModelRefused("wrong key")])
async def test_what_was_refused_for_good_is_refused_again(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)):
        await RecordingModel(Fake(error), tmp_path).complete(ASK)
    with pytest.raises(type(error), match=str(error)) as caught:
        await ReplayModel(tmp_path).complete(ASK)
    assert type(caught.value) is type(error)


async def test_an_answer_without_a_date_gets_that_of_its_arrival_and_keeps_it(
    tmp_path: Path, clock: ManualClock
) -> None:
    undated = dataclasses.replace(REPLY, at=None)
    recorded = await RecordingModel(Fake(reply=undated), tmp_path, clock).complete(ASK)
    assert recorded == dataclasses.replace(REPLY, at=clock.wall())
    clock.advance(3600.0)
    assert await ReplayModel(tmp_path).complete(ASK) == recorded


async def test_roles_share_a_folder_and_each_finds_its_own_models_name(tmp_path: Path) -> None:
    other = Fake()
    other.name = "fake/other"
    await RecordingModel(Fake(), tmp_path).complete(ASK)
    await RecordingModel(other, tmp_path).complete(dataclasses.replace(ASK, role="tester"))
    names = [ReplayModel(tmp_path, role).name for role in ("developer", "tester", "nobody", None)]
    assert names == ["fake/m", "fake/other", "replay", "replay"]


async def test_what_passes_is_not_recorded(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        await RecordingModel(Fake(ModelUnavailable("busy")), tmp_path).complete(ASK)
    assert kept(tmp_path) == []


async def test_one_changed_byte_fails_with_the_difference(tmp_path: Path) -> None:
    await RecordingModel(Fake(), tmp_path).complete(ASK)
    with pytest.raises(NotRecorded) as caught:
        await ReplayModel(tmp_path).complete(prompt(PROMPT.replace("tests pass", "tests fail")))
    text = str(caught.value)
    assert "developer/implement, key 't1:0/1'" in text
    assert "-  'Finish when the tests pass.'" in text
    assert "+  'Finish when the tests fail.'" in text
    assert "bash" not in text


@pytest.mark.parametrize("white", [" ", "\u00a0", "\n", "\r"])
async def test_a_change_that_cannot_be_seen_is_seen(tmp_path: Path, white: str) -> None:
    await RecordingModel(Fake(), tmp_path).complete(ASK)
    with pytest.raises(NotRecorded) as caught:
        await ReplayModel(tmp_path).complete(prompt(PROMPT.replace("developer.", f"developer.{white}")))
    changed = [line for line in str(caught.value).splitlines() if line.startswith("+ ")]
    assert changed


async def test_the_nearest_call_is_the_one_with_the_same_key(tmp_path: Path) -> None:
    recording = RecordingModel(Fake(), tmp_path)
    await recording.complete(prompt("entirely different", key="t1:0/2"))
    await recording.complete(prompt(PROMPT, key="t9:0/1"))
    with pytest.raises(NotRecorded, match="entirely different"):
        await ReplayModel(tmp_path).complete(prompt(PROMPT + "!", key="t1:0/2"))


async def test_the_same_request_under_another_key_is_another_call(tmp_path: Path) -> None:
    await RecordingModel(Fake(), tmp_path).complete(ASK)
    with pytest.raises(NotRecorded, match=r"recorded under the key 't1:0/1' only"):
        await ReplayModel(tmp_path).complete(dataclasses.replace(ASK, key="t2:0/1"))


async def test_a_long_difference_is_cut(tmp_path: Path) -> None:
    await RecordingModel(Fake(), tmp_path).complete(ASK)
    with pytest.raises(NotRecorded, match=r"… [0-9]+ more lines"):
        await ReplayModel(tmp_path).complete(prompt("\n".join(map(str, range(1000)))))


async def test_many_at_once_leave_whole_files_only(tmp_path: Path) -> None:
    models = [RecordingModel(Fake(), tmp_path) for _ in range(4)]

    def record(model: RecordingModel) -> None:
        for number in range(20):
            asyncio.run(model.complete(dataclasses.replace(ASK, key=f"t{number}")))

    await asyncio.gather(*(asyncio.to_thread(record, model) for model in models))
    files = kept(tmp_path)
    assert len(files) == 20
    assert {json.loads(file.read_text())["key"] for file in files} == {f"t{number}" for number in range(20)}


async def test_an_empty_folder_says_so_and_a_missing_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotRecorded, match="no recorded call at all"):
        await ReplayModel(tmp_path).complete(ASK)
    with pytest.raises(ConfigurationError, match="no such folder"):
        ReplayModel(tmp_path / "none")


@pytest.mark.parametrize("content", ["{", '{"format": 2}', "[]"])
async def test_a_damaged_recording_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / f"{digest_of(ASK)}.json").write_text(content)
    with pytest.raises(ConfigurationError, match=digest_of(ASK)):
        await ReplayModel(tmp_path).complete(ASK)
