"""`beth agents`."""

from __future__ import annotations

from typing import Any

from beth_sdk.cli.agents import NONE, lines
from beth_sdk.cli.conftest import Beth, Ran, add_agent
from beth_sdk.conftest import Site


def of(ran: Ran, distribution: str, where: str = "agents") -> dict[str, Any]:
    """The one agent of a distribution in the JSON output."""
    (found,) = [agent for agent in ran.json[where] if agent["distribution"] == distribution]
    assert isinstance(found, dict)
    return found


def test_an_agent_is_listed_as_its_manifest_has_it(beth: Beth, site: Site) -> None:
    extra = 'aliases = ["tasks.echoes"]\nmodel = {provider = "anthropic", name = "claude-sonnet-4-20250514"}\n'
    package = add_agent(site, "echo", extra=extra)
    ran = beth("agents", "--json")
    assert ran.exit_code == 0
    assert of(ran, "zz-echo") == {
        "role": "echo",
        "description": "Plays a part",
        "kind": "class",
        "model": {"provider": "anthropic", "name": "claude-sonnet-4-20250514"},
        "queues": ["tasks.echo", "tasks.echoes"],
        "version": "1.2",
        "distribution": "zz-echo",
        "directory": str(site.path / package),
    }


def test_people_see_a_table(beth: Beth, site: Site) -> None:
    add_agent(site, "echo", extra='model = {provider = "openai", name = "gpt-4o"}\n')
    (heading, *rows) = beth("agents").stdout.splitlines()
    assert heading.split() == ["ROLE", "KIND", "MODEL", "QUEUES", "VERSION", "DISTRIBUTION"]
    assert ["echo", "class", "openai/gpt-4o", "tasks.echo", "1.2", "zz-echo"] in [row.split() for row in rows]


def test_a_command_agent_is_told_from_a_class(beth: Beth, site: Site) -> None:
    manifest = 'manifest_version = 1\nrole = "shell"\ndescription = "x"\ncommand = ["true"]\n'
    site.files({"zz_shell/__init__.py": "", "zz_shell/agent.toml": manifest})
    site.distribution("zz-shell", {"beth.agents": {"shell": "zz_shell"}})
    assert of(beth("agents", "--json"), "zz-shell")["kind"] == "command"


def test_a_broken_agent_is_listed_with_its_error_and_is_no_failure(beth: Beth, site: Site) -> None:
    add_agent(site, "echo")
    package = add_agent(site, "mani", extra="rple = 1\n")
    site.distribution("zz-nowhere", {"beth.agents": {"nowhere": "zz_nowhere"}})
    ran = beth("agents", "--json")
    assert ran.exit_code == 0
    assert of(ran, "zz-echo")["role"] == "echo"
    mani = of(ran, "zz-mani", "broken")
    assert mani["error"]["code"] == "manifest"
    assert f"{site.path / package}/agent.toml:5: unknown key rple" in mani["error"]["message"]
    assert of(ran, "zz-nowhere", "broken")["error"]["code"] == "plugin"


def test_people_see_each_broken_agent_on_one_line_with_its_distribution(beth: Beth, site: Site) -> None:
    add_agent(site, "mani", extra="rple = 1\n")
    site.distribution("zz-nowhere", {"beth.agents": {"nowhere": "zz_nowhere"}})
    shown = beth("agents").stdout
    assert "\n2 agents cannot be used:\n" in f"\n{shown}"
    broken = shown.partition("cannot be used:\n")[2].splitlines()
    assert [line.split()[0] for line in broken] == ["zz-mani", "zz-nowhere:"]


def test_nothing_is_imported_to_list_agents(beth: Beth, site: Site) -> None:
    package = add_agent(site, "echo", code="raise RuntimeError")
    (site.path / package / "__init__.py").write_text("raise RuntimeError")
    assert of(beth("agents", "--json"), "zz-echo")["role"] == "echo"


def test_without_any_agent_it_says_what_one_is() -> None:
    assert lines([]) == [NONE]
