"""`.beth/setup`: run once for a request, before its tools, with the packages to write and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from beth_kit.tools.bash import bash_tool
from beth_kit.tools.commit import commit
from beth_kit.tools.conftest import Contexts
from beth_kit.workspace.repository import RequestRepository

Make = Callable[[dict[str, str]], Path]

bash = bash_tool("none")

pytestmark = pytest.mark.slow

COUNTING = '#!/bin/bash\necho run >> "$BETH_PACKAGES/runs"\n'


async def begun(contexts: Contexts, files: dict[str, str], repository_with: Make) -> None:
    await RequestRepository.open(contexts.home, "r1", repo=str(repository_with(files)))


async def said(contexts: Contexts, command: str, task: str = "task-1") -> str:
    return (await bash.call(contexts.make(task={"id": task}), {"command": command})).text


async def test_it_runs_once_for_all_tasks_of_a_request(contexts: Contexts, repository_with: Make) -> None:
    await begun(contexts, {".beth/setup": COUNTING, "a.txt": "a\n"}, repository_with)
    runs = f"cat {contexts.home}/packages/r1/runs; git status --short"
    assert await said(contexts, runs) == "run\n[exit code 0]"
    assert await said(contexts, runs) == "run\n[exit code 0]"
    assert await said(contexts, runs, "task-2") == "run\n[exit code 0]"


@pytest.mark.parametrize("begin", ["#!/bin/bash\n", ""])
async def test_it_sees_the_tree_and_the_environment_and_writes_the_packages_only(
    contexts: Contexts, repository_with: Make, begin: str
) -> None:
    work = contexts.home / "work"
    script = f'{begin}cp a.txt "$BETH_PACKAGES/copied" && command -v python > "$BETH_PACKAGES/python.txt"\n'
    script += f"rm a.txt; touch {work}/r1/task-1/planted; touch {contexts.home}/planted; exit 0\n"
    await begun(contexts, {".beth/setup": script, "a.txt": "hello\n"}, repository_with)
    root = contexts.home / "packages" / "r1"
    text = await said(contexts, f"cat {root}/copied {root}/python.txt a.txt; ls")
    assert text == f"hello\n{root}/python/bin/python\nhello\na.txt\n[exit code 0]"
    assert not (contexts.home / "planted").exists()
    assert [one.name for one in (contexts.home / "work" / "r1").glob("beth-setup*")] == []


async def test_a_failure_is_told_to_the_model_and_the_task_goes_on(contexts: Contexts, repository_with: Make) -> None:
    failing = f"{COUNTING}echo no compiler >&2; exit 4\n"
    await begun(contexts, {".beth/setup": failing}, repository_with)
    text = await said(contexts, "echo going on")
    assert text.startswith("[.beth/setup ended with 4 (network: none), so packages may be missing.")
    assert "no compiler" in text
    assert text.endswith("going on\n[exit code 0]")
    for _ in range(2):
        await said(contexts, "true")
    assert (
        await said(contexts, f"wc -l < {contexts.home}/packages/r1/runs") == f"{text.split(']')[0]}]\n2\n[exit code 0]"
    )


async def test_a_delivery_is_told_of_a_failure_once(contexts: Contexts, repository_with: Make) -> None:
    await begun(contexts, {".beth/setup": "exit 1\n"}, repository_with)
    ctx = contexts.make()
    assert ".beth/setup" in (await bash.call(ctx, {"command": "true"})).text
    assert (await bash.call(ctx, {"command": "true"})).text == "[exit code 0]"


async def test_what_a_task_commits_is_never_run(contexts: Contexts, repository_with: Make) -> None:
    await begun(contexts, {"a.txt": "a\n"}, repository_with)
    ctx = contexts.make()
    await bash.call(ctx, {"command": "mkdir .beth; echo 'touch \"$BETH_PACKAGES/x\"' > .beth/setup"})
    made = await commit.call(ctx, {"message": "Plant a script"})
    repository = (await ctx.workspace.clone()).repository
    await repository.move_branch(made.data["commit"], await repository.head())
    assert await said(contexts, "ls .beth", "task-2") == "setup\n[exit code 0]"
    assert not (contexts.home / "packages" / "r1").exists()


async def test_a_link_in_its_place_is_no_script(contexts: Contexts, repository_with: Make) -> None:
    await begun(contexts, {".beth/setup": "-> /bin/true"}, repository_with)
    assert await said(contexts, "true") == "[exit code 0]"
    assert not (contexts.home / "packages").exists()
