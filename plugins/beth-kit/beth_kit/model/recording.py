"""Recorded calls: every one a file, found again by what was asked; a replay needs no network and forgives nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from beth_kit.model.base import ContextOverflow, Model, ModelRefused, ModelReply, ModelRequest, Usage
from beth_kit.model.canonical import Place, canonical, digest_of
from beth_sdk.clock import Clock, SystemClock
from beth_sdk.errors import ConfigurationError

FORMAT = 1
_SHOWN_LINES = 60
_WIDTH = 160

_RECORDED_ERRORS: Mapping[str, type[ContextOverflow | ModelRefused]] = {
    one.code: one for one in (ContextOverflow, ModelRefused)
}


class NotRecorded(ModelRefused):
    """A replay was asked something that is not among its recordings."""

    code = "not_recorded"


class RecordingModel:
    """Passes calls on to `inner` and keeps each with its answer in `folder`, also those refused for good. The same
    call again replaces its file; any number of roles and processes may share the folder. `clock` dates the answers that
    `inner` does not date; `home`, where Beth keeps everything, is left out of what is kept."""

    def __init__(
        self, inner: Model, folder: Path | str, clock: Clock | None = None, *, home: Path | None = None
    ) -> None:
        self._inner = inner
        self._folder = Path(folder)
        self._clock = clock or SystemClock()
        self._place = Place(home)

    @property
    def name(self) -> str:
        return self._inner.name

    def estimate(self, request: ModelRequest) -> float:
        return self._inner.estimate(request)

    async def complete(self, request: ModelRequest) -> ModelReply:
        try:
            reply = await self._inner.complete(request)
        except (ContextOverflow, ModelRefused) as error:
            self._keep(request, {"error": {"code": error.code, "message": str(error)}})
            raise
        if reply.at is None:
            reply = dataclasses.replace(reply, at=self._clock.wall())
        self._keep(request, {"reply": dataclasses.asdict(reply)})
        return reply

    async def close(self) -> None:
        await self._inner.close()

    def _keep(self, request: ModelRequest, outcome: Mapping[str, Any]) -> None:
        document = {
            "format": FORMAT,
            "model": self._inner.name,
            "key": request.key,
            "estimate_usd": self._inner.estimate(request),
            "request": canonical(request, self._place),
            **self._place.taken_out(outcome),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        _write(
            self._folder / f"{digest_of(request, self._place)}.json", json.dumps(document, indent=1, ensure_ascii=True)
        )


class ReplayModel:
    """Answers from a folder that a `RecordingModel` filled, at the cost and the time of then, so that budgets decide
    as they did. Raises `NotRecorded`, with the difference to the nearest recording, for any other call. `role`: whose
    model it stands for, where the folder has the calls of several. `home`: where Beth keeps everything now."""

    def __init__(self, folder: Path | str, role: str | None = None, *, home: Path | None = None) -> None:
        self._folder = Path(folder)
        self._role = role
        self._place = Place(home)
        if not self._folder.is_dir():
            raise ConfigurationError(f"{self._folder}: no such folder of recorded model calls")

    @functools.cached_property
    def name(self) -> str:
        """The recorded model's name, so that whatever depends on it replays too; `replay` where there are several."""
        names = {
            str(document["model"])
            for document in self._recordings()
            if self._role is None or document["request"]["role"] == self._role
        }
        return names.pop() if len(names) == 1 else "replay"

    def estimate(self, request: ModelRequest) -> float:
        return float(self._recording(request)["estimate_usd"])

    async def complete(self, request: ModelRequest) -> ModelReply:
        document = self._recording(request)
        if "error" in document:
            error = document["error"]
            raise _RECORDED_ERRORS.get(error["code"], ModelRefused)(error["message"])
        reply = self._place.put_back(document["reply"])
        return ModelReply(**{**reply, "usage": Usage(**reply["usage"])})

    async def close(self) -> None: ...

    def _recording(self, request: ModelRequest) -> Mapping[str, Any]:
        file = self._folder / f"{digest_of(request, self._place)}.json"
        if file.exists():
            return _read(file)
        raise NotRecorded(_difference(request, self._place, list(self._recordings()), self._folder))

    def _recordings(self) -> Iterator[Mapping[str, Any]]:
        # By the form of their names: the request that they belong to is kept beside them.
        return (_read(file) for file in sorted(self._folder.glob(f"{'[0-9a-f]' * 64}.json")))


def _difference(request: ModelRequest, place: Place, recordings: list[Mapping[str, Any]], folder: Path) -> str:
    who = f"{request.role or 'no role'}/{request.task_type or 'no task type'}, key {request.key!r}"
    asked = list(_lines(canonical(request, place)))
    same = [one for one in recordings if one["key"] == request.key]
    if not same:
        near = difflib.get_close_matches(request.key, [str(one["key"]) for one in recordings], n=1, cutoff=0.0)
        same = [one for one in recordings if one["key"] in near]
    if not same:
        return f"{folder} has no recorded call at all; asked: {who}"
    nearest = min(same, key=lambda one: _distance(asked, list(_lines(one["request"]))))
    named = f"recorded {nearest['key']}", f"asked {request.key}"
    lines = list(difflib.unified_diff(list(_lines(nearest["request"])), asked, *named, lineterm="", n=2))
    if not lines:
        lines = [f"the same request was recorded under the key {nearest['key']!r} only"]
    cut = [f"… {len(lines) - _SHOWN_LINES} more lines"] if len(lines) > _SHOWN_LINES else []
    return "\n".join(
        [f"not recorded in {folder}: {who}. The nearest recorded call differs:", *lines[:_SHOWN_LINES], *cut]
    )


def _distance(one: list[str], other: list[str]) -> int:
    return len(set(one) ^ set(other))


def _lines(value: Any, path: str = "") -> Iterator[str]:
    """A document as lines that a person can compare: a path, then what stands there, texts line by line."""
    if isinstance(value, Mapping) and value:
        for name in sorted(value):
            yield from _lines(value[name], f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple) and value:
        for number, one in enumerate(value):
            yield from _lines(one, f"{path}[{number}]")
    elif isinstance(value, str) and (len(value) > _WIDTH or "\n" in value):
        yield f"{path}:"
        for line in value.split("\n"):
            yield from (f"  {line[start : start + _WIDTH]!r}" for start in range(0, max(len(line), 1), _WIDTH))
    else:
        yield f"{path}: {value!r}"


def _read(file: Path) -> Mapping[str, Any]:
    try:
        document: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise ConfigurationError(f"{file}: not a recorded model call; delete it or record again") from None
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        raise ConfigurationError(f"{file}: not a recorded model call of format {FORMAT}; record again")
    return document


def _write(file: Path, text: str) -> None:
    """The whole file or none of it, whoever else writes the same one."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
