"""Checks of the bus, the journal and the agents."""

from __future__ import annotations

from pathlib import Path

import pytest

from beth_sdk.cli.checks import Check
from beth_sdk.cli.conftest import add_agent
from beth_sdk.cli.options import ports, settings_from
from beth_sdk.cli.service_checks import NAME, SLOW, _answered, check_agents, check_bus, check_journal
from beth_sdk.conftest import Site
from beth_sdk.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a home of their own."""
    return settings_from(None, environ={"BETH_HOME": str(tmp_path / "home")})


async def test_a_bus_and_a_journal_that_can_be_written_are_well(settings: Settings) -> None:
    (bus,), (journal,) = await check_bus(settings), await check_journal(settings)
    assert (bus.name, bus.status, journal.name, journal.status) == ("bus", "ok", "journal", "ok")
    assert bus.message.startswith(f"{settings.bus_url}: a write takes ")


async def test_checking_twice_at_once_is_no_failure(settings: Settings) -> None:
    async with ports(settings) as both:
        await both.journal.take(NAME, "another doctor", 60)
        (check,) = await check_journal(settings)
    assert check.status == "ok"


async def test_a_write_that_takes_long_is_warned_of() -> None:
    assert _answered("bus", "redis://x", SLOW + 0.1).status == "warn"
    assert _answered("bus", "redis://x", 0.001) == Check("bus", "ok", "redis://x: a write takes 1.0 ms")


async def test_a_bus_that_forgets_is_warned_of() -> None:
    found = await check_bus(settings_from("memory://doctor", environ={"HOME": "/"}))
    assert [check.status for check in found] == ["ok", "warn"]
    assert "forgets everything" in found[1].message


async def test_a_scheme_that_nobody_speaks_fails_with_what_to_do() -> None:
    settings = settings_from("smoke://user:secret@hill", environ={"HOME": "/"})
    for (check,) in (await check_bus(settings), await check_journal(settings)):
        assert check.status == "fail"
        assert "speaks 'smoke'" in check.message
        assert check.fix is not None
        assert "install what it needs" in check.fix
        assert "secret" not in check.message


async def test_a_file_that_is_no_database_fails(tmp_path: Path) -> None:
    (tmp_path / "beth.db").write_text("no database at all, for sure " * 100)
    settings = settings_from(f"sqlite:///{tmp_path}/beth.db", environ={"HOME": "/"})
    for (check,) in (await check_bus(settings), await check_journal(settings)):
        assert check.status == "fail"


async def test_agents_that_can_be_run_are_counted_and_the_others_fail_one_by_one(
    settings: Settings, site: Site
) -> None:
    add_agent(site, "echo")
    add_agent(site, "mani", extra="rple = 1\n")
    add_agent(site, "code", code="import nosuchmodule")
    found = await check_agents(settings)
    assert found[0].status == "ok"
    assert found[0].message.endswith(" can be run")
    problems = {check.name: check for check in found[1:]}
    assert "unknown key rple" in problems["agent mani"].message
    assert "No module named 'nosuchmodule'" in problems["agent code"].message
    assert "agent echo" not in problems
    assert problems["agent code"].fix == "mend, upgrade or uninstall zz-code"


async def test_a_command_agent_whose_program_is_not_there_fails(settings: Settings, site: Site) -> None:
    manifest = 'manifest_version = 1\nrole = "shell"\ndescription = "x"\ncommand = ["nosuchprogram"]\n'
    site.files({"zz_shell/__init__.py": "", "zz_shell/agent.toml": manifest})
    site.distribution("zz-shell", {"beth.agents": {"shell": "zz_shell"}})
    (check,) = [check for check in await check_agents(settings, {"PATH": "/bin"}) if check.name == "agent shell"]
    assert check.status == "fail"
    assert "command 'nosuchprogram' is not installed" in check.message
