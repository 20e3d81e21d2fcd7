"""What `beth up` shows of its processes."""

from __future__ import annotations

import io
import json
import sys

import pytest

from beth_sdk.cli.supervised import Screen, in_words
from beth_sdk.cli.supervisor import Happening, Place
from beth_sdk.testing.clock import ManualClock

PLACE = Place("developer", 2)


@pytest.mark.parametrize(
    ("event", "data", "words"),
    [
        ("started", {"pid": 42}, "developer/2 started (process 42)"),
        ("exited", {"exit_code": 0, "seconds": 3.0}, "developer/2 ended after 3 s"),
        ("exited", {"exit_code": 7, "seconds": 61.0}, "developer/2 crashed (exit code 7) after 1 min 1 s"),
        ("exited", {"exit_code": -9, "seconds": 0.5}, "developer/2 was ended by SIGKILL after 0.5 s"),
        ("exited", {"exit_code": 2, "seconds": 0.5}, "developer/2 is configured wrongly, and ended after 0.5 s"),
        ("restarting", {"delay": 4.0}, "developer/2 is started again in 4 s"),
    ],
)
def test_what_happens_is_told_in_words(event: str, data: dict[str, object], words: str) -> None:
    assert in_words(Happening(event, PLACE, data)) == words


def test_programs_get_a_json_line_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(11, ManualClock(), as_json=True).tell(Happening("started", PLACE, {"pid": 42}))
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out) == {
        "event": "started",
        "role": "developer",
        "index": 2,
        "pid": 42,
        "time": "2023-11-14T22:13:20.000Z",
    }


def test_the_output_of_processes_is_marked_and_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(11, ManualClock(), as_json=False)
    screen.output(Place("qa", 1), "hello")
    screen.output(PLACE, "there")
    assert capsys.readouterr().err == "qa/1        | hello\ndeveloper/2 | there\n"


def test_a_reader_that_is_gone_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    gone: list[bool] = []
    screen = Screen(11, ManualClock(), as_json=False)
    screen.on_gone = lambda: gone.append(True)
    monkeypatch.setattr(sys, "stderr", Gone())
    screen.say("one")
    screen.say("two")
    assert gone == [True]
