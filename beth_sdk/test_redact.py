"""No secret of a URL is shown, however the URL is malformed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beth_sdk.redact import hidden, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:s3cret@host:6379/0", "redis://:***@host:6379/0"),
        ("amqp://beth:s3cret@host/v", "amqp://beth:***@host/v"),
        ("nats://s3cret@host:4222", "nats://***@host:4222"),
        ("amqp://beth:s3c@ret@host", "amqp://beth:***@host"),
        ("amqp://beth:s3c/ret@host", "amqp://beth:***@host"),
        ("redis://:1/s3cret@host", "redis://:***@host"),
        ("nats://u:s3cret@a:4222,nats://u:s3cret@b:4222", "nats://u:***@a:4222,nats://u:***@b:4222"),
        ("postgresql://h/db?user=u&password=s3cret&x=1", "postgresql://h/db?user=u&password=***&x=1"),
        ("cannot reach redis://:s3cret@a nor amqp://u:s3cret@b", "cannot reach redis://:***@a nor amqp://u:***@b"),
    ],
)
def test_secrets_are_replaced_and_the_rest_stays(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "no URL at all: a@b",
        "redis://host:6379/0",
        "http://localhost:4873/@scope/package",
        "sqlite:////home/someone@work/beth.db",
        'see "http://localhost:80", or write to a@b',
        "kafka://a:9092,b:9092",
    ],
)
def test_text_without_secrets_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_redacting_twice_changes_nothing_more() -> None:
    once = redact("amqp://beth:s3cret@host and nats://t@h and x://h?token=t")
    assert redact(once) == once


@given(st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1).filter(lambda secret: "://" not in secret))
def test_no_password_without_blanks_gets_through(rest: str) -> None:
    secret = f"qQ{rest}Qq"
    assert secret not in redact(f"failed: redis://beth:{secret}@host:6379/0 (refused)")
    assert "qQ" not in redact(f"failed: redis://:{secret}@host:6379/0 (refused)")


@given(st.text(min_size=1))
def test_no_part_of_a_password_gets_through_in_a_refused_value(rest: str) -> None:
    assert "qQ" not in hidden(f"redis://beth:qQ{rest}@host")
    assert "Qq" not in hidden(f"redis://beth:{rest}Qq@host")


@pytest.mark.parametrize(
    "text",
    ["redis://:s3cret", "amqp://beth:s3cret", "amqp://beth:s3cret/vhost", "redis://:12s3cret", "amqp://beth:x\ns3cret"],
)
def test_a_password_without_its_host_is_not_shown_in_a_refused_value(text: str) -> None:
    assert "s3cret" not in hidden(text)


def test_a_refused_value_is_cut_to_a_readable_length() -> None:
    assert len(hidden("x" * 10_000)) == 200
