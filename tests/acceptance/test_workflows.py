"""Every workflow, and a plan that Beth's own model makes, from a request to a branch: the real roles with models that
are scripted, whose tools, checks, commits and merges are real."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from beth_kit.workspace import clearing
from beth_sdk import history
from beth_sdk.openers import open_journal
from tests.acceptance import team_script as script

PATIENCE = 110


class Shop:
    """A home of Beth, a repository of the user's, and a script for the whole team."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.users = folder / "users"
        self.home = folder / "home"
        self._script = folder / "team.yaml"
        self.meetings = folder / "meetings"
        self.meetings.mkdir()

    def begin(self, **files: str) -> None:
        """The user's repository, with these files (`app_py`: app.py)."""
        self.users.mkdir()
        for name, text in {"README_md": "A shop.", **files}.items():
            (self.users / name.replace("_", ".")).write_text(f"{text}\n")
        who = ["-c", "user.name=User", "-c", "user.email=user@example.org"]
        for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "First"]):
            subprocess.run(["git", *who, *words], cwd=self.users, check=True, timeout=30)

    def say(self, roles: dict[str, Any]) -> None:
        """What the models will say."""
        self._script.write_text(json.dumps({"roles": roles}))

    def meet(self, *pairs: tuple[str, str]) -> dict[str, script.Turn]:
        """Turns, by `role/type`, that end only when both of a pair have begun."""
        turns: dict[str, script.Turn] = {}
        for pair in pairs:
            one, other = (name.replace("/", "-") for name in pair)
            for name in (f"{one}-to-{other}", f"{other}-to-{one}"):
                os.mkfifo(self.meetings / name)
            found = script.meeting(self.meetings, one, other)
            turns |= {pair[0]: found[one], pair[1]: found[other]}
        return turns

    def beth(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the real CLI."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BETH_", "LLM_", "MESSAGE_"))}
        return subprocess.run(
            [sys.executable, "-m", "beth_sdk.cli", *arguments],
            cwd=self.folder,
            # Off, because two tasks meet in a folder that belongs to neither: a sandbox would rightly refuse that.
            env={
                **kept,
                "BETH_HOME": str(self.home),
                "BETH_SANDBOX": "off",
                "LLM_PROVIDER": "scripted",
                "LLM_MODEL": str(self._script),
            },
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def run(self, workflow: str, *options: str) -> dict[str, Any]:
        """Have the request done; returns what `--json` prints of it in the end."""
        words = ["-w", workflow, "--criteria", script.CRITERION, "--repo", str(self.users), "--id", script.ID]
        handed_in = self.beth("submit", script.REQUEST, *words, *options)
        assert handed_in.returncode == 0, handed_in.stderr
        return self.resume()

    def resume(self) -> dict[str, Any]:
        ran = self.beth("resume", script.ID, "--json")
        assert ran.stdout, ran.stderr
        told: dict[str, Any] = json.loads(ran.stdout)
        return told

    def files(self, told: dict[str, Any]) -> dict[str, str]:
        """The files of the request's branch with what is in them."""
        git = ["git", "--git-dir", told["repository"]]
        named = subprocess.run(
            [*git, "ls-tree", "-r", "--name-only", told["commit"]], capture_output=True, text=True, check=True
        ).stdout.split()
        return {
            name: subprocess.run(
                [*git, "show", f"{told['commit']}:{name}"], capture_output=True, text=True, check=True
            ).stdout
            for name in named
        }

    def spans(self, told: dict[str, Any]) -> dict[str, tuple[float, float]]:
        """When each task was at work: from when it was taken to its end, in seconds since the Unix epoch."""

        async def read() -> dict[str, tuple[float, float]]:
            journal = await open_journal(f"sqlite:///{self.home}/beth.db")
            found: dict[str, tuple[float, float]] = {}
            for task in told["tasks"]:
                times = [entry.at async for entry in journal.read(history.stream_of(task["task_id"]))]
                found[task["name"]] = times[0], times[-1]
            await journal.close()
            return found

        return asyncio.run(read())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def is_complete(told: dict[str, Any]) -> None:
    failed = [(one["name"], one["status"], one["error"]) for one in told["tasks"] if one["status"] != "complete"]
    assert (told["status"], told["reason"], failed) == ("complete", "", [])
    assert told["questions"] == []


def nothing_is_left(shop: Shop) -> bool:
    """Whether no clone is: what the tasks did is in the branch."""
    return clearing.requests_with_clones(shop.home) == [] and (shop.home / "repositories").is_dir()


def names(told: dict[str, Any]) -> list[str]:
    return [one["name"] for one in told["tasks"]]


def overlap(spans: dict[str, tuple[float, float]], one: str, other: str) -> bool:
    return max(spans[one][0], spans[other][0]) < min(spans[one][1], spans[other][1])


# -- the workflows ----------------------------------------------------------------------------


def test_a_feature_is_written_down_built_found_wanting_fixed_and_approved(shop: Shop) -> None:
    shop.begin()
    meetings = shop.meet(("researcher/research", "ux-designer/design"))
    shop.say(script.team(meetings))
    told = shop.run("feature")
    is_complete(told)
    plan = ["requirements", "research", "design", "implementation", "verification", "security"]
    assert names(told) == [*plan, "verification-fix", "verification-2"]
    files = shop.files(told)
    assert files["app.py"] == 'print("hello")\n'
    documents = {f"{script.DOCUMENTS}/{name}.md" for name in ("prd", "research", "design", "security")}
    assert documents <= set(files)
    assert set(told["commits"]) >= {"product-manager", "researcher", "ux-designer", "developer", "security-reviewer"}
    spans = shop.spans(told)
    assert overlap(spans, "research", "design")
    assert spans["requirements"][1] <= min(spans["research"][0], spans["design"][0])
    assert max(spans["research"][1], spans["design"][1]) <= spans["implementation"][0]
    assert nothing_is_left(shop)


def test_both_gates_of_a_feature_look_at_the_same_time(shop: Shop) -> None:
    shop.begin()
    roles = script.team()
    roles["developer"]["implement"][0] = script.put({"app.py": script.RIGHT, "tests/test_app.py": script.TEST})
    # The tester's verdict follows from its last command, so it meets in a turn of its own before that.
    turns = shop.meet(("tester/verify", "security-reviewer/review"))
    for place, turn in turns.items():
        role, _, type_ = place.partition("/")
        roles[role][type_].insert(0, turn)
    shop.say(roles)
    told = shop.run("feature")
    is_complete(told)
    assert "verification-fix" not in names(told)
    assert overlap(shop.spans(told), "verification", "security")


def test_a_bug_is_reproduced_fixed_reviewed_and_verified(shop: Shop) -> None:
    shop.begin(app_py=script.WRONG)
    shop.say(script.team())
    told = shop.run("bug")
    is_complete(told)
    assert names(told) == ["reproduction", "fix", "security", "verification"]
    files = shop.files(told)
    assert files["app.py"] == 'print("hello")\n'
    assert "test_it_greets" in files["tests/test_app.py"]
    spans = shop.spans(told)
    ordered = [spans[name] for name in names(told)]
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(ordered))


def test_an_audit_ends_with_one_report_of_what_two_found_side_by_side(shop: Shop) -> None:
    shop.begin(app_py=script.WRONG)
    meetings = shop.meet(("security-reviewer/audit", "tester/assess"))
    shop.say(script.team(meetings))
    told = shop.run("audit")
    is_complete(told)
    assert names(told) == ["security-audit", "assessment", "report"]
    files = shop.files(told)
    assert files["app.py"] == 'print("helo")\n', "an audit changes nothing"
    assert {f"{script.DOCUMENTS}/{name}.md" for name in ("security", "assessment", "report")} <= set(files)
    assert overlap(shop.spans(told), "security-audit", "assessment")


def test_a_design_system_is_designed_built_compared_and_tested(shop: Shop) -> None:
    shop.begin()
    roles = script.team()
    roles["developer"]["implement"][0] = script.put({"app.py": script.RIGHT, "tests/test_app.py": script.TEST})
    for place, turn in shop.meet(("ux-designer/review", "tester/verify")).items():
        role, _, type_ = place.partition("/")
        roles[role][type_].insert(0, turn)
    shop.say(roles)
    told = shop.run("design-system")
    is_complete(told)
    assert names(told) == ["design-system", "implementation", "design-review", "verification"]
    assert json.loads(shop.files(told)["design/tokens.json"]) == script.TOKENS
    assert overlap(shop.spans(told), "design-review", "verification")


# -- plans that Beth's model makes ------------------------------------------------------------


def task(name: str, agent: str, type_: str, needs: str = "", **fields: Any) -> dict[str, Any]:
    told = {"description": f"{script.REQUEST}: {name}", "reason": "It is needed", "size": "S"}
    return {"name": name, "agent": agent, "type": type_, "needs": needs.split(), **told, **fields}


GOOD = {
    "name": "small",
    "task": [
        task("change", "developer", "implement"),
        task("look", "researcher", "research"),
        task("check", "tester", "verify", "change", gate=True),
    ],
}
CYCLE = {
    "name": "cycle",
    "task": [task("change", "developer", "implement", "check"), task("check", "tester", "verify", "change")],
}
UNKNOWN = {"name": "unknown", "task": [task("change", "wizard", "implement")]}
MANY = {"name": "many", "task": [task(f"change-{number}", "developer", "implement") for number in range(500)]}
NONE: dict[str, Any] = {"name": "none", "task": []}


def test_a_planned_request_is_carried_out_as_its_plan_says(shop: Shop) -> None:
    shop.begin()
    meetings = shop.meet(("developer/implement", "researcher/research"))
    shop.say({**script.team(meetings), "beth": script.planner(GOOD)})
    told = shop.run("auto")
    is_complete(told)
    assert set(names(told)) >= {"change", "look", "check", "check-fix", "check-2"}
    assert shop.files(told)["app.py"] == 'print("hello")\n'
    assert overlap(shop.spans(told), "change", "look")


def test_a_planner_that_is_told_what_is_wrong_with_its_plan_corrects_itself(shop: Shop) -> None:
    shop.begin()
    objections = ("wait for each other", "wizard", "100 at most", "task")
    corrected = script.planner(CYCLE, UNKNOWN, MANY, NONE, GOOD, objections=objections)
    shop.say({**script.team(), "beth": corrected})
    is_complete(shop.run("auto"))


FLAWS = [
    (CYCLE, "its tasks wait for each other"),
    (UNKNOWN, "'wizard'"),
    (MANY, "500 tasks are too many, 100 at most"),
    (NONE, "result.plan.task: [] should be non-empty"),
]


@pytest.mark.parametrize(("plan", "flaw"), FLAWS, ids=[str(plan["name"]) for plan, _ in FLAWS])
def test_a_planner_that_never_makes_a_good_plan_ends_the_request_with_the_reason(
    shop: Shop, plan: dict[str, Any], flaw: str
) -> None:
    shop.begin()
    (turn,) = script.planner(plan)["plan"]
    shop.say({**script.team(), "beth": {"plan": [{**turn, "repeat": True}]}})
    told = shop.run("auto")
    assert told["status"] == "failed"
    assert told["reason"].startswith("no plan was made: ")
    assert flaw in told["reason"]
    assert names(told) == ["plan"]
    assert told["commit"] is None


def test_a_planned_request_waits_for_approval_where_that_is_wanted(shop: Shop) -> None:
    shop.begin()
    shop.say({**script.team(), "beth": script.planner(GOOD)})
    waiting = shop.run("auto", "--approve-plan")
    assert [one["kind"] for one in waiting["questions"]] == ["plan"]
    assert names(waiting) == ["plan"]
    shown = shop.beth("plan", script.ID)
    assert 'name = "change"' in shown.stdout
    assert shop.beth("answer", script.ID, "approve").returncode == 0
    is_complete(shop.resume())
