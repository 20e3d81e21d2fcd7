"""The group `beth`: its own commands, and those of plugins."""

from __future__ import annotations

import re

import click
import pytest
from click.testing import CliRunner

from beth_sdk.cli.group import AGENTS, REQUESTS, BethGroup, Deferred, in_section
from beth_sdk.cli.main import OWN
from beth_sdk.conftest import Site
from beth_sdk.errors import PluginError

COMMAND = "import click\n\n@click.command()\ndef hello():\n    '''Greets everybody.'''\n    click.echo('hello')\n"


def group() -> BethGroup:
    """A group with one command of its own."""
    return BethGroup({"agents": OWN["agents"]}, name="beth")


def shown(site: Site) -> str:
    """The help of the group."""
    return CliRunner().invoke(group(), ["--help"], terminal_width=200).output


def section(text: str, title: str) -> str:
    """One section of a help text."""
    return text.partition(f"{title}:\n")[2].partition("\n\n")[0]


@pytest.mark.parametrize("name", sorted(OWN))
def test_the_help_line_of_each_command_is_the_first_line_of_its_own_help(name: str) -> None:
    assert OWN[name].load().get_short_help_str(limit=100) == OWN[name].help


@pytest.mark.parametrize("name", sorted(OWN))
def test_each_command_is_found_by_its_name(name: str) -> None:
    assert OWN[name].load().name == name


def test_a_command_of_a_plugin_is_listed_and_runs(site: Site) -> None:
    site.files({"zz_hello.py": COMMAND})
    site.distribution("zz-hello", {"beth.commands": {"hello": "zz_hello:hello"}})
    assert re.search(r"^  hello +Greets everybody\.$", section(shown(site), "Further commands"), re.MULTILINE)
    assert CliRunner().invoke(group(), ["hello"]).output == "hello\n"


def test_a_command_of_a_plugin_is_listed_in_the_section_it_names(site: Site) -> None:
    code = COMMAND + f"\nfrom beth_sdk.cli.group import in_section\nhello = in_section({REQUESTS!r}, hello)\n"
    site.files({"zz_hello.py": code})
    site.distribution("zz-hello", {"beth.commands": {"zz-hello": "zz_hello:hello"}})
    assert "Greets everybody." in section(shown(site), REQUESTS)


def test_a_deferred_command_is_imported_only_when_it_is_used(site: Site) -> None:
    code = f"from beth_sdk.cli.group import Deferred\nhello = Deferred('zz_hello:hello', 'Greets.', {AGENTS!r})\n"
    site.files({"zz_table.py": code, "zz_hello.py": COMMAND + "print('imported')\n"})
    site.distribution("zz-hello", {"beth.commands": {"hello": "zz_table:hello"}})
    text = shown(site)
    assert "Greets." in section(text, AGENTS)
    assert "imported" not in text
    assert CliRunner().invoke(group(), ["hello"]).output == "imported\nhello\n"


def test_a_section_that_a_plugin_invents_is_shown_too(site: Site) -> None:
    site.files(
        {"zz_table.py": "from beth_sdk.cli.group import Deferred\nx = Deferred('a:b', 'Does it.', 'Branches')\n"}
    )
    site.distribution("zz-hello", {"beth.commands": {"branch": "zz_table:x"}})
    assert "Does it." in section(shown(site), "Branches")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nosuchmodule", "ModuleNotFoundError: No module named 'nosuchmodule'"),
        ("hello = 3", "zz_hello:hello is int, not a click command"),
        ("raise SystemExit('no')", "SystemExit: no"),
    ],
)
def test_a_broken_command_is_listed_with_its_distribution_and_stops_no_other(
    site: Site, code: str, reason: str
) -> None:
    site.files({"zz_hello.py": code})
    site.distribution("zz-hello", {"beth.commands": {"hello": "zz_hello:hello"}})
    text = shown(site)
    assert f"zz-hello: {reason}" in section(text, "Broken").replace("zz_hello:hello cannot be loaded: ", "")
    assert OWN["agents"].help in text
    caught = CliRunner().invoke(group(), ["hello"]).exception
    assert isinstance(caught, PluginError)
    assert caught.distribution == "zz-hello"


def test_a_deferred_command_that_is_not_there_is_the_plugins_fault(site: Site) -> None:
    site.files(
        {"zz_table.py": "from beth_sdk.cli.group import Deferred\nhello = Deferred('zz_gone:hello', 'Greets.')\n"}
    )
    site.distribution("zz-hello", {"beth.commands": {"hello": "zz_table:hello"}})
    caught = CliRunner().invoke(group(), ["hello"]).exception
    assert isinstance(caught, PluginError)
    assert "zz_gone:hello cannot be loaded: ModuleNotFoundError" in caught.reason


def test_nobody_replaces_a_command_of_beth_itself(site: Site) -> None:
    site.files({"zz_hello.py": COMMAND})
    site.distribution("zz-hello", {"beth.commands": {"agents": "zz_hello:hello"}})
    assert "beth itself has a command of this name" in section(shown(site), "Broken")
    assert "hello" not in CliRunner().invoke(group(), ["agents", "--help"]).output


def test_of_two_plugins_with_the_same_command_the_first_has_it(site: Site) -> None:
    site.files({"zz_hello.py": COMMAND})
    for name in ("zz-a", "zz-b"):
        site.distribution(name, {"beth.commands": {"hello": "zz_hello:hello"}})
    assert "zz-b: zz-a has a command of this name; uninstall one of the two" in section(shown(site), "Broken")
    assert CliRunner().invoke(group(), ["hello"]).output == "hello\n"


def test_a_malformed_file_of_entry_points_is_listed_as_broken(site: Site) -> None:
    site.distribution("zz-hello", "[beth.commands]\nno equals sign here\n")
    assert "zz-hello: its entry points cannot be read" in section(shown(site), "Broken")


def test_an_unknown_command_is_told_with_what_may_have_been_meant() -> None:
    caught = CliRunner().invoke(group(), ["agnets"])
    assert caught.exit_code == 2
    assert "there is no command 'agnets'; did you mean agents?" in caught.output


def test_an_unknown_command_without_a_near_one_points_to_the_help() -> None:
    assert "`beth --help` lists them" in CliRunner().invoke(group(), ["xyzzy"]).output


def test_names_are_completed_without_importing_commands(site: Site) -> None:
    lonely = BethGroup({"far": Deferred("nosuchmodule:far", "Far away.")}, name="beth")
    context = click.Context(lonely, info_name="beth", resilient_parsing=True)
    found = lonely.shell_complete(context, "fa")
    assert [(item.value, item.help) for item in found] == [("far", "Far away.")]


def test_a_command_keeps_its_section() -> None:
    assert getattr(in_section(AGENTS, click.Command("x")), "section", None) == AGENTS
