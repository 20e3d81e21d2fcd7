"""What packages say of their steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beth_sdk.cli.conftest import Beth, OnPorts
from beth_sdk.cli.log_text import LogLines
from beth_sdk.cli.steps import GROUP, Tellers
from beth_sdk.cli.test_log import STARTED, STEP, ended, journaled
from beth_sdk.conftest import Site
from beth_sdk.journal.base import Entry, Fact, Version

MODULE = """\
class Teller:
    async def whole(self, data):
        return {**data, "outcome": {"unfolded": True}}

    def lines(self, data, *, full):
        return ["told by the package", "\\x1b[2J more" if full else "more"] if data["name"] == "one" else None

def steps(settings, task_id):
    return Teller()

def broken(settings, task_id):
    raise RuntimeError("no")
"""


def entry(kind: str, epoch: int = 1, **data: Any) -> Entry:
    return Entry(Version(1), Fact(kind, data), epoch, 0.0)


def test_a_package_tells_its_own_steps(beth: Beth, on_ports: OnPorts, site: Site) -> None:
    site.files({"zz_steps.py": MODULE})
    site.distribution("zz-steps", {GROUP: {"zz": "zz_steps:steps"}})
    on_ports(lambda both: journaled(both, STARTED, STEP, ended()))
    lines = beth("log", "task-1").stdout.splitlines()
    assert any(line.endswith("  told by the package") for line in lines)
    assert "            more" in lines
    assert beth("log", "task-1", "--json").json["facts"][1]["data"]["outcome"] == {"unfolded": True}


def test_what_it_says_cannot_steer_the_terminal(beth: Beth, on_ports: OnPorts, site: Site) -> None:
    site.files({"zz_steps.py": MODULE})
    site.distribution("zz-steps", {GROUP: {"zz": "zz_steps:steps"}})
    on_ports(lambda both: journaled(both, STARTED, STEP))
    assert "\x1b" not in beth("log", "task-1", "--full").stdout


def test_a_broken_package_is_named_and_the_log_is_shown_without_it(beth: Beth, on_ports: OnPorts, site: Site) -> None:
    site.files({"zz_steps.py": MODULE})
    site.distribution("zz-steps", {GROUP: {"a": "zz_steps:broken", "b": "zz_gone:steps"}})
    on_ports(lambda both: journaled(both, STARTED, STEP))
    ran = beth("log", "task-1")
    assert ran.exit_code == 0
    assert "step one done" in ran.stdout
    assert "zz_steps:broken: RuntimeError: no" in ran.stderr
    assert "zz_gone" in ran.stderr


class Raising:
    async def whole(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        raise ValueError("unreadable")

    def lines(self, data: Mapping[str, Any], *, full: bool) -> Sequence[str] | None:
        raise ValueError("no words")


async def test_a_package_that_fails_leaves_the_step_as_it_is() -> None:
    tellers = Tellers([Raising()])
    data = {"name": "one", "n": 0}
    assert await tellers.whole(data) == data
    assert tellers.lines(data, full=False) is None
    assert tellers.problems == ["step one: unreadable", "step one: no words"]


# -- steps that began -------------------------------------------------------------------------


def told(*entries: Entry, live: bool = False) -> list[str]:
    lines = LogLines("t", live=live)
    return [line for one in entries for line in lines.take_in(one)] + lines.rest()


BEGUN = entry("step_started", name="pay", n=0, digest="d", reserve=0.5)
DONE = entry(
    "step_done", name="pay", n=0, digest="d", outcome=1, seconds=1.0, usage={"cost_usd": 0.25, "input_tokens": 1200}
)


def test_of_a_step_that_is_done_only_what_came_of_it_is_told() -> None:
    assert [line for line in told(BEGUN, DONE) if "begins" in line] == []


def test_while_it_is_followed_a_step_is_told_when_it_begins() -> None:
    assert [line.strip() for line in told(BEGUN, live=True) if "begins" in line] == ["00:00:00  step pay begins"]


def test_a_step_whose_worker_died_in_it_is_told_with_that() -> None:
    lines = told(BEGUN, entry("started", epoch=2, continuation=0))
    assert "  00:00:00  step pay begins, and its worker died in it" in lines


def test_a_step_that_goes_on_is_told_with_that() -> None:
    assert told(BEGUN, entry("tell", epoch=0, text="hurry"))[-1].endswith("and nothing is known of it yet")


def test_in_the_end_what_was_used_up_is_told() -> None:
    lines = told(BEGUN, DONE, entry("ended", result={"status": "complete"}, seconds=1.0))
    assert lines[-1] == "  used up in all: $0.2500, 1,200 tokens in"
