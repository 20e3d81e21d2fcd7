"""What is taken for a secret, and what is left as it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from beth_kit.memory.secrets import secrets_in, without_secrets

BODY = "abcDEF123456ghiJKL789012mnoPQR345678"


@pytest.mark.parametrize(
    "key",
    [
        f"sk-{BODY}",
        f"sk-ant-api03-{BODY}",
        f"sk-proj-{BODY}_x-y",
        f"gsk_{BODY}",
        f"hf_{BODY}",
        f"npm_{BODY}",
        f"ghp_{BODY}",
        f"github_pat_{BODY}",
        f"glpat-{BODY}",
        f"pypi-{BODY}",
        f"xai-{BODY}",
        f"sk_live_{BODY}",
        "AKIAIOSFODNN7EXAMPLE",
        f"AIza{BODY}",
        f"ya29.{BODY}",
        "xoxb-1234567890-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
        f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n{BODY}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{BODY}",
    ],
)
def test_a_key_of_a_known_form_is_hidden(key: str) -> None:
    assert without_secrets(f"Use {key}") == "Use ***"
    assert BODY not in without_secrets(f'{{"value":"{key}"}}')


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Authorization: Bearer abcdefghijkl1234567", "Authorization: Bearer ***"),
        ("DB_PASSWORD=hunter two", "DB_PASSWORD=*** two"),
        ("password = 'correct horse battery'", "password = ***"),
        ('{"api_key": "abcd1234"}', '{"api_key": ***}'),
        ("the password: hunter2, as always", "the password: ***, as always"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = ***"),
        ("postgresql://beth:hunter2@db/beth", "postgresql://beth:***@db/beth"),
        ("https://example.org/?token=abc", "https://example.org/?token=***"),
    ],
)
def test_what_is_given_as_a_password_is_hidden_and_its_name_stays(text: str, kept: str) -> None:
    assert without_secrets(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "The token: is sent in a header",
        "secret: rotation happens weekly",
        "token = get_token(user)",
        'password = os.environ["DB_PASSWORD"]',
        "api_key=$OPENAI_API_KEY",
        "TOKEN=${CI_TOKEN}",
        "password: <yours, 12 characters>",
        "use max_tokens=4096 and temperature=0",
        "JWT access tokens with 15min expiry",
        "the task-skills folder, risk-assessment-of-the-database-migration",
        "commit 0ab8afb1c2d3e4f5061728394a5b6c7d8e9f0a1b",
        "basic authentication of the administration",
        "see https://example.org:8080/path?page=2",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_values_that_are_known_are_hidden_the_longer_ones_first() -> None:
    assert without_secrets("opensesame opensesame2 short", ["opensesame", "opensesame2", "short"]) == "*** *** short"


def test_the_secrets_of_an_environment_are_told_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file 1\n")
    environ = {
        "OPENAI_API_KEY": "from a variable",
        "GITHUB_TOKEN": "another one",
        "PGPASSWORD": "of the database",
        "GEMINI_API_KEY_FILE": str(tmp_path / "key"),
        "MISTRAL_API_KEY_FILE": str(tmp_path / "none"),
        "XAI_API_KEY_FILE": str(tmp_path),
        "SHORT_KEY": "abc",
        "HOME": "/home/somebody",
        "MAX_TOKENS": "123456789",
    }
    assert set(secrets_in(environ)) == {"from a variable", "another one", "of the database", "from a file 1"}


@pytest.mark.parametrize(
    "text",
    [
        *("a-" * 4096, "password" * 1024, "sk-" * 2730, "-----BEGIN PRIVATE KEY-----" * 300, "eyJaaaaaaaa." * 680),
        *("password:" * 900, "token =" * 1170, "bearer " * 1170, "secret:" + " " * 8000, '"' * 8192, "x://a:b@" * 1000),
        *("://" * 2730, "://a:" * 1638, "token=" + "w." * 4000, "password:" + "a" * 8000),
    ],
    ids=range(15),
)
def test_a_note_made_to_take_long_is_done_within_seconds(text: str) -> None:
    started = time.monotonic()
    without_secrets(text)
    assert time.monotonic() - started < 10
