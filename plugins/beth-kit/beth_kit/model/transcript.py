"""Transcripts of a `ScriptedModel`: how they are written, read and found. Pure but for the reading.

```yaml
roles:
  developer:
    implement:                       # a task type; "*" is any
      - say: I look first.
        calls: [{name: bash, arguments: {command: ls}}]
        usage: {input_tokens: 900, output_tokens: 40}
      - first_of:                    # the first whose `when` fits the last tool result
          - when: {contains: README}
            calls: [{name: finish, arguments: {result: {summary: "{{seen: Ran (\\d+ tests?)}}"}}}]
          - when: {regex: "(?i)permission denied"}
            error: refused           # or unavailable, overflow
      - say: Done.
        mark: ending                 # a name for the turn, for whoever makes a variant of the transcript
        cost_usd: 0.002
        repeat: true                 # the last turn, from here on
```

`{{seen: REGEX}}` in any text of a turn stands for what the regular expression finds in what the model was told, newest
message first: its first group, or all of it where it has none. So a turn can name what nobody knew when it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from beth_kit.model.base import Stop
from beth_sdk.entry_points import directory_of, entry_points
from beth_sdk.errors import ConfigurationError

GROUP = "beth.transcripts"
"""Entry points of installed transcripts: a name, and the package whose YAML files it is made of."""

_SEEN = re.compile(r"\{\{seen: (.+?)\}\}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class When(_Part):
    """What the last tool result must hold."""

    contains: str | None = None
    regex: str | None = None

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _says_something(self) -> When:
        if self.contains is None and self.regex is None:
            raise ValueError("`when` needs contains or regex")
        return self

    def fits(self, seen: str | None) -> bool:
        if seen is None:
            return False
        contained = self.contains is None or self.contains in seen
        return contained and (self.regex is None or re.search(self.regex, seen) is not None)


class Call(_Part):
    """A tool call. `arguments` as a text goes out as it is, also where it is not JSON."""

    name: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)


class Tokens(_Part):
    """The usage a turn reports."""

    input_tokens: int = Field(0, ge=0)
    output_tokens: int = Field(0, ge=0)
    cached_tokens: int = Field(0, ge=0)
    reasoning_tokens: int = Field(0, ge=0)


class Turn(_Part):
    """One answer, or the error instead of it. `also`: further keys of the message, as a provider adds them."""

    when: When | None = None
    say: str | None = None
    calls: list[Call] = Field(default_factory=list)
    stop: Stop | None = None
    usage: Tokens = Tokens()
    cost_usd: float = Field(0.0, ge=0, allow_inf_nan=False)
    also: dict[str, Any] = Field(default_factory=dict)
    error: Literal["unavailable", "overflow", "refused"] | None = None
    repeat: bool = False
    mark: str | None = None


class FirstOf(_Part):
    """Alternatives: the first whose condition fits."""

    first_of: Annotated[list[Turn], Field(min_length=1)]


def _kind(entry: object) -> str:
    alternatives = isinstance(entry, FirstOf) or (isinstance(entry, Mapping) and "first_of" in entry)
    return "first_of" if alternatives else "turn"


# Told which of the two is meant, a mistake is reported for that one.
_Entry = Annotated[Annotated[FirstOf, Tag("first_of")] | Annotated[Turn, Tag("turn")], Discriminator(_kind)]
Turns = Annotated[list[_Entry], Field(min_length=1)]


class Transcript(_Part):
    """What a model says: by role, then task type, turn after turn."""

    roles: dict[str, dict[str, Turns]]


# -- reading ----------------------------------------------------------------------------------


def read(path: Path | str) -> Transcript:
    """The transcript in a file, or in a folder whose *.yaml files each have other roles. Raises `ConfigurationError`
    for the first mistake in it."""
    path = Path(path)
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files:
        raise ConfigurationError(f"{path}: no transcript is in this folder: it has no *.yaml")
    roles: dict[str, Any] = {}
    for file in files:
        try:
            found = parse(file.read_text(encoding="utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{file}: cannot be read as a transcript ({error}){_known()}") from None
        if twice := sorted(roles.keys() & found.roles.keys()):
            raise ConfigurationError(f"{file}: the role {twice[0]} is in another file of this folder too")
        roles |= found.roles
    return Transcript(roles=roles)


def parse(text: str, source: str) -> Transcript:
    """A transcript from its text. Raises `ConfigurationError` for the first mistake in it."""
    import yaml

    try:
        return Transcript.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{source}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise ConfigurationError(f"{source}: {where}: {first['msg']}") from None


# -- those that are installed -----------------------------------------------------------------


def installed() -> dict[str, EntryPoint]:
    """The installed transcripts by name, nothing imported."""
    found: dict[str, EntryPoint] = {}
    for entry_point in entry_points(GROUP)[0]:
        found.setdefault(entry_point.name, entry_point)
    return found


def located(name: str) -> Path:
    """Where the transcript of this name is; a path where none is called so. Raises `ConfigurationError`."""
    entry_point = installed().get(name)
    if entry_point is None:
        return Path(name)
    try:
        return directory_of(entry_point, "__init__.py")
    except LookupError as error:
        raise ConfigurationError(f"transcript {name}: {error}") from None


def _known() -> str:
    names = ", ".join(installed())
    return f"; installed transcripts: {names}" if names else ""


# -- what was seen ----------------------------------------------------------------------------


def filled(value: Any, texts: Sequence[str]) -> Any:
    """`value` with what `{{seen: REGEX}}` stands for in each text of it. `texts`: what the model was told, oldest
    first. Raises LookupError where nothing fits."""
    match value:
        case str():
            return _SEEN.sub(lambda found: _seen(found[1], texts), value)
        case list():
            return [filled(one, texts) for one in value]
        case dict():
            return {name: filled(one, texts) for name, one in value.items()}
        case _:
            return value


def _seen(regex: str, texts: Sequence[str]) -> str:
    for text in reversed(texts):
        if found := re.search(regex, text, re.MULTILINE):
            return str(found[1] if found.re.groups else found[0])
    raise LookupError(f"it is for what fits {regex!r}, and nothing that was seen does")
