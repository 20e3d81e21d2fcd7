"""Finds keys and passwords in text: by the forms their issuers give them, by the names they are assigned to, and by how
random they look. Pure.

No library does it here: those that are known for it are programs in other languages, or bring network clients to try
what they find, and settings for the whole process. What is left of them for a repository's text is this page.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

RANDOM_BASE64 = 4.5
"""Bits of entropy a character from which on a long token is taken for random; English words have 3 to 4, a random
base64 text of 40 characters about 4.9."""

RANDOM_HEX = 3.3
"""The same for hexadecimal digits, which have 4 at the most."""

LONGEST_LINE = 20_000
"""Characters of a line that are looked at; longer ones are made by programs."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What looks like one. `shown` is enough to recognise it by and too little to use it; `value` is never to be shown.
    `sure`: it has the form of a real one, and is more than random."""

    path: str
    line: int
    kind: str
    shown: str
    value: str
    sure: bool


_FORMS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("private key", r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
        ("AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("GitHub token", r"\b(?:gh[opsur]_[A-Za-z0-9]{36,}|github_pat_\w{22,})\b"),
        ("GitLab token", r"\bgl(?:pat|dt|rt|ft|ptt)-[\w-]{20,}"),
        ("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("Slack webhook", r"https://hooks\.slack\.com/services/T\w+/B\w+/\w{16,}"),
        ("Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
        ("Google API key", r"\bAIza[\w-]{35}(?![\w-])"),
        ("OpenAI or Anthropic key", r"\bsk-(?:ant-|proj-|svcacct-|or-)?[A-Za-z0-9_-]{24,}"),
        ("Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
        ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
        ("PyPI token", r"\bpypi-[\w-]{50,}"),
        ("SendGrid key", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
        ("Twilio key", r"\bSK[0-9a-f]{32}\b"),
        ("Azure storage key", r"\bAccountKey=[A-Za-z0-9+/]{80,}={0,2}"),
        ("JSON web token", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
        (
            "password in an address",
            r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"'<>{}$]{1,64}:(?P<value>[^\s:/@\"'<>{}$]{3,})@[\w.-]+",
        ),
    )
)

_ASSIGNED = re.compile(
    r"""(?ix)
    (?P<name>[\w.-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)
        [\w-]{0,20})
    ["']?\s{0,8}(?::=|=>|=|:)\s{0,8}
    (?:(?P<quote>["'])(?P<quoted>[^"'\s]{6,200})(?P=quote)|(?P<bare>[^\s"'#;,(){}\[\]<>$]{8,200})\s*(?:\#.*)?$)
    """
)
_TOKEN = re.compile(r"(?<![\w+/=-])(?P<value>[A-Za-z0-9+/_-]{24,200}={0,2})(?![\w+/=-])")
_HEX = re.compile(r"[0-9a-fA-F]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_PLACEHOLDER = re.compile(
    r"(?i)example|sample|change.?me|replace|placeholder|your[_-]|dummy|\bfake|redacted|x{4,}|\*{3,}|\.{3}|1234567|abcdef"
    r"|^(?:password|passwd|secret|token|test|none|null|true|false|undefined|todo|env|string|required|optional)\d{0,3}$"
)
_CALLED = re.compile(
    r"^[\w.]+\(|^(?:os|process|env|settings|config|self|this|secrets|vars|var|ctx|request|data|params)\."
)
_HASHED = re.compile(r"(?i)sha(?:1|256|384|512)|integrity|checksum|digest|\bhash|uses:\s|\bcommit\b|\brev\b|data:\w+/")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_WORDY = 3.0
"""Characters of a word on average from which on a token is a name, in camel case or with dashes; in random text letters
and digits change after one or two."""

_MADE = ("*.lock", "*.min.js", "*.map", "*.svg", "*.snap", "*.ipynb", "*.csv", "*.pem.pub")
_MADE_NAMES = frozenset({"package-lock.json", "pnpm-lock.yaml", "go.sum", "npm-shrinkwrap.json", "flake.lock"})


def scan(path: str, text: str) -> list[Secret]:
    """What looks like a secret, once for each line and value. In files that programs make, only what has a form of its
    own."""
    made = _is_made(path)
    found: dict[tuple[int, str], Secret] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) <= LONGEST_LINE:
            for kind, value, sure in _in_line(line, made):
                found.setdefault((number, value), Secret(path, number, kind, masked(value), value, sure))
    return list(found.values())


def masked(value: str) -> str:
    """The first characters of a value and how long it is."""
    kept = 4 if len(value) >= 20 else 0
    return f"{value[:kept]}… ({len(value)} characters)"


def entropy(text: str) -> float:
    """Bits a character, by how often each occurs (Shannon)."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _in_line(line: str, made: bool) -> Iterator[tuple[str, str, bool]]:
    taken: list[str] = []
    for kind, form in _FORMS:
        for one in form.finditer(line):
            value = one["value"] if "value" in form.groupindex else one[0]
            if not _PLACEHOLDER.search(value) and not any(value in other for other in taken):
                taken.append(one[0])
                yield kind, value, True
    if made:
        return
    for one in _ASSIGNED.finditer(line):
        value = one["quoted"] or one["bare"]
        if _is_value(value, quoted=one["quoted"] is not None) and not any(value in other for other in taken):
            taken.append(value)
            yield f"value of {one['name'].strip('.-')}", value, True
    if _HASHED.search(line):
        return
    for one in _TOKEN.finditer(line):
        value = one["value"]
        if _is_random(value) and not any(value in other or other in value for other in taken):
            yield "random text", value, False


def _is_value(value: str, *, quoted: bool) -> bool:
    """Whether what is assigned is a secret itself, and not a word for one or the way to it."""
    if _PLACEHOLDER.search(value) or _CALLED.search(value) or value[0] in "$<{%":
        return False
    if quoted:
        return entropy(value) > 2.0 and not value.isspace()
    # Without quotes it is code or a setting: a name is no secret.
    return any(one.isdigit() for one in value) and not re.fullmatch(r"[\d.:-]+|[\w.]*\.\w+|[a-z_]\w*\[.*", value)


def _is_random(value: str) -> bool:
    if _UUID.fullmatch(value) or _PLACEHOLDER.search(value) or _is_name(value):
        return False
    if _HEX.fullmatch(value):
        return len(value) >= 32 and entropy(value) >= RANDOM_HEX
    mixed = any(one.isdigit() for one in value) and any(one.isupper() for one in value) and any(map(str.islower, value))
    return mixed and entropy(value) >= min(RANDOM_BASE64, math.log2(len(value)) - 0.6)


def _is_name(value: str) -> bool:
    return len(value) >= _WORDY * max(len(_WORD.findall(value)), 1) and not _HEX.fullmatch(value)


def _is_made(path: str) -> bool:
    pure = PurePosixPath(path)
    return pure.name in _MADE_NAMES or any(pure.match(pattern) for pattern in _MADE)
