"""`--model`, and the table of models before anything is submitted; `--record` and `--replay` of a whole request."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from beth_agent_beth.commands.conftest import PLAN, request_in
from beth_kit.model.keys import key_variables
from beth_kit.workspace.conftest import Plain
from beth_sdk.cli.conftest import Beth, add_agent
from beth_sdk.conftest import Site

TELLER = """\
import os
from beth_sdk.agent import Agent
from beth_sdk.messages import Result

class Player(Agent):
    async def execute(self, task, ctx):
        names = ("BETH_MODELS", "BETH_RECORD", "BETH_REPLAY")
        return Result.complete({name: os.environ[name] for name in names if name in os.environ})
"""
MODEL = '[model]\nprovider = "anthropic"\nname = "claude-sonnet-4-5"\n'


@pytest.fixture(autouse=True)
def no_keys(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of this machine counts, nor what it says of models."""
    for name in (*key_variables(), "LLM_PROVIDER", "LLM_MODEL", "LLM_FALLBACKS"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


@pytest.fixture
def plan(site: Site, tmp_path: Path) -> str:
    """A workflow of one task for a role with a model, who tells what the environment says of models."""
    add_agent(site, "teller", code=TELLER, extra=MODEL)
    (tmp_path / "plan.toml").write_text(PLAN.format(role="teller"))
    return str(tmp_path / "plan.toml")


# -- the table --------------------------------------------------------------------------------


def test_a_run_begins_with_a_table_of_role_model_key_and_price(
    beth: Beth, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the-key")
    ran = beth("run", "tell", "--workflow", plan)
    head, row, name, *_ = ran.stdout.splitlines()
    assert head.split()[:3] == ["role", "model", "key"]
    assert row.split() == ["teller", "anthropic/claude-sonnet-4-5", "ANTHROPIC_API_KEY", "none", "3.00", "15.00"]
    assert name == request_in(ran)
    assert "the-key" not in ran.stdout


def test_with_json_the_table_is_data(beth: Beth, plan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the-key")
    ran = beth("run", "tell", "--workflow", plan, "--json")
    assert ran.json["models"] == [
        {
            "role": "teller",
            "model": "anthropic/claude-sonnet-4-5",
            "key": "ANTHROPIC_API_KEY",
            "network": "none",
            "usd_per_million_input": 3.0,
            "usd_per_million_output": 15.0,
            "why": "",
        }
    ]


def test_without_the_key_nothing_is_submitted(beth: Beth, plan: str) -> None:
    ran = beth("run", "tell", "--workflow", plan)
    line = "beth: teller: anthropic/claude-sonnet-4-5 needs a key: set ANTHROPIC_API_KEY\n"
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", line)
    assert beth("list").stdout == "no requests\n"


def test_with_the_key_of_one_provider_only_every_role_uses_it_and_the_table_says_so(
    beth: Beth, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "the-key")
    ran = beth("run", "tell", "--workflow", plan)
    assert ran.exit_code == 0
    row = ran.stdout.splitlines()[1]
    assert "openai/" in row
    assert row.endswith("only OPENAI_API_KEY is set")


def test_roles_without_a_model_are_not_in_the_table_whatever_the_environment_says(
    beth: Beth, solo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_PROVIDER", "openai")
    monkeypatch.setenv("LLM_MODEL", "gpt-5")
    ran = beth("run", "play", "--workflow", solo, "--json")
    assert (ran.exit_code, ran.json["models"]) == (0, [])


def test_an_llm_agent_that_names_no_model_is_in_the_table_where_the_environment_names_one(
    beth: Beth, site: Site, tmp_path: Path
) -> None:
    add_agent(site, "thinker", code="from beth_kit import LLMAgent\n\n\nclass Player(LLMAgent):\n    pass\n")
    (tmp_path / "plan.toml").write_text(PLAN.format(role="thinker"))
    ran = beth("run", "think", "--workflow", str(tmp_path / "plan.toml"), "--model", "openai/gpt-5")
    assert (ran.exit_code, ran.stderr) == (2, "beth: thinker: openai/gpt-5 needs a key: set OPENAI_API_KEY\n")


# -- --model ----------------------------------------------------------------------------------


def test_what_model_names_is_asked_and_the_agents_are_told(
    beth: Beth, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "the-key")
    ran = beth("run", "tell", "--workflow", plan, "--model", "teller=gemini/gemini-2.5-flash", "--json")
    assert ran.json["models"][0]["model"] == "gemini/gemini-2.5-flash"
    assert ran.json["models"][0]["why"] == "--model"
    assert ran.json["tasks"][0]["result"] == {"BETH_MODELS": "teller=gemini/gemini-2.5-flash"}
    assert "BETH_MODELS" not in os.environ


def test_a_request_that_goes_on_later_asks_the_same_models(
    beth: Beth, plan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "the-key")
    handed_in = beth("submit", "tell", "--workflow", plan, "--model", "gemini/gemini-2.5-flash")
    name = handed_in.stdout.strip()
    assert handed_in.stderr == f"beth: `beth resume {name}` sets BETH_MODELS; agents that run already keep their own\n"
    ran = beth("resume", name, "--json")
    assert ran.json["models"][0]["model"] == "gemini/gemini-2.5-flash"
    assert ran.json["tasks"][0]["result"] == {"BETH_MODELS": "gemini/gemini-2.5-flash"}


@pytest.mark.parametrize("command", ["run", "submit"])
def test_a_model_for_a_role_that_is_not_there_is_refused(beth: Beth, plan: str, command: str) -> None:
    ran = beth(command, "tell", "--workflow", plan, "--model", "nobody=openai/gpt-5")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "no role 'nobody'; roles: teller" in ran.stderr


@pytest.mark.parametrize("option", [("--model", "openai/gpt-5"), ("--record", "folder"), ("--replay", "folder")])
def test_on_a_server_the_agents_elsewhere_cannot_be_told(beth: Beth, plan: str, option: tuple[str, str]) -> None:
    ran = beth("run", "tell", "--workflow", plan, *option, "--bus", "redis://localhost")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "set BETH_MODELS, BETH_RECORD, BETH_REPLAY there" in ran.stderr


# -- --record and --replay --------------------------------------------------------------------


def test_a_recorded_request_is_replayed_in_another_home_to_the_same_branch(
    beth: Beth, committing: str, users: Path, plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "recording"
    given = ("--criteria", "it is made", "--priority", "1", "--repo", str(users), "--record", str(folder))
    first = beth("run", "make it", "--workflow", committing, *given, "--json").json
    users.rename(tmp_path / "gone")  # nor is anything of the network, or of the user's repository, needed
    monkeypatch.setenv("BETH_HOME", str(tmp_path / "another"))
    second = beth("run", "--replay", str(folder), "--json").json
    same = ("request_id", "description", "status", "branch", "commit", "commits")
    assert [second[name] for name in same] == [first[name] for name in same]
    assert second["repository"] != first["repository"]


def test_a_request_that_starts_from_nothing_is_replayed_to_the_same_commits(
    beth: Beth, committing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = beth("run", "make it", "--workflow", committing, "--record", str(tmp_path / "recording"), "--json").json
    monkeypatch.setenv("BETH_HOME", str(tmp_path / "another"))
    assert beth("run", "--replay", str(tmp_path / "recording"), "--json").json["commit"] == first["commit"]
    document = json.loads((tmp_path / "recording/request.json").read_text())
    document["received_at"] -= 1000.0
    (tmp_path / "recording/request.json").write_text(json.dumps(document))
    monkeypatch.setenv("BETH_HOME", str(tmp_path / "a-third"))
    assert beth("run", "--replay", str(tmp_path / "recording"), "--json").json["commit"] != first["commit"]


def test_the_recording_says_all_that_was_asked_for(beth: Beth, plan: str, tmp_path: Path) -> None:
    beth("submit", "tell", "--workflow", plan, "-c", "well", "--priority", "0", "--record", str(tmp_path / "here"))
    document = json.loads((tmp_path / "here/request.json").read_text())
    assert (document["description"], document["acceptance_criteria"], document["priority"]) == ("tell", ["well"], 0)
    assert [task["agent"] for task in document["plan"]["task"]] == ["teller"]
    assert document["repo"] is None
    assert document["received_at"] > 1e9


def test_the_agents_are_told_where_to_record_and_what_to_replay(
    beth: Beth, plan: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the-key")
    folder = str(tmp_path / "recording")
    first = beth("run", "tell", "--workflow", plan, "--record", folder, "--json")
    assert first.json["tasks"][0]["result"] == {"BETH_RECORD": folder}
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("BETH_HOME", str(tmp_path / "another"))
    monkeypatch.setenv("BETH_RECORD", "/somewhere")
    second = beth("run", "--replay", folder, "--json")
    assert second.json["tasks"][0]["result"] == {"BETH_REPLAY": folder}
    assert second.json["models"] == [], "without a key, and without asking any"
    assert os.environ["BETH_RECORD"] == "/somewhere"


def test_what_was_done_in_a_home_is_not_replayed_there(beth: Beth, plan: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "recording")
    name = request_in(beth("submit", "tell", "--workflow", plan, "--record", folder))
    ran = beth("run", "--replay", folder)
    line = f"beth: {name} was done in this home already; replay it in another: set BETH_HOME\n"
    assert (ran.exit_code, ran.stdout, ran.stderr) == (2, "", line)


def test_a_folder_with_another_recording_is_refused(beth: Beth, plan: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "recording")
    name = request_in(beth("submit", "tell", "--workflow", plan, "--record", folder))
    ran = beth("submit", "tell", "--workflow", plan, "--record", folder)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert f"holds the recording of {name} already" in ran.stderr


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "request.json: No such file or directory; --record DIR makes one"),
        ("{", "not a recorded request"),
        ("{}", "not a recorded request of format 1"),
        ('{"format": 1, "request_id": "x"}', "not a recorded request ('plan')"),
    ],
)
def test_what_is_no_recording_is_refused(beth: Beth, tmp_path: Path, text: str | None, reason: str) -> None:
    if text is not None:
        (tmp_path / "request.json").write_text(text)
    ran = beth("run", "--replay", str(tmp_path))
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert reason in ran.stderr


@pytest.mark.parametrize("further", [("do this",), ("--repo", "."), ("--model", "x/y"), ("--record", "there")])
def test_a_replay_takes_nothing_from_the_command_line(beth: Beth, tmp_path: Path, further: tuple[str, ...]) -> None:
    ran = beth("run", *further, "--replay", str(tmp_path))
    assert ran.exit_code == 2
    assert "--replay takes everything from the recording; leave out " in ran.stderr


def test_without_a_request_there_is_nothing_to_run(beth: Beth) -> None:
    ran = beth("run")
    assert ran.exit_code == 2
    assert "say what shall be done" in ran.stderr


def test_a_misspelt_model_is_named_once_for_all_its_roles_with_what_was_meant(
    beth: Beth, site: Site, tmp_path: Path
) -> None:
    if find_spec("litellm") is None:
        pytest.skip("without its table nobody knows which models there are")
    for role in ("teller", "thinker"):
        add_agent(site, role, code=TELLER, extra='model = {provider = "anthropic", name = "claude-sonnet-4-5"}\n')
    plan = "".join(f'[[task]]\nname = "{role}"\nagent = "{role}"\ntype = "act"\n' for role in ("teller", "thinker"))
    (tmp_path / "both.toml").write_text(f'name = "both"\n{plan}')
    ran = beth("run", "x", "-w", str(tmp_path / "both.toml"), "--model", "anthropic/claud-sonnet-4-5")
    assert ran.exit_code == 2
    start = "beth: teller, thinker: no model anthropic/claud-sonnet-4-5; did you mean anthropic/claude-sonnet-4-5"
    assert ran.stderr.startswith(start)
    assert ran.stderr.count("\n") == 1
