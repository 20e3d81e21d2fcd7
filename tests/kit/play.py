"""What the model of these tests says, turn by turn: each answer depends on the turn's number alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Reply = Mapping[str, Any]
"""The message of a chat completion."""

Script = Callable[[int, list[Mapping[str, Any]]], Reply]
"""The answer to a request with so many assistant messages, and its messages."""

SLOW = 0.2
"""Seconds that a slow command sleeps between two of its writes."""


def call(turn: int, name: str, **arguments: Any) -> Reply:
    """A message with one tool call."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    calls = [{"id": f"call-{turn}", "type": "function", "function": function}]
    return {"role": "assistant", "content": f"This is turn {turn}.", "tool_calls": calls}


def finish(turn: int) -> Reply:
    """The last message."""
    return call(turn, "finish", result={"summary": f"{turn + 1} turns"})


def working(turns: int) -> Script:
    """A developer of so many turns, each with one tool call; the last one finishes.

    Nothing that it does could be done twice, or half, without being seen: it appends, moves what is there once, counts.
    """

    def answer(turn: int, _: list[Mapping[str, Any]]) -> Reply:
        if turn >= turns - 1:
            return finish(turn)
        # What is not committed is no part of the work, and `finish` refuses it.
        return call(turn, "commit", message="The last of it") if turn == turns - 2 else _work(turn)

    return answer


def _work(turn: int) -> Reply:
    round_, place = divmod(turn, 10)
    file = f"part-{round_}.txt"
    match place:
        case 0:
            return call(turn, "edit", action="create", path=file, file_text=f"part {round_}\nto be said\nthe end\n")
        case 1:
            return call(turn, "edit", action="str_replace", path=file, old_str="to be said", new_str=f"turn {turn}")
        case 2:
            return call(turn, "edit", action="insert", path=file, insert_line=1, new_str="between\n")
        case 4:
            slowly = f"echo half of {turn} >>log; sleep {SLOW}; echo all of {turn} >>log; tail -n 3 log; wc -l <log"
            return call(turn, "bash", command=slowly)
        case 6:
            return call(turn, "bash", command=f"mkdir -p kept && mv {file} kept/{round_} && cat kept/{round_}; ls")
        case 8:
            increment = "n=$(cat count 2>/dev/null || echo 0); echo $((n + 1)) >count; cat count"
            return call(turn, "bash", command=increment)
        case 9:
            return call(turn, "commit", message=f"Work of round {round_}")
        case _:
            return call(turn, "bash", command=f"echo line {turn} >>log; tail -n 2 log; wc -l <log")
