"""Finds keys and passwords in what a model wants to remember, and takes them out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from beth_sdk.redact import redact

HIDDEN = "***"

_SHORTEST = 8
"""Characters of a secret that is looked for by its value: a shorter one would be found in ordinary words."""

_LONGEST_FILE = 64 * 1024
"""Bytes of a file that a variable NAME_FILE may lead to; a larger one holds no key."""

_SECRET_VARIABLE = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS)(?:_FILE)?$")

_SHAPES = re.compile(
    r"""
      -----BEGIN\ [A-Z ]{0,30}PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]{0,30}PRIVATE\ KEY-----|\Z)
    | \b(?:
        sk-[A-Za-z0-9_-]{16,}                            # OpenAI, Anthropic, OpenRouter, DeepSeek
      | (?:gsk|hf|npm|gh[opsur]|github_pat)_\w{20,}      # Groq, Hugging Face, npm, GitHub
      | xai-\w{20,} | glpat-[\w-]{16,} | pypi-[\w-]{32,}
      | [rs]k_(?:live|test)_[A-Za-z0-9]{16,}             # Stripe
      | (?:AKIA|ASIA)[0-9A-Z]{16}\b                      # Amazon
      | AIza[\w-]{30,} | ya29\.[\w-]{20,}                # Google
      | xox[a-z]-[A-Za-z0-9-]{10,}                       # Slack
      | eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*                  # JSON web tokens, RFC 7519
      )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
"""Keys that can be told by their form, which their issuers document for this purpose."""

_HEADER = re.compile(r"\b(bearer|basic)(\s+)(?=[\w.~+/-]*\d)[\w.~+/-]{16,}=*", re.IGNORECASE | re.ASCII)

_NAME = r"[\w-]{0,40}(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)"
_REFERENCE = r"(?![$<{*\[(]|[\w.]{0,80}[(\[])"
"""What follows is a value, and not a placeholder, a variable or a call that gives one."""
_VALUE = r"""(?:"[^"\n]{4,}"|'[^'\n]{4,}'|[^\s"',;]{4,})"""
_ASSIGNED = re.compile(rf"""\b({_NAME}["']?\s{{0,8}}=\s{{0,8}}){_REFERENCE}{_VALUE}""", re.IGNORECASE | re.ASCII)
# After a colon there is as often prose; only a value with a digit in it is taken for a secret there.
_STATED = re.compile(
    rf"""\b({_NAME}["']?\s{{0,8}}:\s{{0,8}}){_REFERENCE}(?=["']?[^\s"',;]{{0,200}}[0-9]){_VALUE}""",
    re.IGNORECASE | re.ASCII,
)


def without_secrets(text: str, known: Sequence[str] = ()) -> str:
    """The text with `***` in place of: the values in `known`, keys of a well-known form, private keys, passwords in
    URLs, and what is assigned to a name such as `password` or `API_KEY`. A secret of no known form that is merely
    mentioned stays."""
    for secret in sorted(known, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    text = redact(_SHAPES.sub(HIDDEN, text))
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _ASSIGNED.sub(rf"\1{HIDDEN}", text)
    return _STATED.sub(rf"\1{HIDDEN}", text)


def secrets_in(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The values of the variables whose names say that they hold a secret, those read from NAME_FILE included. A file
    that cannot be read is left to whoever needs it."""
    found = set()
    for name, value in environ.items():
        if _SECRET_VARIABLE.search(name):
            found.add(_content(Path(value)) if name.endswith("_FILE") else value.strip())
    return tuple(sorted(secret for secret in found if len(secret) >= _SHORTEST))


def _content(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > _LONGEST_FILE:
            return ""
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
