"""What a model says of files, held against what is committed."""

from __future__ import annotations

from typing import Any, cast

import pytest

from beth_kit.claims.documents import (
    NotThere,
    committed_lines,
    committed_text,
    document_problems,
    mentions,
    objection,
    repeated,
    upstream,
)
from beth_kit.context import KitContext
from beth_kit.loop.agent import Finished, LLMAgent
from beth_kit.testing import Stage
from beth_sdk.manifest import parse_manifest
from beth_sdk.messages import Task

MANIFEST = parse_manifest(
    'manifest_version = 1\nrole = "writer"\ndescription = "Writes"\nclass = "beth_kit:LLMAgent"\n'
)
TRANSCRIPT = r"""
roles:
  writer:
    "*":
      - calls:
          - name: bash
            arguments:
              command: |-
                mkdir docs src
                printf '# PRD\n\nS1.1 and S1.10.\n' > docs/prd.md
                printf 'one\ntwo\nthree\n' > src/app.py
                printf 'a\fb\nc' > feed.txt
                printf ' \n' > blank.md
                : > empty.md
                head -c 1100000 /dev/zero > huge.bin
                ln -s docs/prd.md link.md
      - calls: [{name: commit, arguments: {message: Write}}]
      - calls: [{name: finish, arguments: {result: {summary: Done}}}]
"""


class Asking(LLMAgent):
    """Runs in its `check` whatever a test wants to know."""

    def __init__(self, question: Any) -> None:
        self.question = question
        self.answer: Any = None

    async def check(self, finished: Finished, ctx: KitContext) -> str | None:
        try:
            self.answer = await self.question(ctx)
        except NotThere as error:
            self.answer = error
        return None


async def asked(question: Any) -> Any:
    agent = Asking(question)
    result = await Stage(agent, MANIFEST, "Write", TRANSCRIPT, environ={"BETH_SANDBOX": "off"}).deliver()
    assert result.status == "complete", result.error
    return agent.answer


async def test_a_committed_file_is_read_with_or_without_a_dot_before_it() -> None:
    async def both(ctx: KitContext) -> list[str]:
        return [await committed_text(ctx, path) for path in ("src/app.py", "./src/app.py")]

    assert await asked(both) == ["one\ntwo\nthree\n"] * 2


async def refusals(read: Any, places: list[str]) -> list[str]:
    """What is said of each of these."""

    async def all_of_them(ctx: KitContext) -> list[str]:
        told = []
        for place in places:
            with pytest.raises(NotThere) as refused:
                await read(ctx, place)
            told.append(str(refused.value))
        return told

    return cast("list[str]", await asked(all_of_them))


async def test_a_file_that_is_not_there_is_answered_with_the_nearest() -> None:
    assert await refusals(committed_text, ["src/ap.py", "link.md", "huge.bin", "nothing"]) == [
        "src/ap.py is not committed; did you mean src/app.py?",
        "link.md is not committed; did you mean blank.md?",
        "huge.bin cannot be looked up: it has 1,100,000 bytes; the limit is 1,048,576",
        "nothing is not committed",
    ]


async def test_lines_are_found_by_their_numbers_and_refused_where_there_are_none() -> None:
    async def some(ctx: KitContext) -> list[str]:
        return [await committed_lines(ctx, place) for place in ("src/app.py:2", "src/app.py:2-3", "feed.txt:2")]

    assert await asked(some) == ["two", "two\nthree", "c"]
    assert await refusals(
        committed_lines,
        ["src/app.py", "src/app.py:0", "src/app.py:4", "src/app.py:3-2", "empty.md:1", "gone.py:1"],
    ) == [
        "src/app.py names no lines: write path:line or path:first-last",
        "src/app.py:0: the file has the lines 1 to 3",
        "src/app.py:4: the file has the lines 1 to 3",
        "src/app.py:3-2: the file has the lines 1 to 3",
        "empty.md:1: the file is empty",
        "gone.py is not committed",
    ]


async def test_a_document_is_in_its_place_not_empty_and_mentions_all() -> None:
    async def told(ctx: KitContext) -> list[list[str]]:
        return [
            await document_problems(ctx, "docs/prd.md", "docs/prd.md", ["S1.1", "S1.10"]),
            await document_problems(ctx, "prd.md", "docs/prd.md"),
            await document_problems(ctx, "docs/none.txt", "docs/none.txt"),
            await document_problems(ctx, "blank.md", "blank.md"),
            await document_problems(ctx, "docs/prd.md", "docs/prd.md", ["S1", "S1.1", "S1.2"]),
        ]

    assert await asked(told) == [
        [],
        ["`document` is to be docs/prd.md, not prd.md"],
        ["docs/none.txt is not committed: write the document and commit it"],
        ["blank.md is empty: it is what people will read"],
        ["docs/prd.md does not mention S1, S1.2: it and the result must say the same"],
    ]


def test_a_name_is_mentioned_where_it_stands_by_itself() -> None:
    assert mentions("(S1), S1. And", "S1")
    assert not any(mentions(text, "S1") for text in ("S1.1", "S10", "XS1", "S1a"))


def test_names_that_occur_twice_are_found() -> None:
    assert repeated(["S1", "S2", "S1", "S1"]) == ["S1"]


@pytest.mark.parametrize(("given", "found"), [([{"name": "prd"}, "x"], [{"name": "prd"}]), ("x", []), (None, [])])
def test_upstream_is_what_can_be_read_of_it(given: object, found: list[object]) -> None:
    task = Task.model_validate(
        {
            "id": "t-1",
            "type": "prd",
            "agent": "writer",
            "payload": {"description": "x", "upstream": given},
            "timestamp": "2026-01-30T10:00:00Z",
        }
    )
    assert upstream(task) == found


def test_an_objection_lists_the_problems_and_is_none_without_any() -> None:
    assert objection([]) is None
    assert (objection(["a", "b"]) or "").splitlines()[1:] == ["- a", "- b"]
