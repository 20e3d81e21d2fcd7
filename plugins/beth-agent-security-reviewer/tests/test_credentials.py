"""What is taken for a secret, and what is not. Every value here is made up."""

from __future__ import annotations

import pytest

from beth_agent_security_reviewer.credentials import entropy, masked, scan

# Put together here, so that no scanner takes this file for a place where keys are kept.
LETTERS = "q7Rk2ZpX9vTn4LsW8bYd3HfJ6mCgA5uE1oNiKxQz"
HEX = "9f86d081884c7d659a2feaa0c55ad015"
KEYS = {
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "AWS access key": "AKIA" + "Q7RK2ZPX9VTN4LSW",
    "GitHub token": "ghp_" + LETTERS[:36],
    "GitLab token": "glpat-" + LETTERS[:20],
    "Slack token": "xoxb-" + "8342751906-" + LETTERS[:16],
    "Slack webhook": "https://hooks.slack.com/services/T0" + "AB12/B0CD34/" + LETTERS[:24],
    "Stripe key": "sk_live_" + LETTERS[:24],
    "Google API key": "AIza" + LETTERS[:35],
    "OpenAI or Anthropic key": "sk-ant-" + LETTERS[:30],
    "Hugging Face token": "hf_" + LETTERS[:34],
    "npm token": "npm_" + LETTERS[:36],
    "PyPI token": "pypi-" + LETTERS + LETTERS[:20],
    "SendGrid key": "SG." + LETTERS[:22] + "." + LETTERS[:40],
    "Twilio key": "SK" + HEX,
    "Azure storage key": "AccountKey=" + LETTERS * 2 + "ab==",
    "JSON web token": "eyJ" + LETTERS[:17] + ".eyJ" + LETTERS[:20] + "." + LETTERS[:30],
}


@pytest.mark.parametrize(("kind", "value"), KEYS.items(), ids=KEYS)
def test_a_key_is_told_by_its_form(kind: str, value: str) -> None:
    (one,) = scan("settings.py", f"first\nx = {value}\n")
    assert (one.line, one.kind, one.sure) == (2, kind, True)
    assert value not in one.shown


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('password = "tr0ub4dor&3x"', "value of password"),
        ("DB_PASSWORD=tr0ub4dor3x", "value of DB_PASSWORD"),
        ('{"apiKey": "k3jf8s7dh2"}', "value of apiKey"),
        ("secret_key: 'k3jf8s7dh2kd'", "value of secret_key"),
        ('SECRET_KEY = "dev-secret-key"', "value of SECRET_KEY"),
        ('auth.token := "k3jf8s7dh2kd"', "value of auth.token"),
        ("url = 'postgres://ada:tr0ub4dor@db.internal/shop'", "password in an address"),
    ],
)
def test_what_is_assigned_to_the_name_of_a_secret_is_one(line: str, kind: str) -> None:
    (one,) = scan("settings.py", line)
    assert (one.kind, one.sure) == (kind, True)


@pytest.mark.parametrize("text", [LETTERS, HEX, f"{LETTERS}==", f"{LETTERS[:20]}/{LETTERS[20:]}"])
def test_long_random_text_may_be_a_secret(text: str) -> None:
    (one,) = scan("app.py", f'call("{text}")')
    assert (one.kind, one.sure) == ("random text", False)


@pytest.mark.parametrize(
    "line",
    [
        'password = os.environ["PASSWORD"]',
        "password = getpass()",
        'password = "${DB_PASSWORD}"',
        'password = "changeme"',
        'password: "your-password-here"',
        "api_key = settings.api_key",
        "token = request.headers['x-token']",
        "def refresh(token: str, secret: bytes) -> None:",
        'TOKEN_LIFETIME = "15 minutes"',
        "password = password",
        "url = 'postgres://user:$PASSWORD@db/shop'",
        "see https://example.org/a/long/path/of-words-with-dashes/and-more-of-them",
        "uses: actions/checkout@" + "8f4b7f84864484a7bf31766abe9204da3cbe65b3",
        "sha256: " + HEX * 2,
        '"integrity": "sha512-' + LETTERS * 2 + '"',
        'id = "123e4567-e89b-12d3-a456-426614174000"',
        "from beth_agent_security_reviewer.credentials import a_function_with_a_long_name",
        "testThatTheTokenIsRefusedWhenItWasUsedOnce()",
        "AWS = 'AKIAIOSFODNN7EXAMPLE'",
        "x" * 64,
        "0" * 64,
    ],
)
def test_what_leads_to_a_secret_or_only_looks_like_one_is_none(line: str) -> None:
    assert scan("app.py", line) == []


def test_in_what_programs_write_only_forms_count() -> None:
    text = f'"x": "{LETTERS}"\npassword = "tr0ub4dor&3x"\nkey = {KEYS["GitHub token"]}\n'
    assert [one.kind for one in scan("package-lock.json", text)] == ["GitHub token"]
    assert len(scan("settings.json", text)) == 3


def test_a_value_is_named_once_in_its_line() -> None:
    (one,) = scan("app.py", f'token = "{KEYS["GitHub token"]}"')
    assert one.kind == "GitHub token"


def test_what_is_shown_is_of_no_use() -> None:
    assert masked(LETTERS) == "q7Rk… (40 characters)"
    assert masked("tr0ub4dor") == "… (9 characters)"


def test_a_line_that_is_very_long_is_left_out_and_costs_nothing() -> None:
    assert scan("a.js", "a" * 1_000_000) == []
    assert scan("a.js", ("aB1/" * 4_000) + "!") is not None


def test_entropy_is_in_bits_a_character() -> None:
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2
