"""The three programs, each run as a process with a task on stdin."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from .conftest import SEED, Play, Played, files, play_raw

ROLES = ("analyst", "builder", "checker")

NASTY: dict[str, Any] = {
    "description": "Über {braces} %s \"quotes\" 'single' \\n `code`\nand a second line\u2028and a third",
    "acceptance_criteria": [
        "It says '''; import os; os.abort() #",
        '"""',
        "{0} {name}",
        "- [ ] **C1** (story S9): forged",
        "日本語のみ",
        "  spaces   and\n\nnew lines  ",
        "x" * 3000,
        "twice",
        "twice",
    ],
}
"""Texts that break programs that put them where they do not belong."""


def all_three(play: Play, payload: dict[str, Any]) -> Played:
    play("analyst", payload)
    play("builder", payload)
    return play("checker", payload)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "stdin", [b"", b"garbage", b"[]", b"{}", b'{"payload": {}}', b'{"payload": {"description": 5}}']
)
def test_without_a_task_on_stdin_it_ends_with_65_and_one_line(role: str, stdin: bytes, work: Path) -> None:
    played = play_raw(role, stdin, work)
    assert played.code == 65
    assert played.stderr.count("\n") == 1
    assert "stdin holds no task" in played.stderr
    assert files(work) == {}


def test_every_result_says_that_no_model_was_used(play: Play) -> None:
    for role in ROLES:
        played = play(role)
        assert (played.result["model"], played.result["note"]) == ("none", "no model was used")
        assert played.message["usage"] == {"model": "none", "llm_calls": 0}
        assert played.progress


def test_every_artifact_refers_to_a_file_that_is_there_as_it_says(play: Play) -> None:
    artifacts = [*play("analyst").message["artifacts"], *play("builder").message["artifacts"]]
    assert len(artifacts) == 7
    for artifact in artifacts:
        content = Path(unquote(urlsplit(artifact["uri"]).path)).read_bytes()
        assert artifact["kind"] == "file"
        assert artifact["size"] == len(content)
        assert artifact["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("role", ["analyst", "builder"])
def test_running_it_again_changes_nothing(role: str, play: Play, work: Path) -> None:
    play("analyst")
    first, before = play(role).message, files(work)
    assert play(role).message == first
    assert files(work) == before


# -- analyst --------------------------------------------------------------------------


def test_the_prd_has_a_story_and_a_testable_criterion_for_each_criterion(play: Play, work: Path) -> None:
    result = play("analyst").result
    prd = (work / "PRD.md").read_text()
    assert prd.startswith("# PRD: Build user authentication with JWT\n")
    for number, text in enumerate(SEED["acceptance_criteria"], 1):
        assert f"- [ ] **C{number}** (story S{number}): {text}\n" in prd
        assert f"- **S{number}** (from C{number}): " in prd
        assert {"id": f"C{number}", "text": text, "story": f"S{number}"} in result["criteria"]
    assert [line for line in prd.splitlines() if line.startswith("## ")] == [
        "## Problem",
        "## Stories",
        "## Acceptance criteria",
        "## Out of scope",
    ]
    assert "filled from a template; no model was used" in prd


def test_without_criteria_the_description_is_the_criterion(play: Play) -> None:
    result = play("analyst", {"description": "Add a health check"}).result
    assert [one["text"] for one in result["criteria"]] == ["Add a health check"]


# -- builder --------------------------------------------------------------------------------


def test_the_skeleton_is_a_package_that_imports_and_knows_its_criteria(play: Play, work: Path) -> None:
    play("analyst")
    result = play("builder").result
    assert result["package"] == "build_user_authentication_with_jwt"
    code = (
        f"import json, sys; sys.path.insert(0, '.'); import {result['package']} as p; print(json.dumps(p.criteria()))"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", code], cwd=work, capture_output=True, check=True)
    assert json.loads(ran.stdout) == result["criteria"]


def test_it_says_that_nothing_is_implemented(play: Play, work: Path) -> None:
    result = play("builder").result
    assert "nothing is implemented" in result["summary"]
    assert "Nothing that the request asks for is implemented" in (work / "README.md").read_text()
    assert "None of them is implemented" in (work / "docs" / "criteria.md").read_text()
    assert "jwt" not in (work / result["package"] / "__init__.py").read_text().lower()


def test_each_criterion_has_a_test_named_after_it(play: Play, work: Path) -> None:
    play("builder")
    source = (work / "tests" / "test_criteria.py").read_text()
    assert "def test_c1_jwt_access_tokens_with_15min_expiry(self)" in source
    assert source.count("def test_c") == 3


def test_stories_come_from_the_prd_and_without_one_there_are_none(play: Play) -> None:
    assert [one["story"] for one in play("builder").result["criteria"]] == [None, None, None]
    play("analyst")
    assert [one["story"] for one in play("builder").result["criteria"]] == ["S1", "S2", "S3"]


@pytest.mark.parametrize(
    ("description", "package"),
    [("JSON", "request_json"), ("2 factors", "request_2_factors"), ("Class", "request_class"), ("日本", "request")],
)
def test_the_package_can_be_imported_whatever_the_request_is_called(play: Play, description: str, package: str) -> None:
    assert play("builder", {"description": description}).result["package"] == package


@pytest.mark.parametrize("where", ["payload", "upstream"])
def test_a_fix_makes_all_files_anew_and_names_the_findings(play: Play, work: Path, where: str) -> None:
    play("builder")
    (work / "criteria.json").unlink()
    finding = {"title": "the criteria are not recorded", "place": "criteria.json"}
    found = {"findings": [finding]}
    more = found if where == "payload" else {"upstream": [{"task_id": "t", "agent": "checker", "result": found}]}
    result = play("builder", {**SEED, **more}, kind="fix").result
    assert result["findings_seen"] == [finding]
    assert "1 findings seen, all files made anew" in result["summary"]
    assert (work / "criteria.json").exists()


# -- checker -----------------------------------------------------------------------------------


def broken(play: Play, work: Path, name: str, content: str) -> Played:
    """The verdict after somebody changed a file."""
    play("analyst")
    play("builder")
    (work / name).write_text(content)
    return play("checker")


def test_it_approves_what_the_other_two_made(play: Play) -> None:
    played = all_three(play, SEED)
    assert played.message["verdict"] == {"decision": "approved", "findings": []}
    assert (played.result["ran"], played.result["failures"], played.result["errors"]) == (3, 0, 0)
    assert played.result["output_tail"].endswith("OK")


def test_texts_of_any_kind_pass_through_all_three_as_text(play: Play) -> None:
    played = all_three(play, NASTY)
    assert played.message["verdict"]["decision"] == "approved", played.result
    assert played.result["ran"] == len(NASTY["acceptance_criteria"])


def test_a_criterion_that_vanished_from_the_prd_fails_its_test(play: Play, work: Path) -> None:
    played = broken(play, work, "PRD.md", "# PRD\n")
    assert played.message["verdict"]["decision"] == "changes_requested"
    assert played.result["failures"] == 3
    places = [finding["place"] for finding in played.result["findings"]]
    assert any("test_c2_refresh_token_rotation" in place for place in places)


def test_a_criterion_that_the_builder_left_out_is_found_although_all_tests_pass(play: Play) -> None:
    fewer = {**SEED, "acceptance_criteria": SEED["acceptance_criteria"][:2]}
    play("builder", fewer)
    played = play("checker")
    assert (played.result["ran"], played.result["failures"]) == (2, 0)
    assert [finding["title"] for finding in played.result["findings"]] == [
        "a criterion is not recorded: Secure httpOnly cookies"
    ]
    assert played.message["verdict"]["decision"] == "changes_requested"


def test_a_test_that_cannot_be_imported_is_an_error(play: Play, work: Path) -> None:
    played = broken(play, work, "tests/test_more.py", "import no_such_module")
    assert played.result["errors"] == 1
    assert [finding["title"] for finding in played.result["findings"]] == ["a test cannot be run"]


def test_expected_failures_are_no_failures_and_skipped_tests_are_counted(play: Play, work: Path) -> None:
    source = """
import unittest
class More(unittest.TestCase):
    @unittest.expectedFailure
    def test_expected(self):
        self.fail()
    @unittest.skip("not today")
    def test_skipped(self):
        pass
"""
    played = broken(play, work, "tests/test_more.py", source)
    assert played.message["verdict"]["decision"] == "approved"
    assert (played.result["ran"], played.result["failures"], played.result["skipped"]) == (5, 0, 1)


@pytest.mark.parametrize(
    "content", [None, "", "import unittest\n@unittest.skip('x')\nclass T(unittest.TestCase):\n def test(self): pass"]
)
def test_without_a_test_that_runs_nothing_is_approved(play: Play, work: Path, content: str | None) -> None:
    play("builder")
    (work / "tests" / "test_criteria.py").unlink()
    if content is None:
        (work / "tests" / "__init__.py").unlink()
        (work / "tests").rmdir()
    else:
        (work / "tests" / "test_all.py").write_text(content)
    played = play("checker")
    assert played.message["verdict"]["decision"] == "changes_requested"
    assert played.result["findings"][0]["title"] in {"there are no tests", "every test was skipped"}


def test_a_test_process_that_dies_is_a_finding(play: Play, work: Path) -> None:
    played = broken(play, work, "tests/test_more.py", "import os; os._exit(3)")
    assert played.message["verdict"]["decision"] == "changes_requested"
    assert played.result["ran"] == 0


def test_tests_that_do_not_end_are_stopped(play: Play, work: Path) -> None:
    play("builder")
    os.mkfifo(work / "never")
    (work / "tests" / "test_more.py").write_text("open('never').read()")
    played = play("checker", {**SEED, "timeout_seconds": 0.5})
    assert played.result["timed_out"] is True
    assert played.result["findings"][0]["title"] == "the tests did not end in time"
    assert played.message["verdict"]["decision"] == "changes_requested"


def test_a_module_in_the_work_directory_cannot_take_the_place_of_pythons_own(play: Play, work: Path) -> None:
    (work / "json.py").write_text("raise SystemExit('hijacked')")
    assert play("analyst").code == 0
    assert play("builder").code == 0
