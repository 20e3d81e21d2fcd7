"""Which model each role uses, and what a run shows of it before the first call."""

from pathlib import Path
from typing import Any

import pytest

from beth_kit.model.base import ModelRequest
from beth_kit.model.choice import (
    DEFAULT_MODELS,
    Choice,
    choose,
    models_variable,
    open_model,
    opened,
    problems,
    table,
)
from beth_kit.model.keys import KEY_VARIABLES, key_of
from beth_kit.model.litellm_model import LiteLLMModel
from beth_kit.model.openai_http import OpenAIHTTPModel
from beth_kit.model.prices import price_of
from beth_kit.model.recording import ReplayModel
from beth_kit.model.scripted import ScriptedModel
from beth_sdk.errors import ConfigurationError, SettingError
from beth_sdk.manifest import Manifest, ModelChoice
from beth_sdk.settings import Settings
from beth_sdk.testing.clock import ManualClock

HOME = {"HOME": "/home/someone"}


def manifest(role: str, provider: str | None = "anthropic", name: str = "claude-sonnet-4-5") -> Manifest:
    model = None if provider is None else ModelChoice(provider=provider, name=name)
    return Manifest.model_validate(
        {"manifest_version": 1, "role": role, "description": "x", "class": "a:B", "model": model}
    )


DEVELOPER, TESTER = manifest("developer"), manifest("tester", "openai", "gpt-5.1")
BOTH_KEYS = {"ANTHROPIC_API_KEY": "sk-a", "OPENAI_API_KEY": "sk-o"}


def chosen(environ: dict[str, str], *options: str, manifests: Any = (DEVELOPER, TESTER)) -> list[Choice]:
    environ = HOME | environ
    return choose(manifests, Settings.from_environment(environ), environ, options)


def names(choices: list[Choice]) -> list[str]:
    return [choice.name for choice in choices]


def test_the_manifests_decide_where_nobody_else_does() -> None:
    choices = chosen(BOTH_KEYS)
    assert names(choices) == ["anthropic/claude-sonnet-4-5", "openai/gpt-5.1"]
    assert [choice.why for choice in choices] == ["", ""]
    assert problems(choices) == []


def test_settings_win_over_manifests() -> None:
    choices = chosen(BOTH_KEYS | {"LLM_PROVIDER": "gemini", "LLM_MODEL": "gemini-2.5-flash"})
    assert names(choices) == ["gemini/gemini-2.5-flash"] * 2
    assert problems(choices)[0] == "developer: gemini/gemini-2.5-flash needs a key: set GEMINI_API_KEY"


def test_a_provider_alone_brings_its_default_model_unless_the_manifest_has_one_of_it() -> None:
    choices = chosen(BOTH_KEYS | {"LLM_PROVIDER": "openai"})
    assert names(choices) == [f"openai/{DEFAULT_MODELS['openai']}", "openai/gpt-5.1"]
    assert choices[0].why == "LLM_PROVIDER=openai"


def test_an_option_for_all_wins_over_settings_and_one_for_a_role_over_that() -> None:
    environ = BOTH_KEYS | {"LLM_PROVIDER": "gemini", "LLM_MODEL": "gemini-2.5-flash"}
    assert names(chosen(environ, "gpt-5")) == ["openai/gpt-5"] * 2
    assert names(chosen(environ, "tester=claude-opus-4-5", "openrouter/meta/llama")) == [
        "openrouter/meta/llama",
        "anthropic/claude-opus-4-5",
    ]


@pytest.mark.parametrize("option", ["nobody=gpt-5", "=gpt-5", "tester=", "", "something", "/x", "x/"])
def test_an_option_that_means_nothing_is_refused(option: str) -> None:
    with pytest.raises(ConfigurationError, match="--model"):
        chosen(BOTH_KEYS, option)


def test_with_one_providers_key_every_role_uses_that_provider_and_says_so() -> None:
    choices = chosen({"OPENAI_API_KEY": "sk-o"})
    assert names(choices) == [f"openai/{DEFAULT_MODELS['openai']}", "openai/gpt-5.1"]
    assert choices[0].why == "only OPENAI_API_KEY is set"
    assert problems(choices) == []


def test_a_model_that_needs_no_key_stays() -> None:
    (choice,) = chosen({"OPENAI_API_KEY": "sk-o"}, manifests=[manifest("developer", "ollama", "llama3")])
    assert choice.name == "ollama/llama3"
    assert choice.key.shown == "not needed"


def test_without_any_key_each_missing_one_is_named() -> None:
    assert problems(chosen({})) == [
        "developer: anthropic/claude-sonnet-4-5 needs a key: set ANTHROPIC_API_KEY",
        "tester: openai/gpt-5.1 needs a key: set OPENAI_API_KEY",
    ]


def test_a_role_without_a_model_uses_the_only_key_or_is_refused() -> None:
    assert names(chosen({"GOOGLE_API_KEY": "k"}, manifests=[manifest("x", None)])) == [
        f"gemini/{DEFAULT_MODELS['gemini']}"
    ]
    with pytest.raises(ConfigurationError, match="x has no model: set LLM_PROVIDER and LLM_MODEL"):
        chosen(BOTH_KEYS, manifests=[manifest("x", None)])


def test_a_key_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    key = key_of("openai", {"OPENAI_API_KEY_FILE": str(tmp_path / "key")})
    assert (key.value, key.variable) == ("sk-file", "OPENAI_API_KEY")
    with pytest.raises(SettingError, match="OPENAI_API_KEY_FILE"):
        key_of("openai", {"OPENAI_API_KEY_FILE": str(tmp_path / "none")})
    with pytest.raises(SettingError, match="unset one of the two"):
        key_of("openai", {"OPENAI_API_KEY_FILE": str(tmp_path / "key"), "OPENAI_API_KEY": "x"})


def test_a_provider_nobody_listed_is_asked_for_its_key_by_its_name() -> None:
    assert key_of("new-one", {}).variable == "NEW_ONE_API_KEY"


def test_no_key_is_ever_shown() -> None:
    choices = chosen({"ANTHROPIC_API_KEY": "sk-secret", "OPENAI_API_KEY": "sk-secret", "LLM_FALLBACKS": "openai/gpt-5"})
    assert "sk-secret" not in f"{choices!r} {table(choices)} {choices[0].fallbacks!r}"


def test_the_table_shows_role_model_key_network_price_and_why() -> None:
    lines = table(chosen({"OPENAI_API_KEY": "k"}, "tester=openai/my-own")).splitlines()
    assert lines[0].split("  ")[0] == "role"
    told = "developer openai/gpt-5.6 OPENAI_API_KEY none 4.00 20.00 only OPENAI_API_KEY is set"
    assert " ".join(lines[1].split()) == told
    assert lines[2].split() == ["tester", "openai/my-own", "OPENAI_API_KEY", "none", "unknown", "unknown", "--model"]
    assert "ANTHROPIC_API_KEY MISSING" in table(chosen({}))


def test_an_unknown_price_is_a_problem_unless_allowed() -> None:
    environ = {"OPENAI_API_KEY": "k"}
    assert "nobody knows the price of openai/my-own" in problems(chosen(environ, "openai/my-own"))[0]
    assert problems(chosen(environ | {"BETH_ALLOW_UNKNOWN_PRICE": "1"}, "openai/my-own")) == []
    with pytest.raises(SettingError, match="BETH_ALLOW_UNKNOWN_PRICE"):
        chosen(environ | {"BETH_ALLOW_UNKNOWN_PRICE": "maybe"})


def test_fallbacks_need_their_keys() -> None:
    (choice, _) = chosen(BOTH_KEYS | {"LLM_FALLBACKS": "openai/gpt-5, ollama/llama3"})
    assert [(one.name, one.key) for one in choice.fallbacks] == [("openai/gpt-5", "sk-o"), ("ollama/llama3", None)]
    with pytest.raises(SettingError, match="GEMINI_API_KEY"):
        chosen(BOTH_KEYS | {"LLM_FALLBACKS": "gemini/gemini-2.5-flash"})
    with pytest.raises(SettingError, match="provider/model"):
        chosen(BOTH_KEYS | {"LLM_FALLBACKS": "gpt-5"})


def test_every_default_has_a_key_variable_and_a_price() -> None:
    for provider, model in DEFAULT_MODELS.items():
        assert provider in KEY_VARIABLES
        assert price_of(provider, model) is not None


@pytest.mark.parametrize("manifest_less", ["gateway", "openai"])
def test_a_gateway_needs_an_address(manifest_less: str) -> None:
    (choice, _) = chosen({"OPENAI_API_KEY": "k"}, f"{manifest_less}/m")
    assert any("LLM_BASE_URL" in line for line in problems([choice])) == (manifest_less == "gateway")


def test_each_choice_opens_its_kind_of_model(tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text("roles: {}")
    environ = BOTH_KEYS | {"LLM_BASE_URL": "http://localhost:4000/v1", "LLM_API_KEY": "k"}

    def model(option: str) -> object:
        return open_model(chosen(environ, option)[0])

    assert isinstance(model("openai/gpt-5"), LiteLLMModel)
    assert isinstance(model("gateway/fast"), OpenAIHTTPModel)
    assert isinstance(model(f"scripted/{tmp_path}/script.yaml"), ScriptedModel)
    assert isinstance(model(f"replay/{tmp_path}"), ReplayModel)
    with pytest.raises(SettingError, match="LLM_BASE_URL"):
        open_model(chosen(BOTH_KEYS, "gateway/fast")[0])


# -- BETH_MODELS, BETH_RECORD, BETH_REPLAY ----------------------------------------------------

MODELS = {"BETH_MODELS": "gemini/gemini-2.5-flash, tester=gpt-5,somebody-else=gpt-5"}


def test_the_variable_stands_between_settings_and_options() -> None:
    environ = BOTH_KEYS | MODELS | {"LLM_PROVIDER": "openai", "LLM_MODEL": "gpt-5.1"}
    choices = chosen(environ)
    assert names(choices) == ["gemini/gemini-2.5-flash", "openai/gpt-5"]
    assert [choice.why for choice in choices] == ["BETH_MODELS", "BETH_MODELS"]
    choices = chosen(environ, "developer=gpt-5.1")
    assert names(choices) == ["openai/gpt-5.1", "openai/gpt-5"]
    assert [choice.why for choice in choices] == ["--model", "BETH_MODELS"]
    assert names(chosen(environ, "claude-opus-4-5")) == ["anthropic/claude-opus-4-5"] * 2


@pytest.mark.parametrize("text", ["tester=", "=gpt-5", "something"])
def test_a_mistake_in_the_variable_is_told_by_its_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="BETH_MODELS"):
        chosen(BOTH_KEYS | {"BETH_MODELS": text})


@pytest.mark.parametrize("options", [["tester=gpt-5.1"], ["gpt-5.1"], ["gpt-5.1", "tester=claude-opus-4-5"], []])
def test_another_process_comes_to_the_same_choice_by_the_variable_alone(options: list[str]) -> None:
    environ = BOTH_KEYS | MODELS
    handed_on = environ | {"BETH_MODELS": models_variable(options, environ)}
    assert names(chosen(handed_on)) == names(chosen(environ, *options))


def test_a_path_may_hold_an_equals_sign() -> None:
    assert names(chosen(BOTH_KEYS, "scripted//tmp/a=b.yaml")) == ["scripted//tmp/a=b.yaml"] * 2
    assert names(chosen(BOTH_KEYS, "tester=scripted//tmp/a=b.yaml"))[1] == "scripted//tmp/a=b.yaml"


def scripted(tmp_path: Path) -> Choice:
    (tmp_path / "script.yaml").write_text("roles: {developer: {'*': [{say: done, cost_usd: 0.5}]}}")
    return chosen({}, f"scripted/{tmp_path}/script.yaml")[0]


def test_without_either_variable_the_model_itself_is_opened(tmp_path: Path) -> None:
    assert isinstance(opened(scripted(tmp_path), {}), ScriptedModel)


async def test_what_was_recorded_is_replayed_with_neither_key_nor_price(tmp_path: Path, clock: ManualClock) -> None:
    ask = ModelRequest([{"role": "user", "content": "go"}], key="t:0/1", role="developer", task_type="implement")
    recorded = await opened(scripted(tmp_path), {"BETH_RECORD": f"{tmp_path}/calls"}, clock).complete(ask)
    assert recorded.at == clock.wall()
    clock.advance(60.0)
    environ = {"BETH_REPLAY": f"{tmp_path}/calls"}
    choices = chosen(environ, manifests=(manifest("developer", None), TESTER))
    assert problems(choices) == []
    assert "BETH_REPLAY" in table(choices)
    replay = opened(choices[0], environ)
    assert replay.name == "scripted/script"
    assert await replay.complete(ask) == recorded


def test_a_choice_made_without_the_variable_is_replayed_all_the_same(tmp_path: Path) -> None:
    assert isinstance(opened(chosen({})[0], {"BETH_REPLAY": str(tmp_path)}), ReplayModel)


def test_recording_while_replaying_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"BETH_RECORD.*unset one of the two"):
        opened(scripted(tmp_path), {"BETH_RECORD": "a", "BETH_REPLAY": "b"})


def test_a_replay_without_its_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder"):
        opened(scripted(tmp_path), {"BETH_REPLAY": f"{tmp_path}/none"})


def test_a_try_of_a_call_takes_as_long_as_the_variable_says() -> None:
    assert [choice.patience for choice in chosen(BOTH_KEYS)] == [300.0, 300.0]
    assert [choice.patience for choice in chosen(BOTH_KEYS | {"LLM_TIMEOUT": "1m30s"})] == [90.0, 90.0]


@pytest.mark.parametrize("text", ["soon", "0", "-1s"])
def test_a_time_that_no_try_could_take_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"LLM_TIMEOUT=.*a duration above zero"):
        chosen(BOTH_KEYS | {"LLM_TIMEOUT": text})


# -- transcripts that are installed -----------------------------------------------------------


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed transcript `play`."""
    folder = tmp_path / "a_play" / "lines"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").write_text("")
    (folder / "developer.yaml").write_text("roles: {developer: {'*': [{say: done}]}}")
    metadata = tmp_path / "a_play-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: a-play\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[beth.transcripts]\nplay = a_play.lines\nlost = a_play.gone\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


async def test_an_installed_transcript_is_chosen_by_its_name_and_costs_nothing(play: Path) -> None:
    (choice, _) = chosen({}, "play")
    assert problems([choice]) == []
    assert choice.name == "scripted/play"
    model = open_model(choice)
    ask = ModelRequest([{"role": "user", "content": "go"}], key="t:0/1", role="developer", task_type="implement")
    assert (await model.complete(ask)).message["content"] == "done"
    assert model.name == "scripted/play"


def test_the_table_says_what_is_scripted(play: Path) -> None:
    lines = table(chosen({"OPENAI_API_KEY": "k"}, "developer=play")).splitlines()
    assert lines[1].split() == ["developer", "play", "(scripted)", "not", "needed", "none", "0", "0", "--model"]
    assert lines[-1].startswith("scripted: no model is asked")
    assert "scripted" not in table(chosen({"OPENAI_API_KEY": "k"}))


def test_the_variable_names_a_transcript_too(play: Path) -> None:
    assert names(chosen({"BETH_MODELS": "play"})) == ["scripted/play"] * 2


def test_an_unknown_name_is_told_which_transcripts_there_are(play: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--model 'pley': .*installed transcript: .*\bplay\b"):
        chosen({}, "pley")
    with pytest.raises(ConfigurationError, match=r"pley.yaml: cannot be read .*installed transcripts: .*\bplay\b"):
        open_model(chosen({}, "scripted/pley.yaml")[0])


def test_a_transcript_that_is_not_where_its_package_says_is_named(play: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"transcript lost: there is no __init__\.py"):
        open_model(chosen({}, "lost")[0])
