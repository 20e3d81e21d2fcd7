"""What commands share."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from beth_sdk.bus.base import BEGINNING, Message
from beth_sdk.cli.options import Override, bus_option, json_option, ports, settings_from, show_json
from beth_sdk.errors import BusUnavailable, JournalUnavailable, SettingError, UnknownScheme


def test_the_bus_option_wins_over_the_environment_and_the_journal_follows() -> None:
    settings = settings_from("redis://there:6379", environ={"MESSAGE_BUS_URL": "redis://here:6379"})
    assert (settings.bus_url, settings.journal_url) == ("redis://there:6379", "redis://there:6379")


def test_a_journal_that_was_named_stays() -> None:
    settings = settings_from("redis://there:6379", environ={"BETH_JOURNAL_URL": "nats://log:4222"})
    assert settings.journal_url == "nats://log:4222"


def test_an_option_wins_over_the_file_form_of_its_variable_too() -> None:
    settings = settings_from("redis://there:6379", environ={"MESSAGE_BUS_URL_FILE": "/nowhere"})
    assert settings.bus_url == "redis://there:6379"


def test_a_wrong_value_of_an_option_names_the_option() -> None:
    with pytest.raises(SettingError, match=r"^--bus='nonsense' is not accepted; accepted: a URL"):
        settings_from("nonsense", environ={})
    with pytest.raises(SettingError, match=r"^--concurrency='0' is not accepted; accepted: a whole number"):
        settings_from(None, Override("--concurrency", "BETH_CONCURRENCY", "0"), environ={})


def test_a_wrong_value_of_the_environment_names_the_variable() -> None:
    with pytest.raises(SettingError, match=r"^BETH_LEASE='soon' is not accepted"):
        settings_from("redis://there:6379", environ={"BETH_LEASE": "soon"})


def test_an_option_that_was_not_given_changes_nothing() -> None:
    settings = settings_from(None, Override("--instance", "BETH_INSTANCE", None), environ={"BETH_INSTANCE": "one"})
    assert settings.instance == "one"


async def test_ports_are_open_in_the_block_and_closed_after_it(tmp_path: Path) -> None:
    settings = settings_from(f"sqlite:///{tmp_path}/beth.db", environ={"HOME": str(tmp_path)})
    async with ports(settings) as both:
        await both.bus.append("topic", Message("key", b"body"))
        assert both.journal.id
    with pytest.raises(BusUnavailable):
        await both.bus.read("topic", BEGINNING)
    with pytest.raises(JournalUnavailable):
        await both.journal.take("stream", "me", 1)


async def test_a_journal_that_cannot_be_opened_leaves_no_bus_open(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "BETH_JOURNAL_URL": "nosuch://journal"}
    settings = settings_from(f"sqlite:///{tmp_path}/beth.db", environ=environ)
    with pytest.raises(UnknownScheme):
        async with ports(settings):
            pass
    (tmp_path / "beth.db").unlink()  # nobody holds it: a new one takes its place
    async with ports(settings_from(f"sqlite:///{tmp_path}/beth.db", environ={})) as both:
        await both.bus.append("topic", Message("key", b"body"))


def test_commands_of_plugins_get_the_options_as_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    @bus_option
    @json_option
    def command(bus: str | None, as_json: bool) -> None:
        show_json({"bus": bus, "as_json": as_json})

    command.main(["--json", "--bus", "redis://x"], standalone_mode=False)
    assert capsys.readouterr().out == '{"bus": "redis://x", "as_json": true}\n'
