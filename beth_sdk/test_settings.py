"""Every variable, directly and from a file, right and wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from beth_sdk.errors import SettingError
from beth_sdk.settings import VARIABLES, Settings, unknown_variables

RIGHT: dict[str, list[tuple[str, Any]]] = {
    "MESSAGE_BUS_URL": [
        (url, url)
        for url in (
            "sqlite:///beth.db",
            "sqlite:////srv/a folder/beth.db",
            "memory://test",
            "redis://redis:6379",
            "redis://:p%40ss@[::1]:6379/0",
            "rediss://u:p@h",
            "nats://a:4222,b:4222",
            "postgresql:///beth?host=/run/postgresql",
            "postgresql://u:p@a:5432,b:5432/beth",
        )
    ],
    "BETH_JOURNAL_URL": [("postgresql://host/beth", "postgresql://host/beth")],
    "LLM_PROVIDER": [("anthropic", "anthropic")],
    "LLM_MODEL": [("claude-sonnet-4-20250514", "claude-sonnet-4-20250514"), ("org/model:free", "org/model:free")],
    "LLM_BASE_URL": [("http://localhost:11434/v1", "http://localhost:11434/v1")],
    "SUBSCRIBE_TOPICS": [
        ("tasks.security", ("tasks.security",)),
        ("tasks.developer, tasks.tester", ("tasks.developer", "tasks.tester")),
        (" tasks.a ,tasks.b,,tasks.a, ", ("tasks.a", "tasks.b")),
    ],
    "PUBLISH_TOPIC": [("results.beth", "results.beth")],
    "BETH_HOME": [("/srv/beth", Path("/srv/beth")), ("~/beth", Path("~/beth").expanduser()), ("b", Path.cwd() / "b")],
    "BETH_LEASE": [("90s", 90.0)],
    "BETH_CONCURRENCY": [("4", 4)],
    "BETH_MAX_ATTEMPTS": [("5", 5)],
    "BETH_RETENTION": [("7d", 604_800.0)],
    "BETH_STOP_GRACE": [("30s", 30.0), ("0", 0.0)],
    "BETH_LOG_FORMAT": [("json", "json"), ("Text", "text")],
    "BETH_LOG_LEVEL": [("WARNING", "warning")],
    "BETH_HEALTH_FILE": [("/run/beth/health", Path("/run/beth/health"))],
    "BETH_INSTANCE": [("developer.1", "developer.1")],
}

_NO_URL = ["redis", "//host", "redis:/host", "redis://", "redis://host:0", "redis://host:99999", "redis://host:x"]
_NO_URL += [
    "nats://a:4222,:1",
    "redis://u:12/3@host",
    "redis://ho st",
    "redis://host\n",
    "REDIS://host",
    "sqlite://",
    "sqlite:///",
]
_NO_URL += ["sqlite://beth.db", "kafka://[::1"]
_NO_SPAN = ["0s", "-1s", "soon", "60 s", "60s\n", "1e9"]
_NO_COUNT = ["0", "-1", "1.5", "many", "1001", "٣"]
_NO_TOPIC = ["tasks..a", ".a", "a.", "tasks/a", "tasks a", "a" * 129, "../x"]

WRONG: dict[str, list[str]] = {
    "MESSAGE_BUS_URL": _NO_URL,
    "BETH_JOURNAL_URL": _NO_URL,
    "LLM_PROVIDER": ["open ai", "-", "x" * 129, "a/b"],
    "LLM_MODEL": ["gpt 4", "gpt\n4", "x" * 257],
    "LLM_BASE_URL": ["localhost:11434", "ftp://host", "http://", "http://a b"],
    "SUBSCRIBE_TOPICS": [*_NO_TOPIC, ",", " , ", "tasks.a,tasks..b"],
    "PUBLISH_TOPIC": [*_NO_TOPIC, "results.beth,results.other"],
    "BETH_HOME": [__file__, "~no-such-user-anywhere/x", "a\0b"],
    "BETH_LEASE": _NO_SPAN,
    "BETH_CONCURRENCY": _NO_COUNT,
    "BETH_MAX_ATTEMPTS": _NO_COUNT,
    "BETH_RETENTION": _NO_SPAN,
    "BETH_STOP_GRACE": ["-1s", "soon", "1 m"],
    "BETH_LOG_FORMAT": ["xml", "json "],
    "BETH_LOG_LEVEL": ["loud", "10"],
    "BETH_HEALTH_FILE": ["/", "a\0b"],
    "BETH_INSTANCE": ["a b", ".a", "a/b", "x" * 129],
}

BY_NAME = {variable.name: variable for variable in VARIABLES}
EVERY_RIGHT = [(name, text, value) for name, values in RIGHT.items() for text, value in values]
EVERY_WRONG = [(name, text) for name, texts in WRONG.items() for text in texts]


def test_no_variable_is_forgotten_by_these_tests() -> None:
    assert set(RIGHT) == set(BY_NAME)
    assert set(WRONG) == set(BY_NAME)


# -- right ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "text", "value"), EVERY_RIGHT)
def test_a_variable_sets_its_field(name: str, text: str, value: Any) -> None:
    assert getattr(Settings.from_environment({name: text}), BY_NAME[name].field) == value


@pytest.mark.parametrize(("name", "text", "value"), EVERY_RIGHT)
@pytest.mark.parametrize("newline", ["", "\n", "\r\n"])
def test_a_variable_can_come_from_a_file(tmp_path: Path, name: str, text: str, value: Any, newline: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes((text + newline).encode())
    assert getattr(Settings.from_environment({f"{name}_FILE": str(file)}), BY_NAME[name].field) == value


@pytest.mark.parametrize("name", BY_NAME)
def test_an_empty_variable_counts_as_unset(name: str) -> None:
    assert Settings.from_environment({name: "", f"{name}_FILE": ""}) == Settings.from_environment({})


@pytest.mark.parametrize("name", BY_NAME)
def test_an_empty_variable_leaves_its_file_alone(tmp_path: Path, name: str) -> None:
    text, value = RIGHT[name][0]
    file = tmp_path / "secret"
    file.write_text(text)
    settings = Settings.from_environment({name: "", f"{name}_FILE": str(file)})
    assert getattr(settings, BY_NAME[name].field) == value


def test_only_one_newline_is_taken_off_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("developer.1\n\n")
    with pytest.raises(SettingError):
        Settings.from_environment({"BETH_INSTANCE_FILE": str(file)})


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETH_INSTANCE", "from-the-process")
    assert Settings.from_environment().instance == "from-the-process"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings.from_environment({}).lease = 1.0  # type: ignore[misc]


# -- wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "text"), EVERY_WRONG)
def test_a_wrong_value_is_refused_in_one_line_with_variable_and_what_is_accepted(name: str, text: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment({name: text})
    assert caught.value.variable == name
    assert caught.value.accepted == BY_NAME[name].accepted
    assert str(caught.value).startswith(f"{name}=")
    assert BY_NAME[name].accepted in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "text"), [pair for pair in EVERY_WRONG if not pair[1].endswith("\n")])
def test_a_wrong_value_in_a_file_is_refused_with_the_file_named(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / "secret"
    file.write_text(text)
    with pytest.raises(SettingError) as caught:
        Settings.from_environment({f"{name}_FILE": str(file)})
    assert caught.value.variable == name
    assert f"read from {file}" in caught.value.accepted


@pytest.mark.parametrize("name", BY_NAME)
def test_a_variable_and_its_file_cannot_both_be_set(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text(RIGHT[name][0][0])
    with pytest.raises(SettingError, match="unset one of the two") as caught:
        Settings.from_environment({name: RIGHT[name][0][0], f"{name}_FILE": str(file)})
    assert caught.value.variable == f"{name}_FILE"


@pytest.mark.parametrize("name", BY_NAME)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(SettingError, match="No such file") as caught:
        Settings.from_environment({f"{name}_FILE": missing})
    assert (caught.value.variable, caught.value.value) == (f"{name}_FILE", missing)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingError, match="not UTF-8 text"):
        Settings.from_environment({"BETH_INSTANCE_FILE": str(file)})


@pytest.mark.parametrize(
    "url", ["redis://u:s3cret@h:0", "redis://u:s3c ret@h", "redis://u:s3cret", "redis://:s3/cret@h"]
)
@pytest.mark.parametrize("name", ["MESSAGE_BUS_URL", "BETH_JOURNAL_URL", "LLM_BASE_URL", "BETH_LEASE", "BETH_INSTANCE"])
def test_no_error_shows_a_password(name: str, url: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment({name: url})
    for shown in (str(caught.value), repr(caught.value), caught.value.value):
        assert "s3c" not in shown
        assert "cret" not in shown


def test_settings_can_be_printed_without_showing_a_password() -> None:
    settings = Settings.from_environment(
        {"MESSAGE_BUS_URL": "redis://:s3cret@host", "LLM_BASE_URL": "https://key:s3cret@host/v1"}
    )
    assert settings.bus_url == "redis://:s3cret@host"
    for shown in (repr(settings), str(settings), f"{settings}"):
        assert "s3cret" not in shown
        assert "bus_url='redis://:***@host'" in shown


# -- defaults ---------------------------------------------------------------------------------


def test_without_any_variable_everything_is_one_file_in_the_home() -> None:
    settings = Settings.from_environment({"HOME": "/home/someone"})
    assert settings.home == Path("/home/someone/.local/share/beth")
    assert settings.bus_url == "sqlite:////home/someone/.local/share/beth/beth.db"
    assert settings.journal_url == settings.bus_url
    assert (settings.retention, settings.stop_grace) == (30 * 86_400, 600)
    assert (settings.log_format, settings.log_level) == ("auto", "info")
    assert settings.subscribe_topics == ()


def test_the_home_follows_the_base_directory_specification() -> None:
    assert Settings.from_environment({"XDG_DATA_HOME": "/data"}).home == Path("/data/beth")
    assert Settings.from_environment({"XDG_DATA_HOME": "relative", "HOME": "/h"}).home == Path("/h/.local/share/beth")


def test_the_default_bus_is_in_the_home_that_was_set() -> None:
    assert Settings.from_environment({"BETH_HOME": "/srv/beth"}).bus_url == "sqlite:////srv/beth/beth.db"


@pytest.mark.parametrize("scheme", ["memory", "postgresql", "redis", "rediss", "nats"])
def test_the_journal_is_on_the_server_of_the_bus_where_that_keeps_journals(scheme: str) -> None:
    url = f"{scheme}://u:p@host/x"
    assert Settings.from_environment({"MESSAGE_BUS_URL": url}).journal_url == url


@pytest.mark.parametrize("url", ["amqp://mq", "amqps://u:p@mq/v", "kafka://a:9092,localhost:9092"])
def test_amqp_and_kafka_elsewhere_need_a_journal(url: str) -> None:
    with pytest.raises(SettingError, match="keeps no journal") as caught:
        Settings.from_environment({"MESSAGE_BUS_URL": url})
    assert caught.value.variable == "BETH_JOURNAL_URL"
    settings = Settings.from_environment({"MESSAGE_BUS_URL": url, "BETH_JOURNAL_URL": "redis://r"})
    assert settings.journal_url == "redis://r"


@pytest.mark.parametrize(
    "url", ["amqp://u:p@localhost:5672/v", "kafka://127.0.0.1:9092,LOCALHOST:9093", "amqp://[::1]"]
)
def test_amqp_and_kafka_on_this_machine_keep_the_journal_in_the_home(url: str) -> None:
    settings = Settings.from_environment({"MESSAGE_BUS_URL": url, "BETH_HOME": "/srv/beth"})
    assert settings.journal_url == "sqlite:////srv/beth/beth.db"


# -- unknown names ----------------------------------------------------------------------------


def test_a_mistyped_variable_is_found_with_the_nearest_name() -> None:
    environ = {"BETH_LEAES": "60s", "BETH_HOME_FLIE": "x", "BETH_XYZZY": "", "PATH": "/bin", "LLM_MODLE": "x"}
    assert unknown_variables(environ) == [
        ("BETH_HOME_FLIE", "BETH_HOME_FILE"),
        ("BETH_LEAES", "BETH_LEASE"),
        ("BETH_XYZZY", None),
    ]


def test_known_variables_and_those_of_others_are_not_unknown() -> None:
    environ = dict.fromkeys(BY_NAME, "") | {f"{name}_FILE": "" for name in BY_NAME} | {"BETH_SANDBOX": "off"}
    assert unknown_variables(environ, also=["BETH_SANDBOX"]) == []


def test_variables_of_others_are_known_exactly_as_they_are_named() -> None:
    environ = {"BETH_TOKEN_FILE": "/run/token"}
    assert [name for name, _ in unknown_variables(environ, also=["BETH_TOKEN"])] == ["BETH_TOKEN_FILE"]
    assert unknown_variables(environ, also=["BETH_TOKEN_FILE"]) == []


def test_reading_settings_touches_no_file_and_no_variable(tmp_path: Path) -> None:
    before = dict(os.environ)
    Settings.from_environment({"BETH_HOME": str(tmp_path / "home"), "BETH_HEALTH_FILE": str(tmp_path / "health")})
    assert list(tmp_path.iterdir()) == []
    assert dict(os.environ) == before
