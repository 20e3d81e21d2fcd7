"""Plans from files, and what is wrong with them in one line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from beth_agent_beth.plan import workflow
from beth_sdk.errors import ConfigurationError

TASK = '[[task]]\nname = "{name}"\nagent = "tester"\ntype = "verify"\n'


def text_of(*names: str, extra: str = "") -> str:
    return 'name = "plan"\n' + "".join(TASK.format(name=name) for name in names) + extra


def test_a_workflow_that_comes_with_beth_is_found_by_its_name() -> None:
    plan = workflow.load("feature")
    assert [(task.name, task.needs) for task in plan.task] == [
        ("requirements", []),
        ("research", ["requirements"]),
        ("design", ["requirements"]),
        ("implementation", ["requirements", "research", "design"]),
        ("verification", ["requirements", "implementation"]),
        ("security", ["requirements", "implementation"]),
    ]
    assert plan.roles == ["product-manager", "researcher", "ux-designer", "developer", "tester", "security-reviewer"]
    assert [(task.name, task.recheck) for task in plan.task if task.gate] == [
        ("verification", []),
        ("security", ["verification"]),
    ]


@pytest.mark.parametrize(
    ("name", "gates"),
    [
        ("feature", ["verification", "security"]),
        ("bug", ["security", "verification"]),
        ("audit", []),
        ("design-system", ["design-review", "verification"]),
    ],
)
def test_what_is_built_passes_gates_and_an_audit_has_none(name: str, gates: list[str]) -> None:
    plan = workflow.load(name)
    assert [task.name for task in plan.task if task.gate] == gates


@pytest.mark.parametrize("name", workflow.names())
def test_every_task_that_comes_with_beth_says_why_it_is_there(name: str) -> None:
    assert [task.name for task in workflow.load(name).task if not task.reason] == []


@pytest.mark.parametrize("name", workflow.names())
def test_every_workflow_that_comes_with_beth_can_be_carried_out(name: str) -> None:
    assert workflow.load(name).name == name


def test_an_unknown_workflow_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError, match=r"no workflow is called 'featrue'.*did you mean 'feature'\?"):
        workflow.load("featrue")


def test_a_name_that_is_near_nothing_gets_no_suggestion() -> None:
    with pytest.raises(ConfigurationError) as refused:
        workflow.load("zzzz")
    assert "did you mean" not in str(refused.value)
    assert "feature" in str(refused.value)


def test_a_workflow_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(text_of("one"))
    assert workflow.load(str(tmp_path / "mine.toml")).roles == ["tester"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml: No such file"):
        workflow.load(str(tmp_path / "none.toml"))


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(ConfigurationError, match=r"latin\.toml: not UTF-8 text"):
        workflow.load(str(tmp_path / "latin.toml"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = 1 2\n", r"workflow test: .*line 1"),
        ('name = "plan"', r"workflow test: task: Field required"),
        ('name = "plan"\ntask = []', r"workflow test: task: List should have at least 1 item"),
        (text_of("one").replace("tester", "Tester!"), r"workflow test: task\.0\.agent: "),
        (text_of("../one"), r"workflow test: task\.0\.name: "),
        (text_of("one", extra='need = ["two"]\n'), r"workflow test: task\.0\.need: Extra inputs"),
        (text_of("one", "two", "one"), r"plan plan: two tasks are called 'one'"),
        (text_of("one", extra='needs = ["two"]\n'), r"plan plan: one needs 'two', which is no task of it"),
        (text_of("one", "two", extra='needs = ["one", "one"]\n'), r"plan plan: two needs a task twice"),
    ],
)
def test_what_is_wrong_with_a_workflow_is_said_in_one_line(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as refused:
        workflow.parse(text, "test")
    assert "\n" not in str(refused.value)


def test_a_cycle_is_named_task_by_task() -> None:
    text = (
        'name = "plan"\n'
        + TASK.format(name="start")
        + TASK.format(name="one")
        + 'needs = ["start", "three"]\n'
        + TASK.format(name="two")
        + 'needs = ["one"]\n'
        + TASK.format(name="three")
        + 'needs = ["two"]\n'
    )
    with pytest.raises(ConfigurationError, match="wait for each other: one → three → two → one"):
        workflow.parse(text, "test")


def test_a_task_that_needs_itself_is_a_cycle() -> None:
    with pytest.raises(ConfigurationError, match="wait for each other: one → one"):
        workflow.parse(text_of("one", extra='needs = ["one"]\n'), "test")


def chain(length: int) -> list[dict[str, object]]:
    return [
        {"name": f"t{n}", "agent": "tester", "type": "verify", "needs": [f"t{n - 1}"] if n else []}
        for n in range(length)
    ]


def test_a_chain_of_ten_thousand_tasks_is_checked_in_no_time() -> None:
    began = time.monotonic()
    plan = workflow.plan_of({"name": "long", "task": chain(workflow.MAX_TASKS)}, "test")
    assert len(plan.task) == workflow.MAX_TASKS
    assert time.monotonic() - began < 5


def test_a_plan_with_more_tasks_than_that_is_refused_as_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="at most 10000 items"):
        workflow.plan_of({"name": "long", "task": chain(workflow.MAX_TASKS + 1)}, "test")


def test_roles_that_nobody_plays_are_all_named_with_their_places() -> None:
    plan = workflow.load("feature")
    with pytest.raises(ConfigurationError) as refused:
        workflow.check_roles(plan, {"product-manager", "testr"})
    text = str(refused.value)
    assert "'developer' ($.task[3].agent)" in text
    assert "'tester' ($.task[4].agent, did you mean 'testr'?)" in text
    assert "installed: product-manager, testr" in text


def test_a_plan_whose_roles_are_all_played_passes() -> None:
    workflow.check_roles(workflow.load("feature"), {*workflow.load("feature").roles, "other"})
