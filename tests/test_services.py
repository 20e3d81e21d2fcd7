"""A service that is absent skips its tests and is listed; one that is required and absent fails them."""

from __future__ import annotations

import pytest

from tests.services import AbsentError, Services


def there() -> str:
    return "version 3"


def not_there() -> str:
    raise AbsentError("nothing listens")


def test_a_service_that_is_there_says_what_was_found() -> None:
    assert Services({"queue": there}, "").require("queue") == "version 3"


def test_an_absent_service_skips_the_test_with_its_reason() -> None:
    with pytest.raises(pytest.skip.Exception, match="queue is absent: nothing listens"):
        Services({"queue": not_there}, "").require("queue")


def test_an_absent_service_that_is_required_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match="nothing listens; BETH_REQUIRE_SERVICES"):
        Services({"queue": not_there}, "queue").require("queue")


def test_a_service_found_absent_in_use_is_absent_for_every_later_test() -> None:
    services = Services({"queue": there}, "")
    services.require("queue")
    with pytest.raises(pytest.skip.Exception):
        services.absent("queue", "it hung up")
    with pytest.raises(pytest.skip.Exception, match="it hung up"):
        services.require("queue")


def test_only_services_that_tests_asked_for_are_listed() -> None:
    services = Services({"queue": there, "store": not_there, "other": there}, "")
    services.require("queue")
    with pytest.raises(pytest.skip.Exception):
        services.require("store")
    assert services.lines() == [
        "queue: version 3",
        "store: ABSENT (nothing listens): the tests that need it were skipped",
    ]


def test_requiring_a_service_nobody_knows_stops_the_run() -> None:
    with pytest.raises(pytest.UsageError, match="unknown: quue"):
        Services({"queue": there}, "quue")


def test_each_service_is_looked_for_once() -> None:
    looked: list[int] = []

    def find() -> str:
        looked.append(1)
        return "there"

    services = Services({"queue": find}, "")
    services.require("queue")
    services.require("queue")
    assert looked == [1]
