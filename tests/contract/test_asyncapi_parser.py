"""The AsyncAPI document against the specification's own parser, from npm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from beth_sdk.asyncapi import document
from beth_sdk.manifest import Manifest
from tests.services import Services

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "asyncapi"
ERROR, WARNING = 0, 1
"""Severities of the parser's diagnostics; 2 and 3 are hints, such as that there is a newer AsyncAPI."""


@pytest.fixture(scope="session")
def modules(services: Services) -> Path:
    """The folder in which the parser is installed, once for each version of its package.json."""
    services.require("node")
    wanted = (HERE / "package.json").read_text(encoding="utf-8")
    folder = Path(os.environ.get("BETH_TEST_CACHE") or ROOT / ".cache") / "asyncapi"
    installed = folder / "installed.json"
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        installed.unlink(missing_ok=True)
        shutil.copy(HERE / "package.json", folder)
        npm = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        done = subprocess.run(npm, cwd=folder, capture_output=True, text=True, check=False, timeout=110)
        if done.returncode != 0:
            services.absent("node", f"npm could not install the parser: {done.stderr.strip()[-300:]}")
        installed.write_text(wanted, encoding="utf-8")
    return folder


def parsed(modules: Path, text: str) -> dict[str, Any]:
    done = subprocess.run(
        ["node", HERE / "validate.mjs", modules], input=text, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def complaints(found: dict[str, Any]) -> list[Any]:
    return [one for one in found["diagnostics"] if one["severity"] in (ERROR, WARNING)]


def manifest(role: str, **more: Any) -> Manifest:
    return Manifest.model_validate(
        {"manifest_version": 1, "role": role, "description": "d", "command": ["./a"], **more}
    )


TEAM = [manifest("developer"), manifest("product-manager"), manifest("security-reviewer", aliases=["tasks.security"])]


@pytest.mark.parametrize("team", [[], TEAM], ids=["nobody", "team"])
def test_the_parser_accepts_the_document_and_understands_all_of_it(modules: Path, team: list[Manifest]) -> None:
    made = document(team)
    used = {name for channel in made["channels"].values() for name in channel["messages"]}
    found = parsed(modules, json.dumps(made))
    assert complaints(found) == []
    assert found["understood"] == {
        "version": "3.0.0",
        "channels": sorted(made["channels"]),
        "operations": sorted(made["operations"]),
        "payloads": sorted(made["components"]["messages"][name]["title"] for name in used),
    }


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("channels", "events", "messages", "event", "$ref"), "#/components/messages/nothing"),
        (("operations", "send-event", "action"), "shout"),
        (("components", "schemas", "task", "required"), "id"),
        (("asyncapi",), "9.9.9"),
    ],
)
def test_the_parser_would_refuse_a_wrong_document(modules: Path, place: tuple[str, ...], wrong: str) -> None:
    made: Any = json.loads(json.dumps(document(TEAM)))
    table = made
    for key in place[:-1]:
        table = table[key]
    table[place[-1]] = wrong
    assert complaints(parsed(modules, json.dumps(made)))
