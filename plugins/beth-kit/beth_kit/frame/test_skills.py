"""Skills are found, chosen by what the task is about, and can be looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from beth_kit.context import KitContext
from beth_kit.frame.conftest import Held
from beth_kit.frame.skill_files import MOST_BYTES, MOST_SKILLS, own_skills, repository_skills
from beth_kit.frame.skills import Applies, Skill, choose_skills, skill_tool
from beth_kit.frame.text import size
from beth_kit.tools.base import ToolReply
from beth_sdk.errors import ConfigurationError
from beth_sdk.manifest import Manifest
from beth_sdk.messages import Task

Manifests = Callable[..., Manifest]
Tasks = Callable[..., Task]

FULL = """\
---
name: jwt
description: How tokens are made and checked.
applies:
  task_types: [implement, fix]
  words: [jwt, "access token"]
  files: ["*.py"]
license: MIT
---

# Tokens

Never write your own.
"""


def skill(applies: Applies | None = None, **changes: Any) -> Skill:
    fields: dict[str, Any] = {"name": "a", "description": "A", "text": "T", "source": "role", "path": "a.md"}
    return Skill(**{**fields, "applies": applies, **changes})


# -- where they come from ---------------------------------------------------------------------


def test_a_manifest_names_files_and_folders(manifest: Manifests) -> None:
    files = {
        "skills/testing.md": "# Testing\n\nTest first.",
        "jwt/SKILL.md": FULL,
        "jwt/details.md": "no skill of its own",
        "more/b.md": "B",
        "more/c/SKILL.md": "C",
    }
    found = own_skills(manifest(files, 'skills = ["skills/testing.md", "jwt", "more"]'))
    assert [(one.name, one.path) for one in found] == [
        ("testing", "skills/testing.md"),
        ("jwt", "jwt/SKILL.md"),
        ("b", "more/b.md"),
        ("c", "more/c/SKILL.md"),
    ]
    assert found[0].description == "Testing"
    assert found[0].applies is None
    assert found[1] == Skill(
        "jwt",
        "How tokens are made and checked.",
        "# Tokens\n\nNever write your own.",
        "role",
        "jwt/SKILL.md",
        Applies(("implement", "fix"), ("jwt", "access token"), ("*.py",)),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("---\nname: [\n---\nText", "not YAML"),
        ("---\nname: a\n---\n", "nothing in it"),
        ("---\nname: 'a/b'\n---\nText", "name: "),
        ("---\napplies: {word: [jwt]}\n---\nText", "task_types, words, files"),
        ("---\napplies: {words: jwt}\n---\nText", "applies.words"),
        ("x" * (MOST_BYTES + 1), "make two of it"),
    ],
)
def test_a_mistake_in_a_roles_own_skill_stops_it(manifest: Manifests, text: str, problem: str) -> None:
    made = manifest({"skills/a.md": text}, 'skills = ["skills/a.md"]')
    with pytest.raises(ConfigurationError, match=problem) as found:
        own_skills(made)
    assert "skills/a.md: " in str(found.value)
    assert "\n" not in str(found.value)


def test_two_skills_of_a_role_cannot_have_one_name(manifest: Manifests) -> None:
    made = manifest({"a.md": "x", "b.md": "---\nname: a\n---\ny"}, 'skills = ["a.md", "b.md"]')
    with pytest.raises(ConfigurationError, match=r"a\.md is called 'a' too"):
        own_skills(made)


def test_a_folder_without_a_skill_is_a_mistake(manifest: Manifests) -> None:
    made = manifest({"skills/readme.txt": "x"}, 'skills = ["skills"]')
    with pytest.raises(ConfigurationError, match="no skill in this folder"):
        own_skills(made)


async def test_a_repository_keeps_skills_in_the_usual_folders() -> None:
    held = Held(
        {
            ".claude/skills/pdf/SKILL.md": "---\nname: pdf\ndescription: PDF files\nallowed-tools: Read\n---\nUse it.",
            ".claude/skills/pdf/extra.md": "no",
            ".claude/skills/loose.md": "no",
            ".beth/skills/style.md": "# Style\nTabs.",
            ".beth/skills/deep/er/SKILL.md": "no",
            ".github/skills/x/SKILL.md": FULL,
            "skills/y/SKILL.md": "no",
        }
    )
    found, warnings = await repository_skills(held)
    assert [(one.name, one.source) for one in found] == [
        ("style", "repository"),
        ("pdf", "repository"),
        ("jwt", "repository"),
    ]
    assert warnings == ()


async def test_what_is_broken_in_a_repository_is_left_out_with_a_warning() -> None:
    held = Held(
        {
            ".beth/skills/a.md": "---\nname: [\n---\nText",
            ".beth/skills/b.md": b"\xff",
            ".beth/skills/c.md": "---\nname: own\n---\nText",
            ".beth/skills/d.md": "Fine",
            ".beth/skills/e.md": "---\nname: d\n---\nText",
        }
    )
    found, warnings = await repository_skills(held, [skill(name="own")])
    assert [one.path for one in found] == [".beth/skills/d.md"]
    assert [line.split(" ")[0] for line in warnings] == [f".beth/skills/{name}.md" for name in "abce"]
    assert any("not YAML" in line for line in warnings)
    assert any("another skill called 'own'" in line for line in warnings)


async def test_a_long_skill_of_a_repository_is_cut_and_too_many_are_left_out() -> None:
    held = Held({f".beth/skills/s{number:03}.md": "x" * 40_000 for number in range(MOST_SKILLS + 3)})
    found, warnings = await repository_skills(held)
    assert len(found) == MOST_SKILLS
    assert size(found[0].text) <= MOST_BYTES
    assert warnings == (f"3 skills are ignored: a repository may have {MOST_SKILLS}",)


# -- which ones apply -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("applies", "wanted"),
    [
        (Applies(task_types=("implement",)), True),
        (Applies(task_types=("review",)), False),
        (Applies(words=("jwt",)), True),
        (Applies(words=("user authentication",)), True),
        (Applies(words=("authent",)), False),
        (Applies(words=("cookies",)), True),
        (Applies(words=("C++",)), True),
        (Applies(files=("*.py",)), True),
        (Applies(files=("src/*",)), True),
        (Applies(files=("*.PY", "*.rs")), False),
        (Applies(task_types=("implement",), words=("oauth",)), False),
        (Applies(task_types=("implement",), words=("oauth", "JWT"), files=("app.py",)), True),
        (Applies(), True),
    ],
)
def test_a_skill_applies_where_all_that_it_says_holds(task: Tasks, applies: Applies, *, wanted: bool) -> None:
    made = task(acceptance_criteria=["Secure httpOnly cookies", "no C++"])
    (found,) = choose_skills([skill(applies, source="repository")], made, ["src/web/app.py", "README.md"])
    assert found.loaded is wanted


def test_a_skill_that_does_not_say_applies_if_it_is_the_roles_own(task: Tasks) -> None:
    own, others = choose_skills([skill(), skill(source="repository")], task(), [])
    assert own.loaded
    assert not others.loaded


# -- looking one up ---------------------------------------------------------------------------


async def looked_up(skills: list[Mapping[str, Any]], name: str) -> ToolReply:
    found = skill_tool(skills)
    assert found is not None
    return await found.call(cast("KitContext", None), {"name": name})


async def test_the_tool_gives_the_text_of_a_skill() -> None:
    listed: list[Mapping[str, Any]] = [
        {"name": "a", "loaded": False, "text": "How A is done"},
        {"name": "b", "loaded": True},
    ]
    assert await looked_up(listed, "a") == ToolReply("How A is done")
    assert "already" in (await looked_up(listed, "b")).text
    unknown = await looked_up(listed, "c")
    assert unknown.error
    assert "there are: a, b" in unknown.text


def test_there_is_no_tool_where_nothing_is_left_to_look_up() -> None:
    assert skill_tool([]) is None
    assert skill_tool([skill(loaded=True)]) is None


def test_the_tool_changes_nothing() -> None:
    made = skill_tool([skill()])
    assert made is not None
    assert not made.writes
    assert made.repeat == "safe"
