"""`make run`: a request from its words to a branch that somebody would merge."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from beth_sdk import history, openers
from beth_sdk.settings import Settings
from tests.demo.played import Played, command_of_make, environment

pytestmark = pytest.mark.slow

ROLES = {"product-manager", "researcher", "ux-designer", "developer", "tester", "security-reviewer"}


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_it_ends_complete_and_waits_for_nobody(demo: Played) -> None:
    assert demo.code == 0, demo.printed
    assert "--no-input" in command_of_make()[0]
    assert demo.request["status"] == "complete"
    assert {one["status"] for one in demo.tasks} <= {"complete", "changes_requested", "sent_back"}


def test_it_says_that_the_model_is_scripted_and_charges_nothing(demo: Played) -> None:
    for role in ROLES:
        assert re.search(rf"^{role} +demo \(scripted\) +not needed +\w+ +0 +0 ", demo.printed, re.MULTILINE)
    assert "scripted: no model is asked" in demo.printed
    assert not demo.request["usage"].get("cost_usd")


def test_each_role_has_committed_under_its_name(demo: Played, signin: Path) -> None:
    authors = set(git(signin, "log", "--no-merges", "--format=%ae").split())
    assert {f"{role}@beth.invalid" for role in ROLES} <= authors
    assert int(git(signin, "rev-list", "--count", "--author=developer", "HEAD")) >= 6


def test_the_tests_that_were_made_pass_when_run_by_hand(signin: Path) -> None:
    ran = subprocess.run(["python3", "-m", "unittest"], cwd=signin, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = re.search(r"^Ran (\d+) tests", ran.stderr, re.MULTILINE)
    assert found is not None
    assert int(found[1]) >= 30


def test_a_defect_was_found_by_running_put_right_and_approved(demo: Played) -> None:
    refused, fix, approved = (demo.task(name) for name in ("verification", "verification-fix", "verification-2"))
    assert refused["verdict"]["decision"] == "changes_requested"
    (finding,) = refused["verdict"]["findings"]
    assert finding["place"] == "auth/sessions.py:13"
    assert "refreshing after 14 minutes gives 200, after 15 minutes 401" in finding["detail"]
    assert (fix["agent"], fix["type"], fix["status"]) == ("developer", "fix", "complete")
    assert approved["verdict"] == {"decision": "approved", "findings": []}
    log = demo.beth("log", refused["task_id"])
    assert "FAIL: test_s2_2_a_session_goes_on_after_the_access_token_has_expired" in log
    assert "refreshing after 15 minutes: 401" in log


def test_the_tester_changed_no_code_and_the_developer_none_of_its_tests(signin: Path) -> None:
    changed = git(signin, "log", "--author=tester@", "--format=", "--name-only").split()
    assert changed == ["tests/test_acceptance.py"]
    authors = git(signin, "log", "--format=%ae", "--", "tests/test_acceptance.py").split()
    assert authors == ["tester@beth.invalid"]


def test_the_security_reviewer_approves_with_low_findings_at_lines_that_are_there(demo: Played, signin: Path) -> None:
    verdict = demo.task("security")["verdict"]
    assert verdict["decision"] == "approved"
    assert [one["severity"] for one in verdict["findings"]] == ["low"] * 3
    named = {"_login", "_register", "subject"}
    for one in verdict["findings"]:
        file, line = one["place"].split(":")
        code = (signin / file).read_text().splitlines()[int(line) - 1]
        named.remove(re.findall(r"def (\w+)", code)[0])


def test_every_document_stands_where_its_result_says(demo: Played, signin: Path) -> None:
    documents = [one["result"]["document"] for one in demo.tasks if "document" in one["result"]]
    folder = f"docs/requests/{demo.id}"
    assert sorted(documents) == [f"{folder}/{name}.md" for name in ("design", "prd", "research", "security")]
    for name in documents:
        text = (signin / name).read_text()
        assert len(text) > 500
        assert "{{" not in text


async def test_no_tool_refused_anything_on_the_way(demo: Played) -> None:
    journal = await openers.open_journal(Settings.from_environment(environment(demo.home)).journal_url)
    try:
        for one in demo.tasks:
            facts = [entry.fact async for entry in journal.read(history.stream_of(one["task_id"]))]
            outcomes = [fact.data["outcome"] for fact in facts if fact.kind == history.STEP_DONE]
            assert [outcome for outcome in outcomes if outcome.get("reply", {}).get("error")] == []
            assert any("reply" in outcome for outcome in outcomes)
    finally:
        await journal.close()


def test_what_was_made_is_clean_python(signin: Path) -> None:
    for command in (["ruff", "check", "--isolated", "--line-length", "120"], ["mypy", "--strict"]):
        ran = subprocess.run(
            [sys.executable, "-m", *command, "auth", "tests"], cwd=signin, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout


def test_what_is_printed_at_the_end_leads_to_it(demo: Played, tmp_path: Path) -> None:
    after = subprocess.run(
        [sys.executable, "-m", "beth_team.after"],
        env=environment(demo.home),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert after.returncode == 0, after.stderr
    assert "No model was asked" in after.stdout
    assert "make recover" in after.stdout
    assert "ANTHROPIC_API_KEY=" in after.stdout
    lines = [line[2:].split("  ")[0] for line in after.stdout.splitlines() if line.startswith(("  beth", "  (cd"))]
    assert [line.split()[:2] for line in lines[:4]] == [["beth", one] for one in ("show", "diff", "log", "checkout")]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**environment(demo.home), "PATH": path, "PAGER": "cat"}
    for line in lines:
        ran = subprocess.run(line, shell=True, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{line}: {ran.stderr}"
