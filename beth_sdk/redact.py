"""Secrets in URLs, kept out of logs, errors and everything else that is shown."""

from __future__ import annotations

import re

_SECRET_PARAMETERS = "password|passwd|pwd|sslpassword|secret|token|access_token|api_key|apikey|sasl_password"  # noqa: S105 - names


def redact(text: str) -> str:
    """The text with what is secret in its URLs replaced by `***`: passwords, lone user parts (tokens are given so),
    and query parameters such as `password=`."""
    if "://" not in text:
        return text
    # Greedy up to the last @, because people forget to escape an @ or / in a password. A host's port is no password.
    text = re.sub(
        r"(://[^:/?#@\s]+):(?![0-9]+(?:[/?#\s\"',;)\]]|$))(?:(?!,?[a-z]+://)\S)*@",
        r"\1:***@",
        text,
        flags=re.IGNORECASE,
    )
    text = re.sub(r"://:(?:(?!,?[a-z]+://)\S)*@", "://:***@", text, flags=re.IGNORECASE)
    text = re.sub(r"://[^:/?#@\s]+@", "://***@", text)
    return re.sub(rf"([?&](?:{_SECRET_PARAMETERS})=)[^&#\s]+", r"\1***", text, flags=re.IGNORECASE)


def hidden(text: str) -> str:
    """A refused value, safe to show: whatever may be a password is left out, even where the URL is malformed."""
    scheme, separator, rest = text.partition("://")
    if separator and "@" in rest:
        text = f"{scheme}://***@{rest.rpartition('@')[2]}"
    elif separator:  # whoever forgot the @host wrote the password where a port would stand
        text = re.sub(r"(://[^:/?#\s]*):(?![0-9]{1,5}(?:[/?#,]|$)).*", r"\1:***", text, flags=re.DOTALL)
    text = redact(text)
    return text if len(text) <= 200 else f"{text[:197]}..."
