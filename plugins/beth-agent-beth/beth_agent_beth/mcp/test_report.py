from __future__ import annotations

from beth_agent_beth.fold import facts
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.mcp.report import cut, status_of
from beth_agent_beth.mcp.watching import news_of
from beth_sdk.journal.base import Entry, Fact, Version

PLANNED = {"workflow": "solo", "tasks": [{"id": "r.1", "name": "only", "agent": "developer", "type": "implement"}]}


def request(*further: Fact) -> RequestState:
    state = RequestState("r")
    told = [Fact(facts.RECEIVED, {"request": {"description": "Build it", "workflow": "solo"}}), *further]
    for number, fact in enumerate(told, 1):
        state.take_in(Entry(Version(number), fact, 1, 1000.0))
    return state


def test_a_request_is_told_with_its_version_and_what_to_do() -> None:
    told = status_of(request())
    assert (told.request_id, told.status, told.description, told.version) == ("r", "received", "Build it", 1)
    assert "watch_request" in told.next


def test_one_that_ended_is_told_as_ended() -> None:
    told = status_of(request(Fact(facts.ENDED, {"status": "failed", "reason": "it broke"})))
    assert (told.status, told.reason) == ("failed", "it broke")
    assert told.next == "It has ended: tell the user how. Nothing was committed."


def test_where_the_agents_cannot_work_that_is_what_is_told() -> None:
    assert "developer has no key" in status_of(request(), ["developer has no key"]).next


def test_a_plan_alone_is_no_news_and_an_end_is() -> None:
    planned = Fact(facts.PLANNED, PLANNED)
    assert news_of(request()) == news_of(request(planned))
    ended = Fact(facts.ENDED, {"status": "cancelled", "reason": ""})
    assert news_of(request(planned)) != news_of(request(planned, ended))


def test_long_text_is_cut() -> None:
    assert cut("  short ", 10) == "short"
    assert cut("x" * 20, 10) == "x" * 9 + "…"
