from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from beth_agent_beth.mcp.snippet import vscode


def server(environ: dict[str, str], *arguments: str) -> Any:
    return json.loads(vscode(arguments, environ))


def test_it_starts_this_beth() -> None:
    told = server({}, "--model", "openai/gpt-5.6")
    beth = told["servers"]["beth"]
    assert (beth["type"], beth["args"]) == ("stdio", ["mcp", "--model", "openai/gpt-5.6"])
    assert Path(beth["command"]).name == "beth"
    assert set(told) == {"servers"}
    assert "env" not in beth


def test_a_key_is_asked_for_and_never_written_down() -> None:
    text = vscode([], {"OPENAI_API_KEY": "sk-secret"})
    assert "sk-secret" not in text
    told = json.loads(text)
    assert told["servers"]["beth"]["env"] == {"OPENAI_API_KEY": "${input:openai-api-key}"}
    assert told["inputs"] == [
        {"type": "promptString", "id": "openai-api-key", "description": "OPENAI_API_KEY", "password": True}
    ]


def test_the_file_of_a_key_is_named() -> None:
    told = server({"OPENAI_API_KEY_FILE": "/run/secrets/openai"})
    assert told["servers"]["beth"]["env"] == {"OPENAI_API_KEY_FILE": "/run/secrets/openai"}


def test_what_says_which_beth_it_is_is_passed_on() -> None:
    told = server({"BETH_HOME": "/srv/beth", "PATH": "/bin"})
    assert told["servers"]["beth"]["env"] == {"BETH_HOME": "/srv/beth"}


def test_a_url_with_a_password_is_left_out() -> None:
    assert "hunter2" not in vscode([], {"MESSAGE_BUS_URL": "redis://beth:hunter2@bus:6379"})
