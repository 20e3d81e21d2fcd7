"""What a model says of files that it wrote or read, held against its last commit."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from beth_kit.claims.said import listed
from beth_kit.context import KitContext
from beth_kit.frame.tree import TooLong, TreeReader
from beth_sdk.messages import Task

_LINES = re.compile(r"(?P<path>.+?):(?P<first>[0-9]{1,9})(?:-(?P<last>[0-9]{1,9}))?")


class NotThere(Exception):
    """What a model named is not committed, in words for the model."""


async def committed_text(ctx: KitContext, path: str) -> str:
    """What a file holds at the task's last commit, as UTF-8; links are no files. Raises `NotThere`."""
    files = TreeReader(await ctx.workspace.git(), await ctx.workspace.head())
    name = path.strip().removeprefix("./")
    try:
        return (await files.read(name)).decode("utf-8", "replace")
    except KeyError:
        near = difflib.get_close_matches(name, await files.files(), 1)
        raise NotThere(f"{name} is not committed" + (f"; did you mean {near[0]}?" if near else "")) from None
    except TooLong as error:
        raise NotThere(f"{name} cannot be looked up: {error}") from None


async def committed_lines(ctx: KitContext, place: str) -> str:
    """The lines at `path:line` or `path:first-last` of the task's last commit. Raises `NotThere`, also where `place`
    names no lines."""
    found = _LINES.fullmatch(place.strip())
    if found is None:
        raise NotThere(f"{place} names no lines: write path:line or path:first-last")
    first, last = int(found["first"]), int(found["last"] or found["first"])
    text = await committed_text(ctx, found["path"])
    if not text:
        raise NotThere(f"{place}: the file is empty")
    # Not `splitlines`: grep, editors and the tool `edit` count line feeds alone.
    lines = text.removesuffix("\n").split("\n")
    if not 1 <= first <= last <= len(lines):
        raise NotThere(f"{place}: the file has the lines 1 to {len(lines)}")
    return "\n".join(lines[first - 1 : last])


async def document_problems(ctx: KitContext, told: str, wanted: str, mentioned: Iterable[str] = ()) -> list[str]:
    """What is wrong with a result's document, `told`, that was to be committed at `wanted`, not empty, and to mention
    all of these."""
    if told != wanted:
        return [f"`document` is to be {wanted}, not {told}"]
    try:
        text = await committed_text(ctx, wanted)
    except NotThere as error:
        return [f"{error}: write the document and commit it"]
    if not text.strip():
        return [f"{wanted} is empty: it is what people will read"]
    missing = [one for one in mentioned if not mentions(text, one)]
    return [f"{wanted} does not mention {', '.join(missing)}: it and the result must say the same"] * bool(missing)


def mentions(text: str, name: str) -> bool:
    """Whether a name stands in a text by itself: S1 does not in `S1.1` or `S10`, but does in `S1.`"""
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w|\.\w)", text) is not None


def repeated(names: Iterable[str]) -> list[str]:
    """Those that occur more than once."""
    return [name for name, times in Counter(names).items() if times > 1]


def upstream(task: Task) -> list[Mapping[str, Any]]:
    """The results that a task builds on, as its payload has them."""
    found = (task.payload.model_extra or {}).get("upstream")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def objection(problems: Iterable[str]) -> str | None:
    """What `check` returns: all of these in one text; None where there are none."""
    told = listed(problems)
    return f"not finished yet: change this, in the files and in the result, then finish again\n{told}" if told else None
