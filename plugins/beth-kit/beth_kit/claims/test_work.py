"""A task's work as `check` sees it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from beth_kit.claims import work
from beth_kit.claims.paths import Place
from beth_kit.context import KitContext
from beth_kit.loop.agent import LLMAgent
from beth_kit.loop.role import Finished
from beth_kit.testing import Stage
from beth_sdk.manifest import parse_manifest

MANIFEST = parse_manifest(
    'manifest_version = 1\nrole = "developer"\ndescription = "Writes code"\nclass = "beth_kit:LLMAgent"\n'
    "[task_types.fix]\n"
)


async def seen(look: Callable[[KitContext], Awaitable[Any]], command: str) -> Any:
    """What `look` gives in the `check` of a task that committed what the command made."""
    kept: list[Any] = []

    class Looking(LLMAgent):
        async def check(self, finished: Finished, ctx: KitContext) -> str | None:
            del finished
            kept.append(await look(ctx))
            return None

    calls = [
        {"name": "bash", "arguments": {"command": command}},
        {"name": "commit", "arguments": {"message": "Write it"}},
        {"name": "finish", "arguments": {"result": {"summary": "done"}}},
    ]
    transcript = json.dumps({"roles": {"developer": {"fix": [{"calls": [call]} for call in calls]}}})
    await Stage(Looking(), MANIFEST, "Do it", transcript, environ={"BETH_SANDBOX": "off"}).deliver()
    return kept[0]


async def test_it_has_each_file_that_changed_with_its_text() -> None:
    done = await seen(work.work_of, "mkdir a && echo hello > a/b.txt && printf 'x\\0y' > c.bin")
    assert done.paths == ["a/b.txt", "c.bin"]
    assert done.before == {}
    assert done.after == {"a/b.txt": "hello\n"}


async def test_a_place_is_missing_where_its_file_or_its_line_is() -> None:
    async def look(ctx: KitContext) -> list[str | None]:
        places = [Place("a", 2), Place("a", 3), Place("b", 1), Place("a", 1, "0" * 40)]
        return [await work.missing_place(ctx, place) for place in places]

    assert await seen(look, "printf '1\\n2\\n' > a") == [
        None,
        "a has 2 lines",
        "there is no file 'b'",
        f"there is no file 'a' at commit {'0' * 40}",
    ]


async def test_a_commit_is_known_by_its_whole_name_and_by_a_part() -> None:
    async def look(ctx: KitContext) -> list[bool]:
        head = await ctx.workspace.head()
        return [await work.is_commit(ctx, name) for name in (head, head[:10], "0" * 40, "nothing", "--all")]

    assert await seen(look, "echo 1 > a") == [True, True, False, False, False]
