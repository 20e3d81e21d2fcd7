"""Beth killed between accepting work, merging it and journaling that: each commit gets into the branch once."""

from __future__ import annotations

import pytest

from beth_agent_beth.conftest import TTL, Killed, Life, Office, Studio, Through, inputs, once, result_of, told_of_branch
from beth_agent_beth.fold import facts
from beth_sdk.messages import Result, Task

STREAM = facts.stream_of("r")


async def done(studio: Studio, task: Task) -> Result:
    """`a` and `b` do not fit together; `c` commits nothing."""
    if task.agent == "c":
        return result_of(task)
    resolving = "conflict" in (told_of_branch(task).model_extra or {})
    return await studio.work(task, x_txt="a and b\n" if resolving else f"{task.agent}\n")


async def killed_once(office: Office, studio: Studio, port: str, verb: str, when: str, nth: int) -> bool:
    """Take a request to its end, the first Beth killed at the nth call of that verb; returns whether she was."""
    name = f"r-{port}-{verb}-{when}-{nth}"
    await office.submit("a", "b", "c: a b", request_id=name)
    life = Life(nth)
    through = {
        "journal": Through(office.journal, life),
        "bus": Through(office.bus, life),
        "workspaces": Through(studio.workspaces, life),
    }
    getattr(through[port], when)[verb] = life.hit
    beth = office.beth(
        bus=through["bus"].as_bus,
        journal=through["journal"].as_journal,
        workspaces=through["workspaces"].as_workspaces,
    )
    results: list[Result] = []
    while not (await office.state(name)).ended:
        try:
            await beth.attend(name, inputs(*results), reconcile=True)
        except Killed:
            office.clock.advance(TTL + 1)  # whatever she held runs out
            beth = office.beth(workspaces=studio.workspaces)
        else:
            results = [await office.end(await done(studio, task)) for task in await office.queued("a", "b", "c")]
    kinds = await office.kinds(name)
    assert (await office.state(name)).status == "complete"
    assert [kinds.count(kind) for kind in (facts.WORKSPACE, facts.PUBLISHING, facts.TAKEN)] == [1, 4, 4]
    assert [kinds.count(kind) for kind in (facts.MERGED, facts.CONFLICT, facts.UNMERGED)] == [2, 1, 0]
    repository = await studio.repository(name)
    subjects = [entry.subject for entry in await repository.log(since=await repository.base())]
    assert sorted(subjects) == [f"Work of {name}.{number}" for number in (1, 2, 4)]
    assert (await office.state(name)).branch.head == await repository.head()
    assert (await office.state(name)).branch.commits == {"a": 1, "b": 2}
    return life.over


@pytest.mark.parametrize(
    ("port", "verb", "least"),
    [("workspaces", "open", 1), ("workspaces", "merge", 3), ("journal", "append", 12), ("bus", "publish", 4)],
)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_anywhere_she_brings_each_commit_into_the_branch_once(
    office: Office, studio: Studio, port: str, verb: str, when: str, least: int
) -> None:
    kills = 0
    while await killed_once(office, studio, port, verb, when, kills + 1):
        kills += 1
    assert kills >= least


async def test_what_was_accepted_and_not_merged_is_merged_by_the_next_beth_who_looks(
    office: Office, studio: Studio
) -> None:
    await office.submit("a", "b: a")
    workspaces = Through(studio.workspaces)
    workspaces.before["merge"] = once(Killed())
    beth = office.beth(workspaces=workspaces.as_workspaces)
    await beth.attend("r")
    work = await studio.work(await office.one_queued("a"), a_txt="a\n")
    with pytest.raises(Killed):
        await beth.attend("r", inputs(work))
    assert (await office.kinds())[-1] == facts.TAKEN
    assert not (await office.state()).branch.grown
    assert await office.queued("b") == []
    office.clock.advance(TTL + 1)
    await office.beth(workspaces=studio.workspaces).attend("r")
    assert (await office.state()).branch.head == work.artifacts[0].commit
    assert len(await office.queued("b")) == 1


async def test_a_branch_that_was_moved_and_not_journaled_is_journaled_by_the_next_beth(
    office: Office, studio: Studio
) -> None:
    await office.submit("a", "b: a")
    workspaces = Through(studio.workspaces)
    workspaces.after["merge"] = once(Killed())
    beth = office.beth(workspaces=workspaces.as_workspaces)
    await beth.attend("r")
    work = await studio.work(await office.one_queued("a"), a_txt="a\n")
    with pytest.raises(Killed):
        await beth.attend("r", inputs(work))
    assert await (await studio.repository()).head() == work.artifacts[0].commit
    assert (await office.kinds())[-1] == facts.TAKEN
    office.clock.advance(TTL + 1)
    await office.beth(workspaces=studio.workspaces).attend("r")
    branch = (await office.state()).branch
    assert (branch.head, branch.commits) == (work.artifacts[0].commit, {"a": 1})


async def test_a_task_that_is_published_again_is_told_what_it_was_told_first(office: Office, studio: Studio) -> None:
    await office.submit("a", "b")
    bus = Through(office.bus)
    bus.before["publish"] = once(Killed(), lambda queue, *_: queue == "tasks.b")
    with pytest.raises(Killed):
        await office.beth(bus=bus.as_bus, workspaces=studio.workspaces).attend("r")
    office.clock.advance(TTL + 1)
    beth = office.beth(workspaces=studio.workspaces)
    await beth.attend("r", inputs(await office.end(await studio.work(await office.one_queued("a"), a_txt="a\n"))))
    journaled = (await office.state()).tasks["r.2"].task
    await beth.attend("r", reconcile=True)
    task = await office.one_queued("b")
    assert task == journaled
    assert told_of_branch(task).commit == await (await studio.repository()).base()
