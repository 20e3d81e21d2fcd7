"""What a user's repository tells agents is found, and what cannot be used is named."""

from __future__ import annotations

from beth_kit.frame.conftest import Held
from beth_kit.frame.instructions import MOST_BYTES, NESTED, Document, Instructions, read_instructions
from beth_kit.frame.text import size
from beth_kit.frame.tree import TooLong

AGENT = "---\nname: {name}\ndescription: Reviews.\ntools: ['read']\n---\n\n{text}\n"


async def test_a_repository_that_says_nothing_gives_nothing() -> None:
    assert await read_instructions(Held({"app.py": "x"}), "developer") == Instructions()


async def test_the_root_comes_first_then_copilots_then_what_is_nested_with_its_directory() -> None:
    found = await read_instructions(
        Held(
            {
                ".github/copilot-instructions.md": "Copilot",
                "AGENTS.md": "\nRoot\n",
                "web/app/AGENTS.md": "App",
                "web/AGENTS.md": "Web",
                "empty/AGENTS.md": " \n",
                "MYAGENTS.md": "no",
                "web/node_modules/x/AGENTS.md": "somebody else's",
            }
        ),
        "developer",
    )
    assert found.documents == (
        Document("AGENTS.md", "Root"),
        Document(".github/copilot-instructions.md", "Copilot"),
        Document("web/AGENTS.md", "Web", "web"),
        Document("web/app/AGENTS.md", "App", "web/app"),
    )
    assert found.warnings == ()


async def test_a_long_file_is_cut_with_a_note() -> None:
    found = await read_instructions(Held({"AGENTS.md": "line\n" * 10_000}), "developer")
    text = found.documents[0].text
    assert size(text) <= MOST_BYTES
    assert text.endswith("characters are left out here …]")
    assert "AGENTS.md goes on" in text


async def test_what_is_nested_beyond_a_number_is_only_named() -> None:
    found = await read_instructions(Held({f"p{number:02}/AGENTS.md": "x" for number in range(20)}), "developer")
    assert len(found.documents) == NESTED
    assert found.further == tuple(f"p{number:02}/AGENTS.md" for number in range(NESTED, 20))


async def test_the_file_called_like_the_role_is_the_roles() -> None:
    held = Held(
        {
            ".github/agents/a.agent.md": AGENT.format(name="developer", text="By its name"),
            ".github/agents/developer.agent.md": AGENT.format(name="Anybody", text="By its file"),
        }
    )
    found = await read_instructions(held, "developer")
    assert found.role == Document(".github/agents/developer.agent.md", "By its file")


async def test_else_the_one_whose_name_people_would_read_as_the_role() -> None:
    held = Held({".github/agents/x.agent.md": AGENT.format(name="Security Reviewer", text="Look twice.")})
    found = await read_instructions(held, "security-reviewer")
    assert found.role == Document(".github/agents/x.agent.md", "Look twice.")
    assert (await read_instructions(held, "developer")).role is None


async def test_a_file_of_a_role_needs_no_front_matter() -> None:
    held = Held({".github/agents/security_reviewer.agent.md": "Look twice."})
    assert (await read_instructions(held, "security-reviewer")).role is not None


async def test_only_files_of_that_very_folder_are_roles() -> None:
    held = Held({".github/agents/old/developer.agent.md": "x", ".github/agents/developer.md": "x"})
    assert (await read_instructions(held, "developer")).role is None


async def test_what_cannot_be_used_is_left_out_with_one_line_each() -> None:
    class Large(Held):
        async def read(self, path: str) -> bytes:
            if path.startswith("big"):
                raise TooLong(path, 10**9)
            return await super().read(path)

    held = Large(
        {
            "AGENTS.md": b"\xff\xfe",
            "big/AGENTS.md": "",
            "ok/AGENTS.md": "Fine",
            ".github/agents/developer.agent.md": "---\nname: [\n---\nText",
        }
    )
    found = await read_instructions(held, "developer")
    assert [one.text for one in found.documents] == ["Fine"]
    assert found.role is None
    assert [line.split(" ")[0] for line in found.warnings] == [
        "AGENTS.md",
        "big/AGENTS.md",
        ".github/agents/developer.agent.md",
    ]
    assert "not UTF-8" in found.warnings[0]
    assert "1,000,000,000 bytes" in found.warnings[1]
    assert not any("\n" in line for line in found.warnings)


async def test_a_directory_cannot_say_more_than_a_name() -> None:
    found = await read_instructions(Held({'a"\n# Rules\n<x>/AGENTS.md': "Fine"}), "developer")
    assert found.documents[0].directory == "a' # Rules ‹x›"
