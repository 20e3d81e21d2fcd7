"""What is installed, from real throw-away distributions; a broken one is listed and stops nobody else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from beth_sdk.agent import Agent
from beth_sdk.command import CommandAgent
from beth_sdk.conftest import Site
from beth_sdk.errors import ManifestError, PluginError, UnknownRole
from beth_sdk.hookspecs import NOUNS, Specs
from beth_sdk.plugins import (
    InstalledAgent,
    discover_agents,
    discover_checks,
    discover_commands,
    discover_variables,
    find_agent,
    load_entry_point,
    load_hook_plugins,
)
from beth_sdk.variables import DeclaredVariable

MANIFEST = 'manifest_version = 1\nrole = "{role}"\ndescription = "Plays a part in a test"\n'
AGENT = """\
from beth_sdk.agent import Agent
from beth_sdk.messages import Result

class Player(Agent):
    async def execute(self, task, ctx):
        return Result.complete("played")
"""


def add_agent(site: Site, role: str, *, code: str = AGENT, extra: str = "", distribution: str = "") -> str:
    """An installed agent of this role; returns its package's name."""
    package = f"{distribution or 'zz-' + role}".replace("-", "_")
    manifest = MANIFEST.format(role=role) + f'class = "{package}.agent:Player"\n' + extra
    site.files({f"{package}/__init__.py": "", f"{package}/agent.py": code, f"{package}/agent.toml": manifest})
    site.distribution(distribution or f"zz-{role}", {"beth.agents": {role: package}}, version="1.2")
    return package


def found(distribution: str) -> InstalledAgent:
    """The one agent of a distribution."""
    (agent,) = [agent for agent in discover_agents() if agent.distribution == distribution]
    return agent


# -- agents -----------------------------------------------------------------------------------


def test_an_installed_agent_is_found_with_its_manifest_and_distribution(site: Site) -> None:
    add_agent(site, "translator")
    agent = found("zz-translator")
    assert (agent.name, agent.role, agent.version, agent.error) == ("translator", "translator", "1.2", None)
    assert agent.directory == site.path / "zz_translator"
    assert agent.manifest is not None
    assert agent.manifest.directory == agent.directory
    assert (agent.manifest.distribution, agent.manifest.package_version) == ("zz-translator", "1.2")


def test_finding_agents_imports_none_of_them(site: Site) -> None:
    package = add_agent(site, "translator")
    (site.path / package / "__init__.py").write_text("raise RuntimeError('imported')")
    assert found("zz-translator").error is None
    assert package not in sys.modules


def test_a_found_agent_is_loaded_with_its_manifest(site: Site) -> None:
    add_agent(site, "translator")
    agent = found("zz-translator")
    player = agent.load()
    assert isinstance(player, Agent)
    assert player.manifest is agent.manifest


def test_a_command_agent_needs_no_code(site: Site) -> None:
    site.files({"zz_script/agent.toml": MANIFEST.format(role="script") + 'command = ["true"]'})
    site.distribution("zz-script", {"beth.agents": {"script": "zz_script"}})
    player = found("zz-script").load()
    assert isinstance(player, CommandAgent)
    assert player.manifest.role == "script"


def test_a_service_is_loaded_too(site: Site) -> None:
    add_agent(site, "server", code="class Player:\n    async def run(self, bus, journal, settings, stop): ...\n")
    assert type(found("zz-server").load()).__name__ == "Player"


def test_a_package_inside_a_namespace_package_is_found(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Site(tmp_path / "other")
    monkeypatch.syspath_prepend(other.path)
    other.files({"zz_space/first/__init__.py": ""})
    manifest = MANIFEST.format(role="inner") + 'class = "zz_space.second.agent:Player"'
    site.files({"zz_space/second/agent.toml": manifest, "zz_space/second/agent.py": AGENT})
    site.distribution("zz-inner", {"beth.agents": {"inner": "zz_space.second"}})
    agent = found("zz-inner")
    assert agent.directory == site.path / "zz_space" / "second"
    assert isinstance(agent.load(), Agent)


def test_an_editable_install_is_found(site: Site, tmp_path: Path) -> None:
    source = Site(tmp_path / "source")
    manifest = MANIFEST.format(role="editable") + 'class = "zz_editable:Player"'
    source.files({"zz_editable/__init__.py": AGENT, "zz_editable/agent.toml": manifest})
    site.distribution("zz-editable", {"beth.agents": {"editable": "zz_editable"}})
    site.files({"zz.pth": str(source.path)})
    code = (
        f"import site; site.addsitedir({str(site.path)!r})\n"
        "from beth_sdk.plugins import find_agent\n"
        "agent = find_agent('editable'); print(agent.directory, type(agent.load()).__name__)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == [str(source.path / "zz_editable"), "Player"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("zz_missing", "there is no package zz_missing"),
        ("zz_translator.missing", "there is no agent.toml in"),
        ("zz_module", "zz_module is a module; only a package can have agent.toml"),
        ("zz_translator.agent:Player", "should be the name of a package"),
        ("../../etc", "should be the name of a package"),
    ],
)
def test_a_broken_entry_point_is_listed_and_the_others_work(site: Site, value: str, reason: str) -> None:
    add_agent(site, "translator")
    site.files({"zz_module.py": ""})
    site.distribution("zz-broken", {"beth.agents": {"broken": value}}, version="0.3")
    agent = found("zz-broken")
    assert isinstance(agent.error, PluginError)
    assert reason in str(agent.error)
    assert str(agent.error).startswith("zz-broken: entry point 'broken' of beth.agents: ")
    assert (agent.role, agent.version, agent.manifest) == ("broken", "0.3", None)
    assert find_agent("translator").distribution == "zz-translator"


def test_a_broken_manifest_is_listed_with_its_line_and_the_others_work(site: Site) -> None:
    add_agent(site, "translator")
    package = add_agent(site, "broken", extra="rple = 1\n")
    agent = found("zz-broken")
    assert isinstance(agent.error, ManifestError)
    assert (agent.error.file, agent.error.line) == (str(site.path / package / "agent.toml"), 5)
    assert (agent.manifest, agent.distribution) == (None, "zz-broken")
    assert find_agent("translator").error is None


def test_a_malformed_file_of_entry_points_is_listed_and_the_others_work(site: Site) -> None:
    add_agent(site, "translator")
    site.distribution("zz-broken", "[beth.agents]\nno equals sign here\n")
    agent = found("zz-broken")
    assert isinstance(agent.error, PluginError)
    assert "entry points cannot be read" in str(agent.error)
    assert find_agent("translator").error is None


def test_a_malformed_distribution_that_is_none_of_ours_is_not_listed(site: Site) -> None:
    site.distribution("zz-other", "[console_scripts]\nno equals sign here\n")
    assert not [agent for agent in discover_agents() if agent.distribution == "zz-other"]


def test_an_agent_without_metadata_is_named_by_its_directory(site: Site) -> None:
    package = add_agent(site, "translator")
    (site.path / f"{package}-1.2.dist-info" / "METADATA").unlink()
    agent = found(package)
    assert (agent.role, agent.version, agent.error) == ("translator", "unknown", None)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("class Player(:", "SyntaxError"),
        ("import zz_nothing", "ModuleNotFoundError: No module named 'zz_nothing'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("x = 1", "AttributeError"),
        ("class Player:\n    def __init__(self): raise ValueError('two\\nlines')", "two lines"),
        ("class Player: pass", "neither an Agent nor a Service"),
        ("from beth_sdk.agent import Agent\nclass Player(Agent): pass", "abstract"),
    ],
)
def test_an_error_in_an_agents_code_is_told_when_it_is_loaded(site: Site, code: str, reason: str) -> None:
    add_agent(site, "translator", code=code)
    agent = found("zz-translator")
    assert agent.error is None
    with pytest.raises(PluginError) as caught:
        agent.load()
    assert reason in caught.value.reason
    assert (caught.value.distribution, caught.value.name) == ("zz-translator", "translator")
    assert "\n" not in str(caught.value)


def test_a_broken_agent_raises_its_error_when_it_is_loaded(site: Site) -> None:
    add_agent(site, "broken", extra="rple = 1\n")
    agent = found("zz-broken")
    with pytest.raises(ManifestError) as caught:
        agent.load()
    assert caught.value is agent.error


def test_of_two_that_play_the_same_role_the_second_has_an_error(site: Site) -> None:
    add_agent(site, "translator", distribution="zz-b")
    add_agent(site, "translator", distribution="zz-a")
    assert found("zz-a").error is None
    error = found("zz-b").error
    assert isinstance(error, PluginError)
    assert "tasks.translator is already the queue of translator from zz-a" in str(error)
    assert find_agent("translator").distribution == "zz-a"


def test_an_alias_that_is_anothers_role_is_an_error(site: Site) -> None:
    add_agent(site, "guard")
    add_agent(site, "guard-keeper", extra='aliases = ["tasks.guard"]\n')
    assert found("zz-guard").error is None
    assert "tasks.guard is already the queue of guard" in str(found("zz-guard-keeper").error)


def test_a_broken_agent_keeps_no_role_from_another(site: Site) -> None:
    add_agent(site, "translator", distribution="zz-a", extra="rple = 1\n")
    add_agent(site, "translator", distribution="zz-b")
    assert found("zz-b").error is None
    assert find_agent("translator").distribution == "zz-b"


def test_of_a_distribution_that_is_on_the_path_twice_the_first_counts(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_agent(site, "translator")
    first = Site(tmp_path / "first")
    monkeypatch.syspath_prepend(first.path)
    first.distribution("ZZ_translator", {"beth.agents": {"translator": "zz_translator"}}, version="2.0")
    (agent,) = [agent for agent in discover_agents() if agent.role == "translator"]
    assert (agent.distribution, agent.version) == ("ZZ_translator", "2.0")


def test_an_agent_is_found_by_role_and_by_alias(site: Site) -> None:
    add_agent(site, "proof-reader", extra='aliases = ["tasks.proofs"]\n')
    assert find_agent("proof-reader").role == "proof-reader"
    assert find_agent("proofs").role == "proof-reader"


def test_a_role_that_nobody_plays_is_refused_with_those_that_are_played(site: Site) -> None:
    add_agent(site, "translator")
    add_agent(site, "broken", extra="rple = 1\n")
    with pytest.raises(UnknownRole) as caught:
        find_agent("poet")
    assert caught.value.role == "poet"
    assert "translator" in caught.value.known
    assert "broken" not in caught.value.known


def test_a_role_whose_agent_is_broken_is_refused_with_its_error(site: Site) -> None:
    add_agent(site, "broken", extra="rple = 1\n")
    with pytest.raises(ManifestError, match="unknown key rple"):
        find_agent("broken")


# -- hook plugins -----------------------------------------------------------------------------

HOOK = "from beth_sdk.hookspecs import hookimpl\nseen = []\n"
BEFORE_TASK = HOOK + "@hookimpl\ndef before_task(record):\n    seen.append(record)\n"


def add_plugin(site: Site, name: str, code: str, value: str = "", distribution: str = "") -> None:
    module = f"zz_plugin_{distribution or name}".replace("-", "_")
    site.files({f"{module}.py": code})
    site.distribution(distribution or f"zz-{name}", {"beth.plugins": {name: value.replace("@", module) or module}})


def names() -> tuple[list[str], dict[str, str]]:
    """The plugins that were taken in, and the reasons of those that were not."""
    plugins, errors = load_hook_plugins()
    taken = [name for name, plugin in plugins.list_name_plugin() if plugin is not None and name.startswith("zz")]
    return taken, {error.name: error.reason for error in errors if error.name.startswith("zz")}


def test_plugins_are_modules_objects_or_classes_in_the_order_of_their_names(site: Site) -> None:
    method = HOOK + "class Plugin:\n    @hookimpl\n    def after_task(self, record): ...\n"
    add_plugin(site, "zz-c", BEFORE_TASK)
    add_plugin(site, "zz-b", method + "plugin = Plugin()", "@:plugin")
    add_plugin(site, "zz-a", method, "@:Plugin")
    assert names() == (["zz-a", "zz-b", "zz-c"], {})


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import zz_nothing", "No module named 'zz_nothing'"),
        ("raise SystemExit", "SystemExit"),
        ("", "it implements no hook"),
        (HOOK + "def before_task(record): ...", "it implements no hook"),
        (HOOK + "@hookimpl\ndef before_taks(record): ...", "there is no hook before_taks; did you mean before_task?"),
        (HOOK + "@hookimpl\ndef before_task(record, ctx): ...", "ctx"),
        (HOOK + "@hookimpl\nasync def before_task(record): ...", "before_task is async"),
        (HOOK + "@hookimpl(wrapper=True)\ndef before_task(record):\n    return (yield)", "is a wrapper"),
        (BEFORE_TASK + "@hookimpl\ndef after_task(wrong): ...", "wrong"),
    ],
)
def test_a_broken_plugin_is_left_out_and_the_others_work(site: Site, code: str, reason: str) -> None:
    add_plugin(site, "zz-a", code)
    add_plugin(site, "zz-b", BEFORE_TASK)
    taken, reasons = names()
    assert taken == ["zz-b"]
    assert reason in reasons["zz-a"]
    plugins, _ = load_hook_plugins()
    assert [one.plugin_name for one in plugins.hook.before_task.get_hookimpls() if "zz" in one.plugin_name] == ["zz-b"]


def test_a_plugin_whose_class_cannot_be_made_is_left_out(site: Site) -> None:
    add_plugin(site, "zz-a", HOOK + "class Plugin:\n    def __init__(self, needed): ...\n", "@:Plugin")
    taken, reasons = names()
    assert taken == []
    assert "needed" in reasons["zz-a"]


def test_of_two_plugins_with_the_same_name_the_first_stays(site: Site) -> None:
    add_plugin(site, "zz-same", BEFORE_TASK, distribution="zz-2")
    add_plugin(site, "zz-same", BEFORE_TASK, distribution="zz-1")
    plugins, errors = load_hook_plugins()
    assert getattr(plugins.get_plugin("zz-same"), "__name__", None) == "zz_plugin_zz_1"
    (error,) = [error for error in errors if error.name == "zz-same"]
    assert (error.distribution, error.reason) == ("zz-2", "another distribution's plugin has this name already")


def test_every_hook_has_its_pair() -> None:
    hooks = {name for name in vars(Specs) if name.startswith(("before_", "after_"))}
    assert hooks == {f"{when}_{noun}" for noun in NOUNS for when in ("before", "after")}


# -- commands, checks and variables -----------------------------------------------------------


def test_commands_are_found_without_importing_them(site: Site) -> None:
    site.files({"zz_commands.py": "def shine(): return 'bright'"})
    site.distribution("zz-commands", {"beth.commands": {"zz-shine": "zz_commands:shine", "zz-bad": "zz_commands:no"}})
    commands = discover_commands()
    assert "zz_commands" not in sys.modules
    assert load_entry_point(commands["zz-shine"])() == "bright"
    with pytest.raises(PluginError, match=r"zz-commands: entry point 'zz-bad' of beth\.commands"):
        load_entry_point(commands["zz-bad"])


def test_of_two_commands_with_the_same_name_the_first_distributions_counts(site: Site) -> None:
    site.distribution("zz-2", {"beth.commands": {"zz-same": "second:command"}})
    site.distribution("zz-1", {"beth.commands": {"zz-same": "first:command"}})
    assert discover_commands()["zz-same"].value == "first:command"


def test_checks_are_loaded_and_broken_ones_told(site: Site) -> None:
    site.files({"zz_checks.py": "def well(): return []\nnumber = 3"})
    site.distribution(
        "zz-checks",
        {"beth.checks": {"zz-a": "zz_checks:well", "zz-b": "zz_checks:missing", "zz-c": "zz_checks:number"}},
    )
    checks, problems = discover_checks()
    assert checks["zz-a"]() == []
    assert not {"zz-b", "zz-c"} & set(checks)
    told = {error.name: error.reason for error in problems}
    assert "AttributeError" in told["zz-b"]
    assert told["zz-c"] == "zz_checks:number is not callable"


def test_variables_are_read_and_broken_plugins_told(site: Site) -> None:
    variable = 'DeclaredVariable("ZZ_LIGHT", "off", "Whether it shines.", "on or off")'
    code = f"from beth_sdk.variables import DeclaredVariable\nwell = [{variable}]\nwrong = [*well, 3]\nnumber = 3\n"
    site.files({"zz_variables.py": code, "zz_exit.py": "raise SystemExit(1)"})
    broken = {"zz-b": "zz_variables:missing", "zz-c": "zz_variables:wrong", "zz-d": "zz_variables:number"}
    site.distribution(
        "zz-variables", {"beth.variables": {"zz-a": "zz_variables:well", "zz-e": "zz_exit:well", **broken}}
    )
    variables, problems = discover_variables()
    assert [one.meaning for one in variables if one.name == "ZZ_LIGHT"] == ["Whether it shines."]
    told = {error.name: error.reason for error in problems}
    assert set(told) == {"zz-b", "zz-c", "zz-d", "zz-e"}
    assert told["zz-c"] == "zz_variables:wrong holds a value of type int, not only DeclaredVariable"


def test_only_a_secret_may_also_be_in_a_file() -> None:
    assert DeclaredVariable("ZZ_LIGHT", "off", "x", "y").names == ("ZZ_LIGHT",)
    assert DeclaredVariable("ZZ_KEY", "none", "x", "y", secret=True).names == ("ZZ_KEY", "ZZ_KEY_FILE")
