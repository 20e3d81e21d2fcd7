"""The checker's program: runs the tests in the work directory, and looks whether they cover what was asked for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beth_example_command_team.protocol import criteria_of, finish, progress, read_task, work_directory

TIMEOUT = 300.0
"""Seconds that all tests together may take, where the task does not say."""

COMMAND = [sys.executable, "-I", "-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."]

TAIL_LINES, TAIL_CHARACTERS = 30, 4000


@dataclass(frozen=True)
class Report:
    """What a run of the tests printed, and how it ended; `code` None where its time was up."""

    code: int | None
    output: str

    def count(self, what: str) -> int:
        """How many `failures`, `errors` or `skipped` the last lines name."""
        found = re.findall(rf"^(?:OK|FAILED|NO TESTS RAN) \((?:.*, )?{what}=(\d+)", self.output, re.MULTILINE)
        return int(found[-1]) if found else 0

    @property
    def ran(self) -> int:
        """How many tests were run."""
        found = re.findall(r"^Ran (\d+) tests? in ", self.output, re.MULTILINE)
        return int(found[-1]) if found else 0

    @property
    def broken(self) -> list[tuple[str, str]]:
        """What failed: `FAIL` or `ERROR`, and the test."""
        return re.findall(r"^(FAIL|ERROR): (.+)$", self.output, re.MULTILINE)

    @property
    def tail(self) -> str:
        return "\n".join(self.output.strip().splitlines()[-TAIL_LINES:])[-TAIL_CHARACTERS:]


def main() -> None:
    """Task in, report and verdict out. The verdict is about what the tests check, which their summary names."""
    task = read_task()
    directory = work_directory()
    report = run(directory, float(task["payload"].get("timeout_seconds", TIMEOUT)))
    found = [*findings_of_tests(report), *findings_of_criteria(criteria_of(task), directory)]
    approved = not found
    failures, errors, skipped = (report.count(what) for what in ("failures", "errors", "skipped"))
    passed = max(0, report.ran - failures - errors - skipped)
    finish(
        f"{report.ran} tests run, {passed} passed, {failures + errors} failed, {skipped} skipped: "
        + ("approved" if approved else f"changes requested, {len(found)} findings"),
        {
            "ran": report.ran,
            "failures": failures,
            "errors": errors,
            "skipped": skipped,
            "timed_out": report.code is None,
            "findings": found,
            "output_tail": report.tail,
        },
        [],
        verdict={"decision": "approved" if approved else "changes_requested", "findings": found},
    )


def run(directory: Path, timeout: float) -> Report:
    """Run all tests there in a process of their own. Without a folder tests/ there is nothing to run."""
    if not (directory / "tests").is_dir():
        return Report(0, "")
    progress("running the tests", timeout_seconds=timeout)
    # Into a file: a process that the tests leave behind cannot hold this up.
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            COMMAND, cwd=directory, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            code: int | None = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
        output.seek(0)
        return Report(code, output.read().decode("utf-8", "replace"))


def findings_of_tests(report: Report) -> list[dict[str, Any]]:
    """What is wrong with the tests or what they test."""
    if report.code is None:
        return [{"title": "the tests did not end in time", "severity": "high", "detail": report.tail}]
    kinds = {"FAIL": "a test fails", "ERROR": "a test cannot be run"}
    found = [{"title": kinds[kind], "severity": "high", "place": place} for kind, place in report.broken]
    if report.ran == report.count("skipped") and not found:
        title = "every test was skipped" if report.ran else "there are no tests"
        return [{"title": title, "severity": "high", "place": "tests/"}]
    if report.code != 0 and not found:
        found.append({"title": f"the tests ended with exit code {report.code}", "severity": "high"})
    return found


def findings_of_criteria(texts: list[str], directory: Path) -> list[dict[str, Any]]:
    """Criteria of the request that the builder's criteria.json does not have."""
    file = directory / "criteria.json"
    try:
        recorded = {one["text"] for one in json.loads(file.read_text(encoding="utf-8"))["criteria"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{type(error).__name__}: {error}"
        return [{"title": "the criteria are not recorded", "place": "criteria.json", "detail": problem}]
    missing = [text for text in texts if text not in recorded]
    return [{"title": f"a criterion is not recorded: {text}", "place": "criteria.json"} for text in missing]


if __name__ == "__main__":
    main()
