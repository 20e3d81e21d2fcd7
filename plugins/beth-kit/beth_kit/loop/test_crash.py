"""A worker may die at any moment: whoever goes on ends with the same work, and pays for nothing twice."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from beth_kit.context import KitContext
from beth_kit.loop.agent import LLMAgent
from beth_kit.loop.answering import MAY_HAVE_RUN
from beth_kit.loop.conftest import FINISH, Plays, Puppet, bash, call, puppet_of, reply, to_the_end
from beth_kit.testing import Stage
from beth_kit.tools.base import tool
from beth_sdk.journal.base import Fact
from beth_sdk.messages import Result
from beth_sdk.testing import ManualClock

PRICE = 0.01

REPLIES = [
    reply(bash("echo once >> log.txt; echo draft > draft.txt")),
    reply(call("edit", {"action": "create", "path": "a.py", "file_text": "print(1)\n"})),
    reply(call("post", {"text": "hello"})),
    reply(call("commit", {"message": "Begin", "paths": ["a.py"]}), bash("echo twice >> log.txt; rm draft.txt")),
    reply(call("ask", {"question": "Which colour?"}), bash("echo answered >> log.txt")),
    reply(call("commit", {"message": "Go on"})),
    reply(bash("cat log.txt; git status --short"), FINISH),
]

FACTS = 26
"""What an undisturbed run writes through its steps."""

_WHOLE: list[tuple[Stage, Result, dict[str, str]]] = []
"""The undisturbed run, once it was made: the measure of all others."""


class Poster(LLMAgent):
    """Has a tool with an effect outside of the workspace."""

    def __init__(self) -> None:
        self.posted: list[str] = []

        @tool(repeat="told", writes=False)
        async def post(ctx: KitContext, text: str) -> str:
            """Post it."""
            self.posted.append(text)
            return "posted"

        self.tools = (post,)  # type: ignore[misc]


def stage_of(plays: Plays) -> Stage:
    model = Puppet(REPLIES, PRICE)
    return plays(agent=Poster(), model=model, clock=ManualClock())


async def outcome(stage: Stage) -> tuple[Result, dict[str, str]]:
    return await to_the_end(stage, ["Blue"]), await stage.files()


def replies_of(stage: Stage) -> list[Any]:
    """The model's calls that have an outcome: what was decided before each, and what it said."""
    return [(one["reply"], one["usage"], one["at"]) for one in stage.diary.outcomes("model")]


def requests_of(stage: Stage) -> dict[str, list[Any]]:
    """What the model was sent, by the call's key. That a call may have run is taken for its answer."""
    found: dict[str, list[Any]] = {}
    for request in puppet_of(stage).requests:
        messages = [{**one, "content": "posted"} if one["content"] == MAY_HAVE_RUN else one for one in request.messages]
        found.setdefault(request.key, []).append({**dataclasses.asdict(request), "messages": messages})
    return found


async def undisturbed(plays: Plays) -> tuple[Stage, Result, dict[str, str]]:
    if not _WHOLE:
        stage = stage_of(plays)
        _WHOLE.append((stage, *await outcome(stage)))
    return _WHOLE[0]


async def test_the_undisturbed_run_is_one_to_measure_others_by(plays: Plays) -> None:
    stage, result, files = await undisturbed(plays)
    assert result.status == "complete"
    assert files == {"a.py": "print(1)\n", "log.txt": "once\ntwice\nanswered\n"}
    assert sum(kind != "started" for kind in stage.diary.kinds) == FACTS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("place", range(FACTS))
async def test_a_death_at_any_fact_changes_nothing(plays: Plays, place: int, after: bool) -> None:
    whole, expected, expected_files = await undisturbed(plays)
    stage, killed = stage_of(plays), _Death(place)
    setattr(stage.diary, "kill_after" if after else "kill_before", killed)
    result, files = await outcome(stage)

    assert killed.at is not None
    assert (result.result, files) == (expected.result, expected_files)
    assert [one.commit for one in result.artifacts] == [one.commit for one in expected.artifacts]
    assert replies_of(stage) == replies_of(whole)
    # The call that was under way is made again, as it was; none with an outcome is.
    lost_call = killed.at.kind == "step_done" and killed.at.data["name"] == "model" and not after
    again = {key: len(sent) for key, sent in requests_of(stage).items() if len(sent) > 1}
    assert list(again.values()) == ([2] if lost_call else [])
    wanted = requests_of(whole)
    for key, sent in requests_of(stage).items():
        assert sent == wanted[key] * len(sent)
    # What nobody has the outcome of counts as spent.
    unknown = lost_call or (killed.at.kind == "step_started" and killed.at.data["name"] == "model" and after)
    assert stage.spending.cost_usd == pytest.approx(PRICE * (len(REPLIES) + unknown))
    # With an effect outside: at most once, and the model knows where it may have been.
    agent = stage.agent
    assert isinstance(agent, Poster)
    in_post = killed.at.data["name"] == "post"
    not_begun = in_post and killed.at.kind == "step_started" and after
    assert len(agent.posted) == (0 if not_begun else 1)
    told = in_post and (killed.at.kind == "step_started") == after
    assert (await stage.told("post")) == [MAY_HAVE_RUN if told else "posted"]


class _Death:
    """Of the worker that writes fact number `place`; `at` is which that was."""

    def __init__(self, place: int) -> None:
        self._left = place
        self.at: Fact | None = None

    def __call__(self, fact: Fact) -> bool:
        self._left -= 1
        if self._left == -1:
            self.at = fact
        return self._left == -1


async def test_a_task_that_dies_at_every_step_pays_no_outcome_twice(plays: Plays) -> None:
    stage = stage_of(plays)
    stage.diary.kill_after = lambda fact: fact.kind == "step_done"
    result, files = await outcome(stage)
    assert result.status == "complete"
    assert files["log.txt"] == "once\ntwice\nanswered\n"
    assert len(puppet_of(stage).requests) == len(REPLIES)
    assert stage.spending.cost_usd == pytest.approx(PRICE * len(REPLIES))


async def test_the_journal_grows_by_what_is_new(plays: Plays) -> None:
    stage = plays(*[reply(bash(f"echo {number:03}")) for number in range(40)], reply(FINISH))
    await stage.deliver()
    sizes = [len(str(entry.fact.data)) for entry in stage.diary.entries if entry.fact.data.get("name") == "model"]
    assert max(sizes[20:]) < max(sizes[:20]) + 50
