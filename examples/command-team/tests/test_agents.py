"""The example as Beth meets it: installed agents, played by CommandAgent; and the scripts that the documents show."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from beth_sdk.agent import Agent, Context
from beth_sdk.command import CommandAgent
from beth_sdk.manifest import load_manifest
from beth_sdk.messages import Result, Task, WantedTask
from beth_sdk.plugins import find_agent
from beth_sdk.settings import Settings

from .conftest import EXAMPLE, SEED

HOW_TO = EXAMPLE.parents[1] / "docs" / "how-to" / "command-agent.md"


class Once(Context):
    """A context in which every step runs, and which keeps what it is told."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self.logged: list[str] = []

    async def step(self, name: str, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return json.loads(json.dumps(await function(*args)))

    async def progress(self, message: str, **data: Any) -> None:
        self.published.append(message)

    def log(self, message: str, **data: Any) -> None:
        self.logged.append(message)

    async def ask(self, question: str, options: Sequence[str] | None = None) -> str:
        raise NotImplementedError

    async def delegate(self, tasks: Sequence[WantedTask]) -> list[Result]:
        raise NotImplementedError

    cancelled = False
    notes = ()


def task(role: str, kind: str) -> Task:
    return Task.model_validate(
        {
            "id": f"task-{kind}",
            "type": kind,
            "agent": role,
            "payload": SEED,
            "timestamp": "2026-01-30T10:00:00Z",
            "request_id": "req-1",
        }
    )


async def executed(agent: Agent, of: Task, home: Path) -> tuple[Result, Once]:
    agent.settings = Settings.from_environment({"BETH_HOME": str(home)})
    await agent.setup()
    ctx = Once()
    return await agent.execute(of, ctx), ctx


async def test_the_installed_team_takes_a_request_from_the_prd_to_an_approved_verdict(tmp_path: Path) -> None:
    results = []
    for role, kind in (("analyst", "prd"), ("builder", "implement"), ("checker", "verify")):
        agent = find_agent(role).load()
        assert isinstance(agent, CommandAgent)
        result, ctx = await executed(agent, task(role, kind), tmp_path)
        assert ctx.published
        results.append(result)
    assert [result.status for result in results] == ["complete"] * 3
    assert results[-1].verdict is not None
    assert results[-1].verdict.decision == "approved"
    assert (tmp_path / "work" / "req-1" / "PRD.md").exists()


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)


async def test_the_shell_agent_of_the_readme_counts_the_files_of_the_request(tmp_path: Path) -> None:
    (manifest,) = blocks(EXAMPLE / "README.md", "toml")
    package = tmp_path / "package"
    shutil.copytree(EXAMPLE / "shell", package)
    (package / "agent.toml").write_text(manifest)
    work = tmp_path / "work" / "req-1"
    work.mkdir(parents=True)
    (work / "one.txt").write_text("a\nb\n")
    (work / "two words.txt").write_text("c\n")
    result, ctx = await executed(CommandAgent(load_manifest(package)), task("line-counter", "count"), tmp_path)
    assert result.result == {"summary": "2 files, 3 lines", "files": 2, "lines": 3}
    assert ctx.published == ["counting for task-count"]


async def test_the_coding_cli_of_the_how_to_gets_a_prompt_and_its_answer_is_the_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, tools = tmp_path / "package", tmp_path / "tools"
    package.mkdir()
    tools.mkdir()
    (package / "agent.toml").write_text(blocks(HOW_TO, "toml")[-1])
    (package / "agent.py").write_text(blocks(HOW_TO, "python")[0])
    cli = tools / "coding-cli"
    cli.write_text('#!/bin/sh\necho "key $CODING_CLI_API_KEY" >&2\n[ "$1" = --print ] && echo "$2" | tee prompt.txt\n')
    cli.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CODING_CLI_API_KEY", "from the worker")
    result, ctx = await executed(CommandAgent(load_manifest(package)), task("coder", "implement"), tmp_path)
    prompt = (tmp_path / "work" / "req-1" / "prompt.txt").read_text()
    assert prompt.startswith("Build user authentication with JWT\n")
    assert "- Refresh token rotation\n" in prompt
    assert result.result == {"summary": prompt.strip()}
    assert ctx.logged == ["key from the worker"]


async def test_the_smallest_manifest_of_the_how_to_plays_the_shell_agent(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "shell", tmp_path / "package")
    (tmp_path / "package" / "agent.toml").write_text(blocks(HOW_TO, "toml")[0])
    manifest = load_manifest(tmp_path / "package")
    result, _ = await executed(CommandAgent(manifest), task(manifest.role, "count"), tmp_path)
    assert result.status == "complete"
