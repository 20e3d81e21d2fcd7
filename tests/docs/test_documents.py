"""What the documents say is there is there: links, paths, make targets, commands and their options, snippets."""

from __future__ import annotations

import ast
import importlib
import itertools
import json
import re
import tomllib

import click
import pytest

from beth_sdk import schema
from beth_sdk.cli.main import beth
from scripts.workspace import ROOT, packages
from tests.docs.documents import Document, documents


@pytest.fixture(params=documents(), ids=str)
def document(request: pytest.FixtureRequest) -> Document:
    """Each document in turn."""
    chosen: Document = request.param
    return chosen


def test_every_link_leads_to_something(document: Document) -> None:
    broken = []
    for target in document.links:
        path, _, anchor = target.partition("#")
        file = (document.path.parent / path).resolve() if path else document.path
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in Document(file).anchors):
            broken.append(target)
    assert broken == []


def test_every_path_in_backquotes_exists(document: Document) -> None:
    tops = {entry.name for entry in ROOT.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
    missing = [
        code
        for code in document.code
        if re.fullmatch(r"[\w.-]+(/[\w.*-]+)+/?", code)
        and code.split("/")[0] in tops
        and not any(ROOT.glob(code.rstrip("/")))
    ]
    assert missing == []


def test_every_make_target_that_is_mentioned_exists(document: Document) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    mentioned = {line[1] for line in document.command_lines if line[0] == "make" and len(line) > 1}
    mentioned |= {match[1] for code in document.code if (match := re.match(r"make ([a-z][a-z-]*)", code))}
    assert mentioned - targets == set()


def test_every_beth_command_takes_what_it_is_given(document: Document) -> None:
    for arguments in document.beth_lines:
        assert_parses(arguments)


def test_every_beth_command_in_prose_exists(document: Document) -> None:
    for code in document.code:
        if match := re.match(r"beth ([a-z]+)((?: [a-z]+)*)", code):
            command, rest = find([match[1], *match[2].split()])
            # What follows a group must be one of its commands; what follows a command is up to the reader.
            assert not (isinstance(command, click.Group) and rest), code


def test_every_python_block_compiles_and_imports_what_exists(document: Document) -> None:
    for block in document.blocks("python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("beth_"):
                module = importlib.import_module(node.module) if ours(node.module) else None
                assert module is None or [a.name for a in node.names if not hasattr(module, a.name)] == []


def test_every_toml_and_json_block_parses_and_manifests_are_valid(document: Document) -> None:
    for block in document.blocks("json"):
        json.loads(block)
    for block in document.blocks("toml"):
        table = tomllib.loads(block)
        if "manifest_version" in table:
            schema.check("manifest", table)


def test_every_json_block_that_looks_like_a_message_is_valid(document: Document) -> None:
    for block in document.blocks("json"):
        message = json.loads(block)
        if isinstance(message, dict) and {"payload", "task_id"} & message.keys():
            schema.check(schema.guess(message), message)


def test_nothing_is_installed_by_a_name_that_somebody_else_could_register(document: Document) -> None:
    ours_by_name = {package.name for package in packages()}
    for line in document.command_lines:
        if "install" in line and any("pip" in word for word in line):
            named = [word for before, word in itertools.pairwise(line) if before not in {"-e", "-r"}]
            assert not {re.split(r"[\[=<>~]", word)[0] for word in named} & ours_by_name, line


def ours(module: str) -> bool:
    """Whether a module belongs to a package of this repository; documents also show packages that readers write."""
    return any((package.folder / module.partition(".")[0]).is_dir() for package in packages())


def find(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words lead to, and the words behind it."""
    command: click.Command = beth
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        inner = command.get_command(click.Context(command), rest[0])
        assert inner is not None, f"beth {' '.join(words)}: there is no command {rest[0]!r}"
        command, rest = inner, rest[1:]
    return command, rest


def assert_parses(arguments: list[str]) -> None:
    """Fails where an option does not exist, or too few or too many arguments are given. Values are not looked at."""
    command, rest = find(arguments)
    if "--help" in rest or (command is beth and "--version" in rest):
        return
    # click keeps the first help option that it makes, so it must be made as `beth` itself does.
    context = click.Context(command, info_name=" ".join(arguments), **beth.context_settings)
    try:
        _, left, _ = command.make_parser(context).parse_args(list(rest))
    except click.UsageError as error:
        pytest.fail(f"beth {' '.join(arguments)}: {error.format_message()}", pytrace=False)
    assert not (isinstance(command, click.Group) and left), f"beth {' '.join(arguments)}: {left}"
    needed = [one for one in command.params if isinstance(one, click.Argument) and one.required]
    given = [word for word in rest if not word.startswith("-")]
    assert len(given) >= len(needed), (
        f"beth {' '.join(arguments)}: {', '.join(one.name or '' for one in needed)} missing"
    )
