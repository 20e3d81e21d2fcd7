"""Two throw-away roles: a player in plain code who does what the first word says, a maker with a scripted model."""

from __future__ import annotations

import json
from pathlib import Path

PLAYER = """\
import os, subprocess, sys, time
from beth_sdk.agent import Agent
from beth_sdk.messages import Result

print("printed when it was imported")

def read():
    while not os.path.exists(os.environ["GATE"]):
        time.sleep(0.02)
    with open(os.environ["GATE"]) as opened:
        return opened.read()

def shout():
    print("printed by the agent")
    sys.stdout.write("written without an end")
    sys.stdout.flush()
    os.write(1, b"written to the descriptor\\n")
    subprocess.run([sys.executable, "-c", "print('printed by a child')"], check=True)

def block():
    time.sleep(1000)

class Player(Agent):
    async def execute(self, task, ctx):
        return await getattr(self, task.payload.description.split()[0])(ctx)

    async def play(self, ctx):
        await ctx.step("play", lambda: None, repeat="safe")
        return Result.complete({"summary": "played"})

    async def shout(self, ctx):
        await ctx.step("shout", shout, repeat="safe")
        return Result.complete({"summary": "shouted"})

    async def ask(self, ctx):
        return Result.complete({"summary": await ctx.ask("Which colour?", ["red", "blue"])})

    async def wait(self, ctx):
        await ctx.step("before", lambda: None, repeat="safe", input="before")
        text = await ctx.step("wait", read, repeat="safe")
        await ctx.step("after", lambda: None, repeat="safe", input="after")
        return Result.complete({"summary": " ".join([f"read {text}", *ctx.notes])})

    async def block(self, ctx):
        await ctx.step("block", block, repeat="safe")
"""

PLAYER_MANIFEST = """\
manifest_version = 1
role = "player"
description = "Does what the first word says"
class = "{package}.agent:Player"

[task_types.act]
"""

MAKER_MANIFEST = """\
manifest_version = 1
role = "maker"
description = "Makes a file"
class = "beth_kit:LLMAgent"
limits = {steps = 20, cost_usd = 5.0, attempts = 1}

[task_types.make]
prompt = "prompts/make.md"
"""

MAKING = {
    "roles": {
        "maker": {
            "make": [
                {"calls": [{"name": "bash", "arguments": {"command": "echo hello > made.txt"}}]},
                {"calls": [{"name": "commit", "arguments": {"message": "Make the file"}}]},
                {"calls": [{"name": "ask", "arguments": {"question": "Which colour?", "options": ["red", "blue"]}}]},
                {"calls": [{"name": "finish", "arguments": {"result": {"summary": "made"}}}], "cost_usd": 0.25},
            ]
        }
    }
}
"""What the maker's model says, turn by turn."""


def install(site: Path) -> None:
    """Both roles, as distributions in a folder for PYTHONPATH."""
    _install(site, "player", PLAYER_MANIFEST.format(package="a_chat_player"), {"agent.py": PLAYER})
    _install(site, "maker", MAKER_MANIFEST, {"prompts/make.md": "You make files.\n"})


def transcript(folder: Path) -> Path:
    """A file with `MAKING`, for the scripted model."""
    path = folder / "making.yaml"
    path.write_text(json.dumps(MAKING))
    return path


def workflow(folder: Path, role: str, task_type: str) -> str:
    """A workflow of one task for a role; returns its path."""
    path = folder / f"{role}.toml"
    path.write_text(f'name = "{role}"\n[[task]]\nname = "only"\nagent = "{role}"\ntype = "{task_type}"\n')
    return str(path)


def _install(site: Path, role: str, manifest: str, files: dict[str, str]) -> None:
    package = site / f"a_chat_{role}"
    package.mkdir(parents=True)
    for name, text in {"__init__.py": "", "agent.toml": manifest, **files}.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(text)
    info = site / f"a_chat_{role}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: a-chat-{role}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[beth.agents]\n{role} = a_chat_{role}\n")
