"""What is promised of an agent's tasks: done, cancelled, refused, and after a crash the same as without one."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from beth_sdk.agent import Agent
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import BethError
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Payload, Question, Result, Task, WantedTask
from beth_sdk.plugins import InstalledAgent
from beth_sdk.settings import Settings
from beth_sdk.testing.agent_files import SEED_PAYLOAD, AgentSuite, examples_of, find, schemas_of
from beth_sdk.testing.agent_play import Play

ANY_TYPE = "task"
"""The type of the example where a manifest names no task types."""


class AgentTaskConformance(AgentSuite):
    """Each task type is played with its example payload, in a home of its own."""

    payloads: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """The payload that a task type is played with; without one, the first of the `examples` in its input schema, and
    without those the payload of the contract's own example."""

    most_kills: ClassVar[int] = 30
    """How many deaths a task type is put to, spread over its facts where it has more of them."""

    def environ(self, home: Path) -> Mapping[str, str]:
        """Environment variables of the agent's process, besides BETH_HOME; an empty one takes a variable away."""
        del home
        return {}

    def make_clock(self) -> Clock:
        """The clock of a task."""
        return SystemClock()

    def answer(self, question: Question) -> str:
        """What a person says to a question."""
        return question.options[0] if question.options else "Go on as you think best."

    def delegated(self, wanted: WantedTask) -> Result:
        """What another agent's task comes to."""
        return Result.complete({"summary": f"{wanted.name} is done"})

    # -- the tests ------------------------------------------------------------------------------

    @pytest.mark.asyncio
    async def test_the_example_of_a_task_type_is_done(self, stages: Stages, task_type: str) -> None:
        example = await stages.example(task_type)
        assert example.told["status"] == "complete", example.told["error"]

    @pytest.mark.asyncio
    async def test_a_task_of_an_unknown_type_is_rejected(self, stages: Stages) -> None:
        if not stages.task_types:
            pytest.skip("the manifest names no task types: the role takes any")
        play = stages.play("no-such-type")
        result = await play.deliver()
        assert (result.status, play.facts) == ("rejected", [])

    @pytest.mark.asyncio
    async def test_a_task_that_was_cancelled_before_it_began_runs_no_step(self, stages: Stages, task_type: str) -> None:
        await stages.need_steps(task_type)
        play = stages.play(task_type)
        play.cancel_after(0)
        result = await play.deliver()
        assert (result.status, play.facts) == ("cancelled", [])

    @pytest.mark.asyncio
    async def test_a_task_that_is_cancelled_ends_at_its_next_step(self, stages: Stages, task_type: str) -> None:
        await stages.need_steps(task_type)
        play = stages.play(task_type)
        play.cancel_after(1)
        result = await play.deliver()
        assert (result.status, play.steps <= 1) == ("cancelled", True)

    @pytest.mark.asyncio
    async def test_a_death_after_any_fact_changes_nothing_of_the_result(self, stages: Stages, task_type: str) -> None:
        example = await stages.example(task_type)
        for number in spread(len(example.facts), self.most_kills):
            play = stages.play(task_type)
            play.kill_after(number)
            assert stages.told(await play.to_its_end()) == example.told, f"killed after fact {number}: {play.facts}"

    @pytest.mark.asyncio
    async def test_another_version_replays_a_task_to_the_same_result_without_a_step(
        self, stages: Stages, task_type: str
    ) -> None:
        play = stages.play(task_type)
        result = await play.to_its_end()
        before = play.facts
        assert stages.told(await play.deliver("tested 2.0")) == stages.told(result)
        assert play.facts == before

    @pytest.mark.asyncio
    async def test_a_task_changes_nothing_outside_of_beths_home(self, stages: Stages, task_type: str) -> None:
        example = await stages.example(task_type)
        assert (example.changed, example.left_behind) == ([], [])

    # -- what they stand on ---------------------------------------------------------------------

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Each test of a task type, once for each that the manifest names."""
        if "task_type" in metafunc.fixturenames:
            metafunc.parametrize("task_type", task_types(type(self).role, type(self).distribution) or [ANY_TYPE])

    @pytest.fixture
    def stages(self, installed: InstalledAgent, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stages]:
        """Makes plays, each with a home of its own; the home directory and the current folder are an empty one."""
        # Not pytest's tmp_path: only its owner may enter its parents, and tools of a task may be other users.
        base = Path(tempfile.mkdtemp(prefix="beth-conformance-"))
        base.chmod(0o755)
        try:
            yield Stages(self, installed, base, monkeypatch)
        finally:
            monkeypatch.undo()  # first of all: the current folder is in there
            shutil.rmtree(base, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Example:
    """What the example of a task type comes to: its result, its facts, which files of the package it changed, and what
    it left in the home directory and the current folder."""

    told: dict[str, Any]
    facts: list[Fact]
    changed: list[str]
    left_behind: list[str]


_EXAMPLES: dict[tuple[type, str], Example] = {}


class Stages:
    """Makes the plays of one test."""

    def __init__(
        self, suite: AgentTaskConformance, installed: InstalledAgent, base: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert installed.manifest is not None
        self._suite = suite
        self._installed = installed
        self._manifest = installed.manifest
        self._base = base
        self._monkeypatch = monkeypatch
        self._elsewhere = base / "elsewhere"  # where nothing belongs
        self._elsewhere.mkdir()
        monkeypatch.chdir(self._elsewhere)
        monkeypatch.setenv("HOME", str(self._elsewhere))

    @property
    def task_types(self) -> list[str]:
        """Those that the manifest names."""
        return list(self._manifest.task_types)

    def play(self, task_type: str) -> Play:
        """The example of a task type, in a home of its own. It ends the one before."""
        home = self._base / "home"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        environ = {**self._suite.environ(home), "BETH_HOME": str(home)}
        for name, value in environ.items():
            if value:
                self._monkeypatch.setenv(name, value)
            else:
                self._monkeypatch.delenv(name, raising=False)
        clock = self._suite.make_clock()
        task = Task(
            id="task-1",
            type=task_type,
            agent=self._manifest.role,
            request_id="request-1",
            payload=Payload.model_validate(self._payload(task_type)),
            timestamp="2026-01-30T10:00:00Z",
        )
        settings = Settings.from_environment({name: value for name, value in environ.items() if value})
        return Play(
            self._agent,
            self._manifest,
            task,
            settings,
            clock=clock,
            answer=self._suite.answer,
            delegated=self._suite.delegated,
        )

    async def example(self, task_type: str) -> Example:
        """What its example comes to where nothing interferes: played once for all tests of a suite."""
        key = (type(self._suite), task_type)
        if key not in _EXAMPLES:
            assert self._manifest.directory is not None
            before = contents(self._manifest.directory)
            play = self.play(task_type)
            result = self.told(await play.to_its_end())
            after = contents(self._manifest.directory)
            changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
            left_behind = sorted(str(one.relative_to(self._elsewhere)) for one in self._elsewhere.rglob("*"))
            _EXAMPLES[key] = Example(result, play.facts, changed, left_behind)
        return _EXAMPLES[key]

    def told(self, result: Result) -> dict[str, Any]:
        """What a result says, without what differs from run to run: ids, times, commits, and where the home is."""
        document = result.to_json()
        said = json.dumps({key: document.get(key) for key in ("status", "result", "verdict", "error")})
        without: dict[str, Any] = json.loads(said.replace(str(self._base), ""))
        return without

    async def need_steps(self, task_type: str) -> None:
        """Skip the test for a task that has no step: nothing stops it before it is done."""
        if not (await self.example(task_type)).facts:
            pytest.skip("the example has no steps")

    def _agent(self) -> Agent:
        player = self._installed.load()
        if not isinstance(player, Agent):
            pytest.skip("a service takes no tasks")
        return player

    def _payload(self, task_type: str) -> Mapping[str, Any]:
        given = self._suite.payloads.get(task_type)
        if given is not None:
            return given
        examples = examples_of(schemas_of(self._manifest, "input").get(task_type))
        return examples[0] if examples else SEED_PAYLOAD


def task_types(role: str, distribution: str) -> list[str]:
    """The task types of an installed agent; none where it cannot be found, which another test says."""
    try:
        agent = find(role, distribution)
    except BethError:
        return []
    return list(agent.manifest.task_types) if agent.manifest is not None else []


def spread(count: int, most: int) -> Sequence[int]:
    """At most `most` of the numbers 1 to `count`, the first and the last among them."""
    if count <= most:
        return range(1, count + 1)
    return sorted({1 + round(place * (count - 1) / (most - 1)) for place in range(most)})


def contents(folder: Path) -> dict[str, str]:
    """A digest of each file below a folder, without what Python compiles."""
    files = (one for one in sorted(folder.rglob("*")) if one.is_file() and "__pycache__" not in one.parts)
    return {str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest() for one in files}
