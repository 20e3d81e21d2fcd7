"""Which queues a command is about."""

from __future__ import annotations

import click
import pytest

from beth_sdk.cli import queues
from beth_sdk.cli.conftest import add_agent
from beth_sdk.cli.queues import chosen_queues
from beth_sdk.conftest import Site
from beth_sdk.errors import ConfigurationError


def test_a_queue_that_is_named_is_taken_as_it_is() -> None:
    assert chosen_queues("some.queue", None) == ("some.queue",)


def test_a_role_means_all_its_queues(site: Site) -> None:
    add_agent(site, "echo", extra='aliases = ["tasks.echoes"]\ntopics = ["shouts"]\n')
    assert chosen_queues(None, "echo") == ("tasks.echo", "tasks.echoes", "shouts")


def test_a_role_that_nobody_plays_any_more_means_the_queue_of_its_name() -> None:
    assert chosen_queues(None, "retired") == ("tasks.retired",)


def test_without_either_all_queues_of_installed_agents_are_meant(site: Site) -> None:
    add_agent(site, "echo")
    add_agent(site, "other")
    add_agent(site, "broken", extra="rple = 1\n")
    found = chosen_queues(None, None)
    assert {"tasks.echo", "tasks.other"} <= set(found)
    assert "tasks.broken" not in found


def test_both_at_once_are_refused() -> None:
    with pytest.raises(click.UsageError, match="exclude each other"):
        chosen_queues("q", "r")


def test_where_no_agent_is_installed_one_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "discover_agents", list)
    with pytest.raises(ConfigurationError, match="name one with --queue or --role"):
        chosen_queues(None, None)
