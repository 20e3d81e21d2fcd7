"""What the tests of these commands need: a request whose roles have committed, and a server that asks who one is."""

from __future__ import annotations

import base64
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from beth_kit.workspace.clone import TaskClone
from beth_kit.workspace.conftest import Plain
from beth_kit.workspace.conftest import digest as digest
from beth_kit.workspace.conftest import plain as plain
from beth_kit.workspace.conftest import users as users
from beth_kit.workspace.git import identity_of
from beth_kit.workspace.repository import RequestRepository
from beth_sdk.cli.conftest import beth as beth
from beth_sdk.cli.conftest import home as home
from beth_sdk.cli.conftest import start as start
from beth_sdk.conftest import site as site

NOON = 1_769_774_400.0
"""2026-01-30 12:00:00 UTC."""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nobody has configured git."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)


async def commit(
    repository: RequestRepository, task: str, role: str, subject: str, files: dict[str, bytes], *, when: float = NOON
) -> str:
    """Have a task commit these files, and merge that into the request's branch; returns the task's commit."""
    clone = await TaskClone.open(repository, task)
    for name, content in files.items():
        path = clone.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    made = await clone.commit(subject, role=role, when=when)
    await repository.merge(made, f"Merge {task}\n\nBeth-Task: {task}\n", identity_of("beth"))
    return made


@pytest.fixture
async def work(home: Path, users: Path) -> RequestRepository:
    """The request `r1`, from the user's repository: a developer and a tester have committed."""
    repository = await RequestRepository.open(home, "r1", repo=str(users))
    tester = await TaskClone.open(repository, "r1.2")
    await commit(repository, "r1.1", "developer", "Add four", {"app.py": b"one\ntwo\nthree\nfour\n", "new.txt": b"n\n"})
    (tester.directory / "test_app.py").write_text("check\n")
    made = await tester.commit("Test it", role="tester", when=NOON + 60)
    await repository.merge(made, "Merge r1.2\n\nBeth-Task: r1.2\n", identity_of("beth"))
    return repository


@pytest.fixture
async def fresh(home: Path) -> RequestRepository:
    """The request `fresh`, which started from nothing and has committed nothing."""
    return await RequestRepository.open(home, "fresh")


def on_a_branch(users: Path, plain: Plain, name: str, content: str) -> str:
    """A branch with a commit of its own that nobody has checked out."""
    plain(users, "checkout", "-q", "-b", "theirs")
    (users / name).write_text(content)
    plain(users, "add", ".")
    plain(users, "commit", "-q", "-m", "Theirs")
    plain(users, "checkout", "-q", "main")
    return plain(users, "rev-parse", "theirs")


def head_of(repository: RequestRepository) -> str:
    """Where the request's branch is, by git itself."""
    words = ["git", f"--git-dir={repository.git.git_dir}", "rev-parse", repository.branch_ref]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def trap(directory: Path, ran: Path, git_dir: str = ".git") -> None:
    """Hooks and configuration of a repository that leave a trace if anything runs them."""
    script = directory / git_dir / "trap"
    script.write_text(f"#!/bin/sh\necho $0 >> {ran}\n")
    script.chmod(0o755)
    hooks = directory / git_dir / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "post-merge", "pre-push", "reference-transaction", "pre-receive", "update"):
        (hooks / name).unlink(missing_ok=True)
        (hooks / name).symlink_to(script)
    with (directory / git_dir / "config").open("a") as config:
        config.write(f'[core]\n\tfsmonitor = {script}\n[filter "lfs"]\n\tsmudge = {script}\n\tclean = {script}\n')
        config.write(f"[uploadpack]\n\tpackObjectsHook = {script}\n[receive]\n\tdenyCurrentBranch = updateInstead\n")


def on_a_terminal(
    *arguments: str, rows: int = 200, answers: Sequence[tuple[bytes, bytes]] = (), **variables: str
) -> tuple[int, str]:
    """`beth` on a terminal of its own: its exit code and all that was written there. `answers`: what is asked there,
    one after the other, and what is typed then."""
    terminal, theirs = pty.openpty()
    # A session's first process gets the terminal that it opens as its own, which is where git asks for passwords.
    own = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", own, sys.executable, "-m", "beth_sdk.cli", *arguments],
        env={"TERM": "xterm", **os.environ, "LINES": str(rows), "COLUMNS": "80", **variables},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written, waiting = b"", list(answers)
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other side is closed
            break
        if not read:
            break
        written += read
        if waiting and waiting[0][0] in written:
            os.write(terminal, waiting.pop(0)[1] + b"\n")
    os.close(terminal)
    return process.wait(), written.decode().replace("\r\n", "\n")


# -- a server -----------------------------------------------------------------------------------


@dataclass
class Hosting:
    """A git server over HTTP that only lets in who says `user` and `secret`. `asked`: who came, None for nobody."""

    url: str
    directory: Path
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def hosting(tmp_path: Path, plain: Plain) -> Iterator[Hosting]:
    """Such a server with the repository `shop.git`, which is empty and greets whoever pushes."""
    directory = tmp_path / "hosted"
    directory.mkdir()
    plain(directory, "init", "-q", "--bare", "-b", "main", "shop.git")
    plain(directory / "shop.git", "config", "http.receivepack", "true")
    greeting = directory / "shop.git/hooks/post-receive"
    greeting.parent.mkdir(exist_ok=True)
    greeting.write_text("#!/bin/sh\ncat >/dev/null\necho 'Look at it: http://shop.example/new'\n")
    greeting.chmod(0o755)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
            pass

        def _serve(self) -> None:
            said = self.headers.get("Authorization")
            who = None if said is None else base64.b64decode(said.removeprefix("Basic ")).decode()
            made.asked.append(who)
            if who != "user:secret":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="shop"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            ended = subprocess.run(
                ["git", "http-backend"],
                input=self.rfile.read(int(self.headers.get("Content-Length", 0))),
                env={
                    "PATH": os.environ["PATH"],
                    "GIT_PROJECT_ROOT": str(directory),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "GIT_CONFIG_GLOBAL": "/dev/null",
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "REMOTE_USER": "user",
                    "REMOTE_ADDR": "127.0.0.1",
                },
                capture_output=True,
                check=True,
            )
            head, _, body = ended.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Hosting(f"http://127.0.0.1:{server.server_address[1]}/shop.git", directory)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()
