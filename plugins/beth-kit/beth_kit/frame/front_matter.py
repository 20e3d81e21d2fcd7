"""The YAML at the top of a Markdown file, between two lines of `---`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from beth_kit.frame.text import storable

MOST_CHARACTERS = 8 * 1024
"""Of front matter; a longer one is broken."""

_FRONT = re.compile(r"---[ \t]*\n(?P<yaml>(?:[^\n]*\n)*?)---[ \t]*(?:\n|\Z)")


class BrokenFrontMatter(ValueError):
    """The front matter cannot be read; the message says why."""


def split(text: str) -> tuple[Mapping[str, Any], str]:
    """The front matter, empty where there is none, and the text after it. Raises `BrokenFrontMatter`."""
    text = storable(text)
    if not re.match(r"---[ \t]*\n", text):
        return {}, text.strip()
    found = _FRONT.match(text)
    if found is None:
        raise BrokenFrontMatter("the front matter has no end: put a line --- after it")
    if len(found["yaml"]) > MOST_CHARACTERS:
        raise BrokenFrontMatter(f"the front matter is longer than {MOST_CHARACTERS:,} characters")
    return _loaded(found["yaml"]), text[found.end() :].strip()


def _loaded(text: str) -> Mapping[str, Any]:
    import yaml

    try:
        # An alias lets a few lines stand for gigabytes; nobody needs one here.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise BrokenFrontMatter("the front matter has a YAML alias (*name): write the value out")
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, BrokenFrontMatter):
            raise
        raise BrokenFrontMatter(f"the front matter is not YAML: {' '.join(str(error).split())[:300]}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BrokenFrontMatter("the front matter is not a table of keys and values")
    return {str(key): value for key, value in found.items()}
