"""Installs packages, run as a program of its own inside the sandbox, as the user that a request's packages belong to.

Run as `python -I -c SOURCE ROOT NAME [python:PACKAGE | node:PACKAGE]…`, so it imports only the standard library. Each
kind is installed into a copy beside what is there, named after NAME, and a link is turned to it when everything went
well: `ROOT/python` → `python-NAME`. Whoever uses the packages sees the old ones or the new ones. The last line of
stdout is a JSON object: `installed`, names and versions by kind, or `failed`, in words.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path


class Failed(Exception):
    """Nothing was changed; why, in words for a model."""


def main(root: Path, name: str, *wanted: str) -> None:
    """Install, or only make empty environments where nothing is wanted and none is there."""
    python = [one.partition(":")[2] for one in wanted if one.startswith("python:")]
    node = [one.partition(":")[2] for one in wanted if one.startswith("node:")]
    Path(os.environ["TMPDIR"]).mkdir(parents=True, exist_ok=True)
    sweep(root)
    try:
        staged: dict[str, Path] = {}
        installed: dict[str, list[str]] = {}
        if python or not (wanted or (root / "python").exists()):
            staged["python"] = staging(root, "python", name)
            installed["python"] = install_python(root, staged["python"], python)
        if node or not (wanted or (root / "node").exists()):
            staged["node"] = staging(root, "node", name)
            installed["node"] = install_node(staged["node"], node)
        for kind, folder in staged.items():
            turn(root / kind, folder.name)
        print(json.dumps({"installed": installed}))
    except Failed as error:
        sweep(root)
        print(json.dumps({"failed": str(error)}))


def sweep(root: Path) -> None:
    """Remove what is not linked to: what was replaced before, and what an install that was killed left."""
    linked = {(root / kind).readlink().name for kind in ("python", "node") if (root / kind).is_symlink()}
    for kind in ("python", "node"):
        for left in root.glob(f"{kind}-*"):
            if left.name not in linked:
                shutil.rmtree(left, ignore_errors=True)


def staging(root: Path, kind: str, name: str) -> Path:
    """A copy of what is installed, or nothing yet."""
    folder = root / f"{kind}-{name}"
    if (root / kind).exists():
        shutil.copytree((root / kind).resolve(), folder, symlinks=True)
    return folder


def turn(link: Path, target: str) -> None:
    """Make `link` lead to `target`, at once."""
    new = link.with_name(f"{target}.link")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def install_python(root: Path, folder: Path, wanted: list[str]) -> list[str]:
    """Install into the virtual environment `folder`; returns `name version` of what is new."""
    if not folder.exists():
        make_environment(folder)
    report = folder / "report.json"
    if wanted:
        words = ("install", "--only-binary", ":all:", "--no-input", "--quiet", "--report", str(report))
        run([*pip_of(folder), *words, "--", *wanted], "pip")
    for script in (folder / "bin").iterdir():
        relocate(script, folder, root / "python")
    if not report.exists():
        return []
    found = json.loads(report.read_text(encoding="utf-8"))["install"]
    report.unlink()
    return [f"{one['metadata']['name']} {one['metadata']['version']}" for one in found]


def make_environment(folder: Path) -> None:
    """A virtual environment, with pip where this Python can give it one."""
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, check=False)
    if made.returncode:
        run([sys.executable, "-m", "venv", "--without-pip", "--clear", str(folder)], "venv")


def pip_of(folder: Path) -> list[str]:
    """The words that run pip on an environment: its own pip, else the system's."""
    own = str(folder / "bin" / "python")
    if subprocess.run([own, "-c", "import pip"], capture_output=True, check=False).returncode == 0:
        return [own, "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", own]


def relocate(script: Path, made_for: Path, used_as: Path) -> None:
    """Have a script start the Python at the place where it will be found."""
    if script.is_symlink() or not script.is_file():
        return
    content = script.read_bytes()
    begin, end = content[:1024], content[1024:]
    if begin.startswith(b"#!") or script.name.lower().startswith("activate"):
        whole = begin.replace(os.fsencode(made_for), os.fsencode(used_as)) + end
        script.write_bytes(whole)


def install_node(folder: Path, wanted: list[str]) -> list[str]:
    """Install into `folder`; returns `name version` of everything that was ever asked for."""
    folder.mkdir(exist_ok=True)
    if not (folder / "package.json").exists():
        (folder / "package.json").write_text('{"private": true}\n', encoding="ascii")
    if not wanted:
        return []
    npm = shutil.which("npm")
    if npm is None:
        raise Failed("there is no npm on this machine: install Node.js")
    # A dependency that is a repository could bring scripts of its own, so there is no git to fetch it with.
    words = ("install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--git=/nonexistent")
    run([npm, *words, "--prefix", str(folder), "--", *wanted], "npm", folder)
    listed = subprocess.run(
        [npm, "ls", "--json", "--depth=0", "--prefix", str(folder)], capture_output=True, check=False, cwd=folder
    )
    found = json.loads(listed.stdout).get("dependencies", {})
    return [f"{name} {one.get('version', '?')}" for name, one in found.items()]


def run(argv: list[str], what: str, directory: Path | None = None) -> None:
    """Run a program that must succeed. Raises `Failed` with the end of what it printed."""
    ended = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd=directory)
    if ended.returncode:
        printed = ended.stdout.decode("utf-8", "replace").strip()
        raise Failed(f"{what} ended with {ended.returncode}: {printed[-4000:] or 'it printed nothing'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
