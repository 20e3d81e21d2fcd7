"""Which MCP servers an agent has: entries of its manifest and of the user's file, checked by the same model."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from beth_kit.sandbox.policy import Network
from beth_sdk.errors import ConfigurationError, ContractError
from beth_sdk.manifest_model import Manifest
from beth_sdk.redact import hidden
from beth_sdk.strict_json import loads
from beth_sdk.variables import parse_duration

VARIABLE = "BETH_MCP_CONFIG"

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$(?!\n)"
"""Short, because it begins the names of the server's tools, of which providers take 64 characters."""

Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]*$")]
VariableName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


def _seconds(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _words(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _variables(value: object) -> object:
    return {name: f"${{{name}}}" for name in value if isinstance(name, str)} if isinstance(value, list) else value


class Entry(BaseModel):
    """One server as it is written down. Exactly one of `command` and `url` says what it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["stdio", "http", "streamable-http"] | None = None
    command: Annotated[list[Text], BeforeValidator(_words), Field(min_length=1)] | None = None
    """The program: a path (relative to the folder of the file it is written in) or a name in PATH; arguments too."""
    args: list[Text] = Field(default_factory=list)
    """`${WORKSPACE}` in them is the work tree, which is the current directory too."""
    url: Text | None = None
    env: Annotated[dict[VariableName, str], BeforeValidator(_variables)] = Field(default_factory=dict)
    """Variables of the server: a list of names that are passed on, or values, with `${NAME}` for the agent's own."""
    headers: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")], str] = Field(
        default_factory=dict
    )
    """Of every HTTP request, with `${NAME}` for a variable of the agent's."""
    network: Network | None = None
    workspace: Literal["write", "read"] = "write"
    """Whether a program may change the work tree."""
    readable: list[Text] = Field(default_factory=list)
    """Folders besides the system's that a program must read to run: where it is installed."""
    tools: list[Text] | None = None
    """The tools that a model gets, by the server's own names; all where there is no such list."""
    timeout: Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=3600)] = 60.0
    """Seconds that a call may take, and starting the server."""
    roles: list[Text] | None = None
    """Who gets the server; every role where there is no such list. In the user's file only."""
    required: bool | None = None
    """Whether a task fails where the server cannot be used: by default what a manifest names is, the user's is not."""
    disabled: bool = False

    @model_validator(mode="after")
    def _one_kind(self) -> Entry:
        if (self.command is None) == (self.url is None):
            raise ValueError("exactly one of command and url says what the server is")
        if self.command is None:
            self._has_none_of("args", "env", "readable", "network", "workspace", why="are for a server with command")
        else:
            self._has_none_of("headers", why="are for a server with url")
        if self.type is not None and (self.type == "stdio") != (self.url is None):
            raise ValueError(f"type {self.type} does not go with {'command' if self.url is None else 'url'}")
        if self.url is not None:
            parts = urlsplit(self.url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("url must be http:// or https:// and name a host")
            if "@" in parts.netloc:
                raise ValueError('url must hold no password: use headers = {Authorization = "Bearer ${NAME}"}')
        return self

    def _has_none_of(self, *keys: str, why: str) -> None:
        found = [key for key in keys if key in self.model_fields_set]
        if found:
            raise ValueError(f"{', '.join(found)} {why}")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """One server, ready for use. `where`: the file and key it was read from, for errors. `folder`: what its relative
    paths start from."""

    name: str
    entry: Entry
    where: str = ""
    folder: Path = field(default_factory=Path)
    required: bool = False

    @property
    def argv(self) -> tuple[str, ...]:
        """The program and all arguments; nothing for a server that is reached by URL."""
        return (*self.entry.command, *self.entry.args) if self.entry.command is not None else ()

    @property
    def network(self) -> Network:
        return self.entry.network or "none"

    @property
    def identity(self) -> str:
        """Names what answers under this name: another command or URL is another server, and trusted anew."""
        relative = bool(self.argv) and "/" in self.argv[0] and not self.argv[0].startswith(("/", "~"))
        told = [list(self.argv), str(self.folder) if relative else "", self.entry.url]
        return f"{self.name}@{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]}"


def configured(manifest: Manifest, environ: Mapping[str, str], home: Path) -> tuple[ServerConfig, ...]:
    """The servers of a role: those of its manifest, then those of the user's file (BETH_MCP_CONFIG, or `mcp.json` in
    `home`) that are for it. One of the user's replaces one of the manifest's of the same name.

    Raises `ConfigurationError`, one line that names file and key.
    """
    found = {one.name: one for one in from_manifest(manifest)}
    found |= {one.name: one for one in from_user(environ, home) if _is_for(one, manifest.role)}
    return tuple(one for one in found.values() if not one.entry.disabled)


def _is_for(one: ServerConfig, role: str) -> bool:
    return one.entry.roles is None or role in one.entry.roles


def from_manifest(manifest: Manifest) -> tuple[ServerConfig, ...]:
    """The servers that a manifest names. Raises `ConfigurationError`."""
    folder = manifest.directory or Path()
    found: dict[str, ServerConfig] = {}
    for number, raw in enumerate(manifest.mcp):
        where = f"{folder / 'agent.toml'}: mcp[{number}]"
        values = dict(raw)
        name = values.pop("name", None)
        if not isinstance(name, str):
            raise ConfigurationError(f"{where}.name: it must be there and be text")
        if "roles" in values:
            raise ConfigurationError(f"{where}.roles: a manifest's servers are for its own role; take it out")
        if name in found:
            raise ConfigurationError(f"{where}.name: there is another server {name}; give one of them another name")
        entry = _entry(name, values, where)
        found[name] = ServerConfig(name, entry, where, folder, required=entry.required is not False)
    return tuple(found.values())


def from_user(environ: Mapping[str, str], home: Path) -> tuple[ServerConfig, ...]:
    """The servers of the user's file; none where there is no file and none was named. Raises `ConfigurationError`."""
    named = environ.get(VARIABLE, "")
    path = Path(named).expanduser() if named else home / "mcp.json"
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        if named:
            raise ConfigurationError(f"{VARIABLE}={named}: there is no such file") from None
        return ()
    except OSError as error:
        raise ConfigurationError(f"{path}: it cannot be read ({error.strerror})") from None
    try:
        document = loads(body, what=str(path))
    except ContractError as error:
        raise ConfigurationError(str(error)) from None
    servers = document.get("mcpServers") if isinstance(document, dict) else None
    if not isinstance(servers, dict) or set(document) != {"mcpServers"}:
        raise ConfigurationError(f'{path}: it must be one object {{"mcpServers": {{NAME: {{…}}}}}} and nothing else')
    found = []
    for name, values in servers.items():
        where = f"{path}: mcpServers.{name}"
        if not isinstance(values, dict):
            raise ConfigurationError(f"{where}: it must be an object")
        entry = _entry(name, values, where)
        found.append(ServerConfig(name, entry, where, path.absolute().parent, required=entry.required is True))
    return tuple(found)


def _entry(name: str, values: Mapping[str, Any], where: str) -> Entry:
    if re.search(NAME_PATTERN, name) is None:
        raise ConfigurationError(f"{where}: the name {hidden(name)!r} must be 1 to 32 letters, digits, - and _")
    try:
        return Entry.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in _plain(first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            said = f"there is no such key; accepted: {', '.join(Entry.model_fields)}"
        raise ConfigurationError(f"{where}{key}: {said[:1].lower()}{said[1:]}") from None


def _plain(location: Sequence[str | int]) -> list[str | int]:
    """A place without pydantic's own marks for keys of dictionaries."""
    return [part for part in location if part != "[key]"]


def expanded(text: str, environ: Mapping[str, str], where: str) -> str:
    """A value with `${NAME}` replaced by the agent's variable, or by what the file in NAME_FILE holds. Raises
    `ConfigurationError` where it has neither; never with a value in it."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if environ.get(name):
            return environ[name]
        file = environ.get(f"{name}_FILE")
        if not file:
            raise ConfigurationError(f"{where}: {name} is not set in the agent's environment; set it, or take it out")
        try:
            return Path(file).read_text("utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError):
            raise ConfigurationError(f"{where}: the file that {name}_FILE names cannot be read") from None

    return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value, text)
