"""Documents that must mention everything of a kind do."""

from __future__ import annotations

import re

import click

from beth_sdk.cli.main import beth
from scripts.workspace import ROOT
from tests.docs.documents import Document


def test_the_readme_mentions_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z]+", " ".join(Document(ROOT / "README.md").code)))
    assert set(beth.list_commands(click.Context(beth))) - words == set(), readme


def test_every_page_under_docs_can_be_reached_from_the_index() -> None:
    seen, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [(page.parent / target.partition("#")[0]).resolve() for target in Document(page).links]
    assert set((ROOT / "docs").rglob("*.md")) - seen == set()


def test_every_decision_is_listed_says_its_number_and_what_was_rejected() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = Document(folder / "README.md").links
    for record in sorted(folder.glob("[0-9]*.md")):
        text = record.read_text(encoding="utf-8")
        assert record.name in listed
        assert text.startswith(f"# {record.name[:4]} · ")
        assert [section for section in ("Context", "Decision", "Rejected") if f"\n## {section}\n" not in text] == []


def test_every_word_of_the_glossary_stands_once_and_in_order() -> None:
    words = re.findall(
        r"^\*\*([^*]+)\*\* · ", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(words) > 20
    assert words == sorted(set(words))
