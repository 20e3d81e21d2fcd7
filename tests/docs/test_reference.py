"""The reference pages that are made from the code are those that the code makes now."""

from __future__ import annotations

import dataclasses

import pytest

from beth_sdk.bus.base import Capabilities
from scripts.reference import FOLDER, PAGES, QUESTIONS


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_says_what_the_code_says(name: str) -> None:
    path = FOLDER / name
    written = path.read_text(encoding="utf-8") if path.exists() else ""
    assert written == PAGES[name](), f"{path} is out of date: `make docs` writes it anew"


def test_the_page_of_buses_asks_for_every_capability() -> None:
    assert list(QUESTIONS) == [field.name for field in dataclasses.fields(Capabilities)]
