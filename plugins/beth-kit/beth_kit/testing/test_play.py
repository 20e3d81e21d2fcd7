"""The stage on which authors of agents test them."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from beth_kit.loop.agent import LLMAgent
from beth_kit.testing import Stage
from beth_sdk.agent import Suspended
from beth_sdk.errors import ConfigurationError
from beth_sdk.manifest import parse_manifest
from beth_sdk.testing import Killed

MANIFEST = parse_manifest(
    'manifest_version = 1\nrole = "developer"\ndescription = "Writes code"\nclass = "beth_kit:LLMAgent"\n'
    "[task_types.fix]\n"
)
TRANSCRIPT = """
roles:
  developer:
    fix:
      - calls: [{name: bash, arguments: {command: echo hello > hello.txt}}]
        usage: {input_tokens: 900, output_tokens: 40}
        cost_usd: 0.01
      - calls: [{name: commit, arguments: {message: Say hello}}, {name: ask, arguments: {question: "Which?"}}]
      - calls: [{name: finish, arguments: {result: {summary: It says hello}}}]
"""
OFF = {"BETH_SANDBOX": "off"}


def stage_of(transcript: str = TRANSCRIPT) -> Stage:
    return Stage(LLMAgent(), MANIFEST, "Write hello.txt", transcript, environ=OFF)


async def test_a_task_is_played_to_its_question_and_on_from_the_answer() -> None:
    stage = stage_of()
    with pytest.raises(Suspended, match="Which"):
        await stage.deliver()
    result = await stage.continued("This")
    assert (result.status, result.result) == ("complete", {"summary": "It says hello"})
    assert await stage.files() == {"hello.txt": "hello\n"}
    assert await stage.told("bash") == ["[exit code 0]"]
    assert stage.spending.cost_usd == 0.01
    assert stage.task.type == "fix"


async def test_a_death_is_played_by_the_diary_and_the_next_delivery_goes_on() -> None:
    stage = stage_of()
    stage.diary.kill_before = lambda fact: fact.data["name"] == "bash"
    with pytest.raises(Killed):
        await stage.deliver()
    stage.diary.kill_before = lambda _: False
    with pytest.raises(Suspended):
        await stage.deliver()
    assert stage.spending.cost_usd == 0.01


async def test_a_transcript_with_a_mistake_says_where() -> None:
    with pytest.raises(ConfigurationError, match=r"transcript\.yaml: roles\.developer\.fix"):
        await stage_of("roles: {developer: {fix: []}}").deliver()


def test_its_folder_is_removed_with_it() -> None:
    stage = stage_of()
    home = stage.home
    assert home.is_dir()
    del stage
    gc.collect()
    assert not home.exists()


def test_a_folder_that_is_given_stays(tmp_path: Path) -> None:
    home = Stage(LLMAgent(), MANIFEST, "Do it", TRANSCRIPT, tmp_path / "here", environ=OFF).home
    gc.collect()
    assert (home / "transcript.yaml").is_file()


def test_an_agent_without_a_manifest_beside_it_is_told_where_it_should_be() -> None:
    with pytest.raises(ConfigurationError, match=r"LLMAgent: no agent\.toml in "):
        Stage(LLMAgent(), task="Do it", transcript=TRANSCRIPT)


def test_the_manifest_is_found_in_the_agents_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "beth_agent_staged" / "parts"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "__init__.py").write_text('"""A role."""\n')
    (inner / "agent.py").write_text("from beth_kit import LLMAgent\n\n\nclass Staged(LLMAgent):\n    pass\n")
    (inner.parent / "agent.toml").write_text(
        'manifest_version = 1\nrole = "staged"\ndescription = "Plays"\nclass = "beth_agent_staged.parts.agent:Staged"\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    from beth_agent_staged.parts.agent import Staged  # type: ignore[import-not-found]

    stage = Stage(Staged(), task="Play", transcript=TRANSCRIPT, environ=OFF)
    assert (stage.agent.manifest.role, stage.task.agent, stage.task.payload.description) == ("staged", "staged", "Play")
