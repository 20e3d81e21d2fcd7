"""The files that the builder makes, as text. Pure: they depend on the request and its criteria alone."""

from __future__ import annotations

import json
import keyword
import re
import sys
from typing import Any

from beth_example_command_team.protocol import one_line

README = """\
# {title}

A skeleton that a program made from a template. **Nothing that the request asks for is implemented**: no model was
used, and a program without one cannot write it. What is here: the criteria as data ([criteria.json](criteria.json)) and
as text ([docs/criteria.md](docs/criteria.md)), a package `{package}` to put the work into, and one test for each
criterion, which checks that the criterion can be traced from the request to these files, and nothing more.

Run the tests with `python -m unittest discover -s tests -t .`
"""

DOCUMENT = """\
# Criteria

{criteria}

None of them is implemented. Each has a test in tests/test_criteria.py, which checks that it can be traced.
"""

PACKAGE = '''\
"""The place for what the request asks for; nothing of it is implemented."""

import json
from pathlib import Path


def criteria():
    """The request's acceptance criteria: dictionaries with id, text and story."""
    file = Path(__file__).resolve().parent.parent / "criteria.json"
    return json.loads(file.read_text(encoding="utf-8"))["criteria"]
'''

TESTS = '''\
"""One test for each criterion: it is recorded, documented, and belongs to a story. None says that it is implemented."""

import unittest
from pathlib import Path

import {package}

ROOT = Path(__file__).resolve().parent.parent


class Criteria(unittest.TestCase):
    def assert_recorded(self, identifier, text, story):
        self.assertIn({{"id": identifier, "text": text, "story": story}}, {package}.criteria())

    def assert_documented(self, identifier, text):
        self.assertIn(f"- **{{identifier}}** {{' '.join(text.split())}}", lines("docs/criteria.md"))

    def assert_in_story(self, identifier, text, story):
        prd = lines("PRD.md")
        self.assertIn(f"- [ ] **{{identifier}}** (story {{story}}): {{' '.join(text.split())}}", prd)
        self.assertTrue([line for line in prd if line.startswith(f"- **{{story}}** (from {{identifier}}): ")], story)
{tests}

def lines(name):
    return (ROOT / name).read_text(encoding="utf-8").split("\\n")
'''

TEST = """
    def test_{name}(self):
        identifier, text = {identifier!r}, {text}
        self.assert_recorded(identifier, text, {story!r})
        self.assert_documented(identifier, text)
"""

TEST_OF_STORY = """\
        self.assert_in_story(identifier, text, {story!r})
"""


def files(description: str, criteria: list[dict[str, Any]]) -> dict[str, str]:
    """Every file by its path in the work directory."""
    package = package_name(description)
    return {
        "README.md": README.format(title=one_line(description)[:80], package=package),
        "criteria.json": json.dumps({"request": description, "criteria": criteria}, indent=2) + "\n",
        "docs/criteria.md": DOCUMENT.format(
            criteria="\n".join(f"- **{one['id']}** {one_line(one['text'])}" for one in criteria)
        ),
        f"{package}/__init__.py": PACKAGE,
        "tests/__init__.py": "",
        "tests/test_criteria.py": TESTS.format(package=package, tests="".join(test(one) for one in criteria)),
    }


def test(criterion: dict[str, Any]) -> str:
    """The test of one criterion. Its text goes in as a literal, so that no text can become code."""
    name = f"{criterion['id']}_{slug(criterion['text'])}".rstrip("_").lower()
    source = TEST + (TEST_OF_STORY if criterion["story"] else "")
    return source.format(name=name, identifier=criterion["id"], text=ascii(criterion["text"]), story=criterion["story"])


def package_name(description: str) -> str:
    """A name for the request that can be imported and hides no module of Python's own."""
    name = slug(description) or "request"
    if name[0].isdigit() or keyword.iskeyword(name) or name in {*sys.stdlib_module_names, "tests", "docs"}:
        name = f"request_{name}"
    return name


def slug(text: str) -> str:
    """Words of ASCII letters and digits joined by underscores, 60 characters at most."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower())[:60].strip("_")
