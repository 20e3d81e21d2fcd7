"""The commands as processes: interrupted in the middle, and quick to start."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from beth_kit.commands import deferred
from beth_kit.commands.conftest import Hosting
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.cli.group import Deferred


@pytest.fixture
def stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `git` that hangs in what talks to other repositories, after it has written to this named pipe."""
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    folder = tmp_path / "bin"
    folder.mkdir()
    os.mkfifo(tmp_path / "told")
    hang = f"echo here > {tmp_path}/told; exec sleep 1000"
    (folder / "git").write_text(
        f'#!/bin/sh\ncase " $* " in *" fetch "*|*" push "*|*" diff-tree "*) {hang};; esac\nexec {real} "$@"\n'
    )
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return tmp_path / "told"


@pytest.mark.parametrize(
    "command",
    [("show", "r1"), ("diff", "r1"), ("checkout", "r1", "DIR"), ("merge", "r1"), ("push", "r1", "--remote=URL")],
)
def test_ctrl_c_ends_a_command_without_a_trace(
    command: tuple[str, ...],
    work: RequestRepository,
    home: Path,
    users: Path,
    plain: Plain,
    hosting: Hosting,
    stuck: Path,
    tmp_path: Path,
) -> None:
    words = [word.replace("DIR", str(tmp_path / "out/new")).replace("URL", hosting.url) for word in command]
    (tmp_path / "scratch").mkdir()
    ran = subprocess.Popen(
        [sys.executable, "-m", "beth_sdk.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path / "scratch")},
    )
    stuck.read_text()
    ran.send_signal(signal.SIGINT)
    stdout, stderr = ran.communicate()

    assert (stdout, stderr.strip(), ran.returncode) == (b"", b"", 130)
    assert list((tmp_path / "scratch").iterdir()) == []
    assert [*(tmp_path / "out").glob("*"), *(tmp_path / "out").glob(".*")] == []
    assert plain(users, "branch", "--format=%(refname:short)") == "main"


def test_help_and_commands_start_without_what_talks_to_models() -> None:
    modules = ["beth_kit.commands.deferred", *(one.target.partition(":")[0] for one in every_command().values())]
    code = (
        f"import sys, {', '.join(modules)}; print(sorted({{'litellm', 'httpx', 'mcp', 'pydantic'}} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def every_command() -> dict[str, Deferred]:
    """The commands by the name under which they are declared."""
    return {name: one for name, one in vars(deferred).items() if isinstance(one, Deferred)}


@pytest.mark.parametrize("name", every_command())
def test_every_declared_command_is_there_under_its_name(name: str) -> None:
    assert every_command()[name].load().name == name
