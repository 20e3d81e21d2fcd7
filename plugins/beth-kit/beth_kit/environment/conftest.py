"""A package index on loopback with a wheel that nobody else has, and contexts of a task."""

from __future__ import annotations

import functools
import http.server
import io
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from beth_kit.environment.sources import Sources
from beth_kit.sandbox.policy import task_uid
from beth_kit.tools.conftest import Contexts
from beth_kit.tools.conftest import home as home
from beth_kit.tools.conftest import repository_with as repository_with


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def wheel(name: str, version: str) -> tuple[str, bytes]:
    """A wheel with one module and one program, both called `name`."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\ndef main():\n    print(VERSION)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
        f"{info}/RECORD": "",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return f"{name}-{version}-py3-none-any.whl", packed.getvalue()


def source(name: str) -> tuple[str, bytes]:
    """A source distribution whose setup.py must never run."""
    packed = io.BytesIO()
    content = b"raise SystemExit('ran')\n"
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo(f"{name}-1.0/setup.py")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return f"{name}-1.0.tar.gz", packed.getvalue()


@pytest.fixture
def contexts(home: Path) -> Contexts:
    """As root with users of their own; an unprivileged run of the tests shows the rest."""
    return Contexts(home, task_uid(str(home)) if os.geteuid() == 0 else None)


@pytest.fixture
def index(home: Path) -> Iterator[Sources]:
    """An index with the wheels alpha 1.0 and 2.0 and beta 1.0, and of gamma only the source."""
    for file, content in (wheel("alpha", "1.0"), wheel("alpha", "2.0"), wheel("beta", "1.0"), source("gamma")):
        folder = home / "index" / "simple" / file.partition("-")[0]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
        links = "".join(f'<a href="{one.name}">{one.name}</a>' for one in folder.glob("*-*"))
        (folder / "index.html").write_text(links)
    handler = functools.partial(_Quiet, directory=str(home / "index"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        port = server.server_address[1]
        variables = {"PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple", "PIP_RETRIES": "0"}
        yield Sources(variables, (port,))
        server.shutdown()
        serving.join()
