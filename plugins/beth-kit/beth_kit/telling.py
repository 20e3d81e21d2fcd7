"""The steps of an agent with a model, put into words for `beth log`: what it said, what it called, what came back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from beth_kit.gist import gist
from beth_kit.places import workspaces
from beth_kit.workspace import kept
from beth_kit.workspace.git import Git
from beth_sdk.cli.text import plural, span
from beth_sdk.clock import SystemClock
from beth_sdk.settings import Settings

Data: TypeAlias = Mapping[str, Any]

HEAD, TAIL = 3, 9
"""Lines of a text that are shown of a longer one: the end of an output says more than its beginning."""

MOST = 200
"""Characters of a line that are shown."""

_MODEL = {"reply", "usage", "price", "at", "seconds"}
_TOOL = {"reply", "snapshot", "seconds", "ran"}
_FRAME = {"base", "frame"}


def steps(settings: Settings, task_id: str) -> Telling:
    """For the entry point: the steps of a task whose work lies in this home."""
    return Telling(workspaces(settings.home) / "repositories", task_id)


class Telling:
    """Knows the steps `frame` and `model` and those of tools by the form of their outcomes; others are none of it."""

    def __init__(self, repositories: Path, task_id: str) -> None:
        self._repositories = repositories
        self._task_id = task_id
        self._calls: list[tuple[str, str]] = []
        """Name and arguments of what the newest reply called and nobody has answered yet."""
        self._turn = 0

    async def whole(self, data: Data) -> Data:
        """The step with what is kept in the request's repository in its place. Raises LookupError, `GitFailed`."""
        outcome = data.get("outcome")
        if not isinstance(outcome, Mapping):
            return data
        names = [name for name in ("reply", "frame") if kept.is_reference(outcome.get(name))]
        if not names:
            return data
        return {**data, "outcome": {**outcome, **{name: await self._fetched(outcome[name]) for name in names}}}

    async def _fetched(self, reference: Mapping[str, Any]) -> Any:
        name = kept.name_of(reference)
        for git in self._places():
            found = await git.run("cat-file", "blob", name, accepted=(0, 1, 128))
            if found.code == 0:
                return json.loads(found.stdout)
        raise LookupError(f"what it kept ({name[:12]}) is not in {self._repositories}")

    def _places(self) -> Iterator[Git]:
        """The repository of the request that the task's id names first; a request may be called otherwise."""
        likely = [self._task_id.split(".", 1)[0], self._task_id]
        paths = [self._repositories / f"{name}.git" for name in likely]
        paths += sorted(set(self._repositories.glob("*.git")) - set(paths))
        for path in paths:
            if path.is_dir():
                yield Git(path, clock=SystemClock())

    def lines(self, data: Data, *, full: bool) -> Sequence[str] | None:
        """What came of a step; None for one that is not the kit's."""
        outcome = data.get("outcome")
        if not isinstance(outcome, Mapping):
            return None
        seconds = span(float(data.get("seconds", 0.0)))
        if data["name"] == "model" and "overflow" in outcome:
            return [f"model: the history was too long for it and is shortened ({seconds})"]
        if data["name"] == "model" and outcome.keys() >= _MODEL:
            return list(self._model(outcome, seconds, full=full))
        if data["name"] == "frame" and outcome.keys() >= _FRAME:
            return list(_frame(outcome, seconds, full=full))
        if outcome.keys() >= _TOOL:
            return list(self._tool(str(data["name"]), outcome, seconds, full=full))
        self._answered(str(data["name"]))  # a question or subtasks, which the SDK tells itself
        return None

    # -- a model's turn -----------------------------------------------------------------------

    def _model(self, outcome: Data, seconds: str, *, full: bool) -> Iterator[str]:
        self._turn += 1
        usage = outcome["usage"]
        cost = f"${float(usage.get('cost_usd') or 0.0):.4f}"
        tokens = f"{int(usage.get('input_tokens') or 0):,} tokens in, {int(usage.get('output_tokens') or 0):,} out"
        yield f"model {outcome.get('model') or ''}, turn {self._turn}: {tokens}, {cost}, {seconds}"
        reply = outcome["reply"]
        if kept.is_reference(reply):
            yield "(what it said is kept elsewhere and could not be read)"
            return
        yield from _told_to_the_model(reply.get("decided", {}), full=full)
        message = reply["message"]
        yield from _text(_words(message), full=full)
        if reply.get("stop") in {"length", "refusal"}:
            yield f"[it stopped: {reply['stop']}]"
        self._calls = list(_calls(message))
        for name, arguments in self._calls:
            yield from _call(name, arguments, full=full)

    def _tool(self, name: str, outcome: Data, seconds: str, *, full: bool) -> Iterator[str]:
        called, arguments = self._answered(name)
        about = gist(arguments)
        reply = outcome["reply"]
        if kept.is_reference(reply):
            yield f"{called}: {about} ({seconds}; its answer is kept elsewhere and could not be read)"
            return
        how = "did not run" if not outcome["ran"] else "error" if reply.get("error") else ""
        code = (reply.get("data") or {}).get("exit_code")
        how = how or ("" if code in {None, 0} else f"exit code {code}")
        told = ", ".join(part for part in (how, seconds) if part)
        yield f"{called}{': ' if about else ''}{about} ({told})"
        yield from _text(str(reply.get("text", "")), full=full, mark="| ")

    def _answered(self, name: str) -> tuple[str, Mapping[str, Any]]:
        """The call that a step belongs to: calls are answered in their order."""
        for number, (called, text) in enumerate(self._calls):
            if name in {called, "unknown_tool"}:
                del self._calls[number]
                return called, _arguments(text)
        return name, {}


def _frame(outcome: Data, seconds: str, *, full: bool) -> Iterator[str]:
    if kept.is_reference(outcome["frame"]):
        yield f"frame ({seconds}; it is kept elsewhere and could not be read)"
        return
    frame = outcome["frame"]["frame"]
    tools = [one["function"]["name"] for one in frame.get("tools", ())]
    yield f"frame: {frame.get('package')}, {plural(len(tools), 'tool')} ({', '.join(tools)})"
    if full:
        yield "what it is (system prompt):"
        yield from _text(frame.get("system", ""), full=True, mark="| ")
    yield "what it is to do:"
    yield from _text(frame.get("first", ""), full=full, mark="| ")


def _told_to_the_model(decided: Data, *, full: bool) -> Iterator[str]:
    if decided.get("condensed"):
        yield "[earlier turns were left out of what it was sent]"
    for said in decided.get("said", ()):
        yield from _text(f"[it was told: {said}]", full=full)
    for note in decided.get("notes", ()):
        yield from _text(f"[a person says: {note}]", full=full)


def _words(message: Data) -> str:
    content = message.get("content")
    if isinstance(content, list):  # of parts, as some providers have it
        content = "\n".join(str(one.get("text", "")) for one in content if isinstance(one, Mapping))
    return content if isinstance(content, str) else ""


def _calls(message: Data) -> Iterator[tuple[str, str]]:
    found = message.get("tool_calls")
    for one in found if isinstance(found, list) else ():
        function = one.get("function") if isinstance(one, Mapping) else None
        if isinstance(function, Mapping):
            arguments = function.get("arguments")
            text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
            yield str(function.get("name")), text


def _call(name: str, text: str, *, full: bool) -> Iterator[str]:
    """A call with its arguments: text as it is, because a command or a file in JSON's escapes cannot be read."""
    arguments = _arguments(text)
    if not arguments:
        yield f"-> {name} {_cut(text, full=full) if text.strip() not in {'', '{}'} else ''}".rstrip()
        return
    short = {key: value for key, value in arguments.items() if not (isinstance(value, str) and "\n" in value)}
    shown = " ".join(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in short.items())
    yield f"-> {name} {_cut(shown, full=full)}".rstrip()
    for key, value in arguments.items():
        if key not in short:
            yield f"   {key}:"
            yield from _text(str(value), full=full, mark="   | ")


def _arguments(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(text: str, *, full: bool, mark: str = "") -> Iterator[str]:
    lines = text.strip("\n").splitlines()
    if not full and len(lines) > HEAD + TAIL + 1:
        left_out = f"[{len(lines) - HEAD - TAIL:,} lines left out; --full shows them]"
        lines = [*lines[:HEAD], left_out, *lines[-TAIL:]]
    for line in lines:
        yield f"{mark}{_cut(line, full=full)}".rstrip()


def _cut(line: str, *, full: bool) -> str:
    return line if full or len(line) <= MOST else f"{line[: MOST - 1]}…"
