"""When a provider is asked again, and when not any more."""

from typing import Any

import pytest

from beth_kit.model.base import ModelRefused, ModelUnavailable
from beth_kit.model.retrying import Passing, Persistence, meaning_of, retry_after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "17"}, 17.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Tue, 14 Nov 2023 22:14:00 GMT"}, 40.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, wall=1_700_000_000.0) == seconds


async def test_a_provider_that_asks_for_less_than_the_backoff_gets_the_backoff(clock: Any) -> None:
    outcomes: list[Any] = [Passing("busy", 0.1), Passing("busy", 0.1), "done"]

    async def attempt(seconds: float) -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return str(outcome)

    assert await Persistence(clock, random=lambda: 0.0).insist(attempt, who="m", deadline=60) == "done"
    assert clock.slept == [0.5, 1.0]


async def test_tries_are_counted(clock: Any) -> None:
    async def attempt(seconds: float) -> str:
        raise Passing("busy")

    with pytest.raises(ModelUnavailable, match="m was asked 2 times without success; at last: busy"):
        await Persistence(clock).insist(attempt, who="m", deadline=600, tries=2)


async def test_an_attempt_is_told_how_long_it_may_take(clock: Any) -> None:
    told: list[float] = []

    async def attempt(seconds: float) -> str:
        told.append(seconds)
        clock.advance(seconds)
        raise Passing("busy")

    with pytest.raises(ModelUnavailable):
        await Persistence(clock, random=lambda: 0.0, patience=40).insist(attempt, who="m", deadline=60)
    assert told == [40.0, 19.5]


async def test_any_other_error_is_raised_as_it_is(clock: Any) -> None:
    async def attempt(seconds: float) -> str:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        await Persistence(clock).insist(attempt, who="m", deadline=60)


def test_an_answer_that_litellm_in_a_gateway_could_not_read_is_not_the_request_s_fault() -> None:
    told = "litellm.BadRequestError: GeminiException - Error converting to valid response block=Expecting value"
    assert isinstance(meaning_of(422, told, who="m", key_variable="K"), Passing)
    assert isinstance(meaning_of(422, "no such field", who="m", key_variable="K"), ModelRefused)
