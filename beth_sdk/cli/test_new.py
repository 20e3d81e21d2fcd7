"""`beth new agent`. What the packages that it makes are worth is tested in tests/template."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from beth_sdk.cli.conftest import Beth, Ran

New = Callable[..., Ran]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return folder


@pytest.fixture
def new(beth: Beth, here: Path) -> New:
    """Runs `beth new agent` in the empty folder."""
    return lambda *arguments: beth("new", "agent", *arguments)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_package_is_made_and_what_comes_next_is_said(new: New, here: Path) -> None:
    ran = new("translator", "--no-input")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith("beth-agent-translator: 11 files, an agent of the kind llm for the role translator\n")
    assert "  cd beth-agent-translator\n  pip install -e '.[dev]'\n  pytest\n  beth agents\n" in ran.stdout
    assert names(here) == ["beth-agent-translator"]


def test_programs_get_one_document(new: New, here: Path) -> None:
    ran = new("--role", "translator", "--kind", "python", "--task-type", "one", "--task-type", "two", "--json")
    made = ran.json
    folder = here / "beth-agent-translator"
    assert made["folder"] == str(folder)
    assert (made["role"], made["kind"], made["task_types"]) == ("translator", "python", ["one", "two"])
    assert sorted(made["files"]) == sorted(
        one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()
    )


def test_the_folder_may_be_made_elsewhere(new: New, here: Path) -> None:
    assert new("acme-translator", "--role", "translator", "-o", "a/b").exit_code == 0
    project = tomllib.loads((here / "a/b/acme-translator/pyproject.toml").read_text())["project"]
    assert project["entry-points"]["beth.agents"] == {"translator": "acme_translator"}


def test_nothing_is_left_in_the_home_directory_or_among_temporary_files(
    new: New, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = here.parent / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert new("translator").exit_code == 0
    assert names(temporary) == []
    assert not (here.parent / "user").exists()


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_nothing_is_ever_overwritten(there: str, new: New, here: Path) -> None:
    place = here / "beth-agent-translator"
    if there == "folder":
        place.mkdir()
    elif there == "file":
        place.write_text("mine")
    else:
        place.symlink_to("nowhere")
    ran = new("translator")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == (
        "beth: beth-agent-translator exists already: choose another name, or another folder with --output\n"
    )
    assert names(here) == ["beth-agent-translator"]
    assert place.is_symlink() or place.is_file() or names(place) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say which role it is to play: beth new agent ROLE"),
        (("beth",), "role: beth is the orchestrator's own: choose another one"),
        (("Foo",), "role: 'Foo' cannot be one: write lower-case letters and digits"),
        (("class", "--role", "writer"), "name: the package would be called class, which is a word of Python's own"),
        (("x", "--kind", "python", "--model", "a/b"), "model: an agent of the kind python has none"),
        (("x", "--task-type", "A"), "task type: 'A' cannot be one"),
        (("x", "--kind", "magic"), "'magic' is not one of"),
    ],
)
def test_what_will_not_do_is_said_in_one_line_and_nothing_is_made(
    arguments: tuple[str, ...], said: str, new: New, here: Path
) -> None:
    ran = new(*arguments)
    assert (ran.exit_code, ran.stdout, names(here)) == (2, "", [])
    assert ran.stderr.startswith("beth: ")
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_said_in_one_line(new: New, here: Path) -> None:
    (here / "file").write_text("")
    ran = new("x", "-o", "file/inside")
    assert (ran.exit_code, ran.stderr.count("\n")) == (2, 1)
    assert "cannot be written" in ran.stderr


def test_without_cookiecutter_the_next_step_is_said(new: New, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "cookiecutter"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("sys.path", [one for one in sys.path if not (Path(one) / "cookiecutter").exists()])
    ran = new("translator")
    assert (ran.exit_code, names(here)) == (2, [])
    assert ran.stderr == "beth: this needs cookiecutter: pip install cookiecutter\n"


def at_a_terminal(here: Path, typed: str, *arguments: str) -> str:
    """Run it at a terminal where a person types this; returns all that is seen there."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "HOME": str(here.parent / "user"), "TERM": "dumb"}
    command = [sys.executable, "-m", "beth_sdk.cli", "new", "agent", *arguments]
    process = subprocess.Popen(command, cwd=here, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, typed.encode())
    seen = b""
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not read:
            break
        seen += read
    os.close(ours)
    assert process.wait(60) == 0, seen.decode()
    return seen.decode()


def test_at_a_terminal_what_was_not_said_is_asked_for(here: Path) -> None:
    seen = at_a_terminal(here, "translator\nTranslates texts\npython\ntranslate, check\n")
    assert "Role, such as technical-writer: " in seen
    assert "Types of its tasks [work]: " in seen
    assert "Model" not in seen
    manifest = tomllib.loads((here / "beth-agent-translator/beth_agent_translator/agent.toml").read_text())
    assert manifest["description"] == "Translates texts"
    assert list(manifest["task_types"]) == ["translate", "check"]


def test_with_no_input_nothing_is_asked_even_there(here: Path) -> None:
    assert "?" not in at_a_terminal(here, "", "translator", "--no-input")
    manifest = tomllib.loads((here / "beth-agent-translator/beth_agent_translator/agent.toml").read_text())
    assert manifest["description"] == "Plays the role of translator"
    assert json.dumps(manifest["model"]) == '{"provider": "anthropic", "name": "claude-sonnet-5-5"}'
