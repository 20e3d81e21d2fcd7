"""The models of an agent's manifest: what `schemas/v1/manifest.schema.json` says, as frozen models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, PrivateAttr, StringConstraints, model_validator

from beth_sdk.messages import Amount, Role, Topic, _Model, _pattern, _whole
from beth_sdk.variables import DURATION_PATTERN, parse_duration

CLASS_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$(?!\n)"
_SEGMENT = r"(?:[^./\\\x00-\x1f][^/\\\x00-\x1f]*|\.[^./\\\x00-\x1f][^/\\\x00-\x1f]*|\.\.[^/\\\x00-\x1f]+)"
RELATIVE_PATH_PATTERN = rf"^{_SEGMENT}(?:/{_SEGMENT})*$(?!\n)"
"""A path that stays below its directory: no leading slash, no `.` or `..` as a part, no backslash."""

ENVIRONMENT_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)"
MEMORY_PATTERN = r"^[0-9]{1,9}(?:\.[0-9]{1,3})?[KMGTkmgt]?$(?!\n)"
APT_PATTERN = r"^[a-z0-9][a-z0-9.+-]*$(?!\n)"

Text = Annotated[str, StringConstraints(min_length=1, strict=True)]
RelativePath = Annotated[str, _pattern(RELATIVE_PATH_PATTERN, None)]
Duration = Annotated[str, _pattern(DURATION_PATTERN, None)]
Count = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_whole)]
Number = Annotated[int, Field(ge=0, le=1000), BeforeValidator(_whole)]


class _Table(_Model):
    """A table of the manifest. People write it by hand, so a key that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class TaskType(_Table):
    """One kind of task the role does. Paths are relative to the manifest."""

    prompt: RelativePath | None = Field(None, examples=["prompts/implement.md"])
    input: RelativePath | None = Field(None, examples=["schemas/implement.input.json"])
    output: RelativePath | None = Field(None, examples=["schemas/implement.output.json"])


class ModelChoice(_Table):
    """A language model by its provider and its name there."""

    provider: Text = Field(examples=["anthropic"])
    name: Text = Field(examples=["claude-sonnet-4-20250514"])


class Limits(_Table):
    """What a task of this role may use. `wall`: all the time it may run; `timeout`: one run of its command."""

    attempts: Count = Field(3, examples=[3])
    lease: Duration = Field("60s", examples=["60s"])
    concurrency: Count = Field(1, examples=[1])
    steps: Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(_whole)] = Field(250, examples=[250])
    cost_usd: Amount | None = Field(None, examples=[3.0])
    wall: Duration | None = Field(None, examples=["4h"])
    timeout: Duration | None = Field(None, examples=["30m"])

    @property
    def lease_seconds(self) -> float:
        return parse_duration(self.lease)

    @property
    def wall_seconds(self) -> float | None:
        return None if self.wall is None else parse_duration(self.wall)

    @property
    def timeout_seconds(self) -> float | None:
        return None if self.timeout is None else parse_duration(self.timeout)


class Deploy(_Table):
    """How the role is deployed: how many processes, what each may use, which system packages its image needs."""

    replicas: Number = Field(1, examples=[2])
    min: Number = Field(0, examples=[0])
    max: Count | None = Field(None, examples=[8])
    memory: Annotated[str, _pattern(MEMORY_PATTERN, None)] | None = Field(None, examples=["4G"])
    cpus: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = Field(None, examples=[2.0])
    apt: list[Annotated[str, _pattern(APT_PATTERN, None)]] = Field(default_factory=list, examples=[["git", "ripgrep"]])
    image: Text | None = Field(None, examples=["security"])


class Manifest(_Table):
    """What an agent package declares of itself."""

    manifest_version: Annotated[int, Field(ge=1, le=1), BeforeValidator(_whole)] = Field(examples=[1])
    role: Role = Field(examples=["developer"])
    description: Text = Field(examples=["Implements features in the request's workspace"])
    class_: Annotated[str, _pattern(CLASS_PATTERN, None)] | None = Field(
        None, alias="class", examples=["my_package.agent:Developer"]
    )
    command: Annotated[list[str], Field(min_length=1)] | None = Field(None, examples=[["./agent.sh"]])
    topics: list[Topic] = Field(default_factory=list, examples=[["tasks.documentation"]])
    aliases: list[Topic] = Field(default_factory=list, examples=[["tasks.security"]])
    task_types: dict[Role, TaskType] = Field(
        default_factory=dict, examples=[{"implement": {"prompt": "prompts/implement.md"}}]
    )
    model: ModelChoice | None = Field(None, examples=[{"provider": "anthropic", "name": "claude-sonnet-4-20250514"}])
    network: Literal["none", "packages", "open"] = Field("none", examples=["none"])
    limits: Limits = Field(default_factory=Limits, examples=[{"attempts": 3, "lease": "60s"}])
    skills: list[RelativePath] = Field(default_factory=list, examples=[["skills/testing.md"]])
    tools: list[Text] = Field(default_factory=list, examples=[["my_package.tools:search"]])
    mcp: list[dict[str, JsonValue]] = Field(default_factory=list, examples=[[{"name": "docs", "command": ["./docs"]}]])
    environment: list[Annotated[str, _pattern(ENVIRONMENT_PATTERN, None)]] = Field(
        default_factory=list, examples=[["GITHUB_TOKEN"]]
    )
    repeat: Literal["safe", "never"] = Field("never", examples=["safe"])
    deploy: Deploy = Field(default_factory=Deploy, examples=[{"replicas": 2}])

    _directory: Path | None = PrivateAttr(None)
    _distribution: str | None = PrivateAttr(None)
    _package_version: str | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _one_way_to_run(self) -> Self:
        if (self.class_ is None) == (self.command is None):
            raise ValueError("exactly one of class and command says what plays the role")
        return self

    @property
    def directory(self) -> Path | None:
        """The directory the manifest was read from; its paths are relative to it."""
        return self._directory

    @property
    def distribution(self) -> str | None:
        """The name of the installed distribution the manifest came with."""
        return self._distribution

    @property
    def package_version(self) -> str | None:
        """The version of that distribution."""
        return self._package_version

    @property
    def queues(self) -> tuple[str, ...]:
        """Where the role's tasks come from: `tasks.<role>` and its aliases first, then the further topics."""
        return tuple(dict.fromkeys((*self.own_queues, *self.topics)))

    @property
    def own_queues(self) -> tuple[str, ...]:
        """`tasks.<role>` and its aliases: names of one and the same queue, so whoever reads one reads all."""
        return tuple(dict.fromkeys((f"tasks.{self.role}", *self.aliases)))

    def located(
        self, directory: Path | None, *, distribution: str | None = None, package_version: str | None = None
    ) -> Manifest:
        """A copy that knows where it came from."""
        copy = self.model_copy()
        copy._directory = directory
        copy._distribution = distribution
        copy._package_version = package_version
        return copy
