"""What is asked for with `beth run` and `beth submit`: by options, or by a recording that is to be replayed."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from beth_agent_beth import recorded, requests
from beth_agent_beth.commands.limits import OPTIONS, limits, with_default
from beth_agent_beth.commands.reading import Wanted, read_request
from beth_agent_beth.completing import workflow_names
from beth_agent_beth.fold import facts, policy
from beth_agent_beth.fold.policy import Policy
from beth_agent_beth.models import chosen
from beth_agent_beth.plan import workflow
from beth_agent_beth.plan.roster import BETH, roster
from beth_agent_beth.running import embedded, players, roles, team
from beth_kit import places
from beth_kit.model.choice import MODELS, RECORD, REPLAY, models_variable
from beth_kit.workspace import source, started_from
from beth_kit.workspace.errors import WorkspaceError
from beth_sdk.bus.base import Bus
from beth_sdk.errors import ConfigurationError
from beth_sdk.journal.base import Journal
from beth_sdk.settings import Settings

T = TypeVar("T")

VARIABLES = (MODELS, RECORD, REPLAY)
"""By which agents are told what `--model`, `--record` and `--replay` were given."""

_OPTIONS = (
    click.argument("request", metavar="REQUEST|FILE", required=False),
    click.option(
        "--criteria", "-c", multiple=True, metavar="TEXT", help="An acceptance criterion; may be given several times."
    ),
    click.option(
        "--workflow",
        "-w",
        default="feature",
        show_default=True,
        shell_complete=workflow_names,
        help="A workflow's name, the path of a .toml file, or auto: Beth's model makes the plan.",
    ),
    click.option("--approve-plan", is_flag=True, help="Show the plan and ask before anything is done."),
    click.option("--priority", type=click.IntRange(0, 4), default=2, show_default=True, help="0 first … 4 last."),
    *OPTIONS,
    click.option("--repo", metavar="PATH|URL", help="The git repository to start from; it is only read."),
    click.option("--branch", help="Its branch to start from, instead of what is checked out."),
    click.option(
        "--model",
        "models",
        multiple=True,
        metavar="[ROLE=]MODEL",
        help="The model of all roles, or of one.",
    ),
    click.option("--record", metavar="DIR", help="Keep the request and all its model calls there, to be replayed."),
    click.option("--replay", metavar="DIR", help="Do the request again that was recorded there, without any model."),
)


@dataclass(frozen=True, slots=True)
class Given:
    """What is said of a request, before it is known what it means. `budget`: `cost_usd`, `tokens`, `seconds`; money
    that is not said is the policy's, None is no limit."""

    request: str | Wanted | None
    criteria: Sequence[str] = ()
    workflow: str = "feature"
    approve_plan: bool = False
    priority: int = 2
    repo: str | None = None
    branch: str | None = None
    models: Sequence[str] = ()
    record: str | None = None
    replay: str | None = None
    budget: Mapping[str, Any] | None = None


def request_options(function: Callable[..., T]) -> Callable[..., T]:
    """Adds the argument and the options that say what is asked for; the function gets them as one `Given`, for
    `asked`."""

    @functools.wraps(function)
    def gathered(*, max_cost: float | str | None, max_tokens: int | None, max_time: float | None, **values: Any) -> T:
        said = {one.name: values.pop(one.name) for one in fields(Given) if one.name in values}
        return function(Given(**said, budget=limits(max_cost, max_tokens, max_time)), **values)

    with_options: Callable[..., T] = gathered
    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options


@dataclass(frozen=True, slots=True)
class Asked:
    """A request before it is handed in. `environment`: variables for the agents that do it."""

    wanted: Wanted
    plan: workflow.Plan | None
    """None: Beth's model makes it."""
    priority: int = 2
    request_id: str | None = None
    repo: Mapping[str, str | None] | None = None
    received_at: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    models: Sequence[str] = ()
    order: Sequence[str] = ()
    team: Sequence[Mapping[str, Any]] = ()
    policy: Policy | None = None
    approve_plan: bool = False
    budget: Mapping[str, Any] | None = None
    """Limits: `cost_usd`, `tokens`, `seconds`, as far as there are any."""

    @property
    def needed(self) -> set[str]:
        """The roles that it takes: all, where any of them may be planned with."""
        if self.plan is None:
            return {BETH, *(str(one["role"]) for one in self.team)}
        fixer = (self.policy or Policy()).gate.fix.agent
        fixes = any(task.gate and task.fix is None for task in self.plan.task)
        there = {name for one in self.team for name in (one["role"], *one.get("aliases", ()))}
        return {*self.plan.roles, *({fixer} & there if fixes else ())}

    @property
    def replayed(self) -> bool:
        return REPLAY in self.environment

    async def submit(self, bus: Bus, journal: Journal) -> str:
        """Hand it in; returns its id. Raises `ConfigurationError` where what is to be replayed is there already."""
        if self.replayed:
            assert self.request_id is not None
            await _refuse_known(journal, self.request_id)
        name = await requests.submit(
            bus,
            journal,
            self.wanted.description,
            acceptance_criteria=self.wanted.criteria,
            plan=self.plan,
            priority=self.priority,
            request_id=self.request_id,
            repo=self.repo,
            environment=self.environment,
            received_at=self.received_at,
            order=self.order,
            team=self.team,
            policy=self.policy,
            approve_plan=self.approve_plan,
            budget=self.budget,
        )
        if RECORD in self.environment:
            recorded.write(Path(self.environment[RECORD]), await requests.read(journal, name))
        return name


def asked(settings: Settings, given: Given, *, request_id: str | None = None, check_roles: bool = True) -> Asked:
    """What the options mean; with `check_roles`, somebody here must play each role of the plan, unless on a server.

    Raises `UsageError`, `ConfigurationError`, `WorkspaceError` before anything is written."""
    if (given.models or given.record or given.replay) and not embedded(settings):
        scheme = settings.bus_url.partition(":")[0]
        raise ConfigurationError(
            f"--model, --record and --replay reach agents of this machine only; with {scheme} they run elsewhere: "
            f"set {', '.join(VARIABLES)} there"
        )
    if given.replay is not None:
        _refuse_beside_replay()
        again = _again(settings, Path(given.replay).absolute())
        if check_roles and again.plan is not None:
            _check_roles(again.plan, settings)
        return again
    if given.request is None:
        raise click.UsageError("say what shall be done: REQUEST, or a FILE that holds it")
    if given.branch is not None and given.repo is None:
        raise click.UsageError("--branch names a branch of --repo, which is missing")
    request = given.request
    wanted = request if isinstance(request, Wanted) else read_request(request, given.criteria)
    plan = None if given.workflow == facts.AUTO else workflow.load(given.workflow)
    if check_roles and plan is not None:
        _check_roles(plan, settings)
    goes_by = policy.load(os.environ)
    # Who hands a request in for agents elsewhere does not know who they are; a planner has to know somebody.
    known = plan is None or (check_roles and embedded(settings))
    here = roster(team()[0]) if known else []
    environment: dict[str, str] = {}
    if given.models:
        needed = {BETH, *roles()} if plan is None else set(plan.roles)
        chosen(players(needed), settings, os.environ, given.models)  # says what is wrong with them
        environment[MODELS] = models_variable(given.models, os.environ)
    if given.record is not None:
        folder = Path(given.record).absolute()
        recorded.check_folder(folder, request_id)
        environment[RECORD] = str(folder)
    start = None if given.repo is None else asyncio.run(_start(given.repo, given.branch))
    return Asked(
        wanted,
        plan,
        given.priority,
        request_id,
        start,
        None,
        environment,
        tuple(given.models),
        team=here,
        policy=goes_by,
        approve_plan=given.approve_plan,
        budget=with_default(given.budget, goes_by.budget),
    )


@contextmanager
def told_by_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets those of `VARIABLES` for the agents that run in this process. A recording is no replay, so one takes the
    other away."""
    variables = {name: value for name, value in variables.items() if name in VARIABLES}
    before = {name: os.environ.get(name) for name in VARIABLES}
    gone = (RECORD, REPLAY) if RECORD in variables or REPLAY in variables else ()
    _set({**dict.fromkeys(gone), **variables})
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


async def _start(repo: str, branch: str | None) -> dict[str, str | None]:
    """What the request starts from: the repository with its absolute path, and the commit it is at now."""
    try:
        where, _ = source.address(repo)
        if started_from.without_secret(where) != where:
            raise ConfigurationError(
                "--repo: the address holds a user or a password, which the journal would keep; leave it to git's "
                "credential helper"
            )
        return {"source": where, "branch": branch, "commit": await source.newest(where, branch)}
    except WorkspaceError as error:
        if "not appear to be a git repository" in str(error):
            made = "name one, or make it one: git init, git add, git commit"
            raise ConfigurationError(f"--repo {repo}: it is no git repository; {made}") from None
        raise ConfigurationError(f"--repo {error}") from None


def _again(settings: Settings, folder: Path) -> Asked:
    found = recorded.read(folder)
    if (places.workspaces(settings.home) / "repositories" / f"{found.request_id}.git").exists():
        raise _known(found.request_id)
    return Asked(
        Wanted(found.description, found.criteria),
        found.plan,
        found.priority,
        found.request_id,
        found.repo,
        found.received_at,
        {REPLAY: str(folder)},
        order=found.order,
        team=found.team,
        policy=found.policy,
        budget=found.budget,
    )


def _check_roles(plan: workflow.Plan, settings: Settings) -> None:
    if embedded(settings):
        workflow.check_roles(plan, roles())


async def _refuse_known(journal: Journal, request_id: str) -> None:
    if await requests.exists(journal, request_id):
        raise _known(request_id)


def _known(request_id: str) -> ConfigurationError:
    return ConfigurationError(f"{request_id} was done in this home already; replay it in another: set BETH_HOME")


def _refuse_beside_replay() -> None:
    context = click.get_current_context()
    source_of = context.get_parameter_source
    given = [
        one
        for one in context.command.params
        if one.name not in ("replay", "no_input", "bus", "as_json")
        and source_of(one.name or "") is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        named = ", ".join(one.opts[0] if isinstance(one, click.Option) else one.human_readable_name for one in given)
        raise click.UsageError(f"--replay takes everything from the recording; leave out {named}")
