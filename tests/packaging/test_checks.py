"""The lint step's own checks find what they are there to find."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from grimp import ImportGraph
from importlinter.domain.contract import InvalidContractOptions

from scripts import check_imports, check_text, workspace
from scripts.floors import FloorsContract
from scripts.workspace import Package


def graph_of(*imports: tuple[str, str], modules: tuple[str, ...] = ()) -> ImportGraph:
    """Modules, and who imports whom."""
    graph = ImportGraph()
    names = {name for pair in imports for name in pair} | set(modules)
    packages = {name.rsplit(".", count)[0] for name in names for count in range(1, name.count(".") + 1)}
    for name in names | packages:
        graph.add_module(name)
    for importer, imported in imports:
        graph.add_import(importer=importer, imported=imported)
    return graph


def floors(*layers: str) -> FloorsContract:
    """A contract with these floors, the highest first."""
    return FloorsContract(
        name="floors",
        session_options={"root_packages": ["app"]},
        contract_options={"type": "floors", "layers": list(layers)},
    )


def test_a_floor_may_import_lower_ones() -> None:
    graph = graph_of(("app.bus.sqlite", "app.bus.base"), ("app.bus.base", "app.errors"))
    assert floors("app.bus.sqlite", "app.bus.base", "app.errors").check(graph, verbose=False).kept


def test_a_floor_may_not_import_higher_ones() -> None:
    graph = graph_of(("app.bus.base", "app.bus.sqlite"))
    assert not floors("app.bus.sqlite", "app.bus.base").check(graph, verbose=False).kept


def test_a_unit_test_may_import_anything() -> None:
    graph = graph_of(
        ("app.bus.test_base", "app.bus.sqlite"), ("app.worker.test_loop", "app.cli"), modules=("app.bus.base",)
    )
    assert floors("app.cli", "app.worker", "app.bus.sqlite", "app.bus.base").check(graph, verbose=False).kept


def test_a_module_on_no_floor_is_named() -> None:
    graph = graph_of(("app.newcomer", "app.errors"))
    with pytest.raises(InvalidContractOptions) as raised:
        floors("app.errors").check(graph, verbose=False)
    assert "app.newcomer" in str(raised.value.errors)


def test_a_package_whose_parts_are_on_several_floors_must_not_import_anything_itself() -> None:
    graph = graph_of(("app.bus", "app.bus.sqlite"), modules=("app.bus.base",))
    with pytest.raises(InvalidContractOptions) as raised:
        floors("app.bus.sqlite", "app.bus.base").check(graph, verbose=False)
    assert "app.bus:" in str(raised.value.errors)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A package named `mine`, in a repository that also has `beth_sdk`, `beth_kit` and `theirs`."""
    monkeypatch.setattr(check_imports, "ROOT", tmp_path)
    for name in ("beth_sdk", "beth_kit", "theirs", "mine"):
        (tmp_path / name / name).mkdir(parents=True)
        (tmp_path / name / name / "__init__.py").write_text("")
    everyone = [Package(tmp_path / name, {"name": name}) for name in ("beth_sdk", "beth_kit", "theirs", "mine")]
    monkeypatch.setattr(check_imports, "packages", lambda: everyone)
    return everyone[-1]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("from beth_sdk.worker._loops import run", "a private name"),
        ("from beth_sdk.worker import _run", "a private name"),
        ("import beth_sdk._sqlite.file", "a private name"),
        ("from beth_kit.workspace.source import _newest", "a private name"),
        ("from theirs.agent import Developer", "from inside another package"),
        ("import theirs.agent.deep", "from inside another package"),
    ],
)
def test_an_import_that_reaches_into_insides_is_named_with_its_line(plugin: Package, line: str, complaint: str) -> None:
    (plugin.folder / "mine" / "agent.py").write_text(f"import json\n{line}\n")
    (found,) = check_imports.violations(plugin)
    assert found.startswith("mine/mine/agent.py:2: ")
    assert complaint in found


@pytest.mark.parametrize(
    "line",
    [
        "from beth_sdk import Agent, __version__",
        "from beth_sdk.journal.base import Fact",
        "from beth_kit.workspace.repository import RequestRepository",
        "from theirs import LLMAgent",
        "from mine._inside import anything",
        "from os import _exit",
    ],
)
def test_public_names_and_ones_own_may_be_imported(plugin: Package, line: str) -> None:
    (plugin.folder / "mine" / "agent.py").write_text(f"{line}\n")
    assert list(check_imports.violations(plugin)) == []


@pytest.mark.parametrize(
    "line",
    [
        "see https://py" + "pi.org/x",
        "cd /wor" + "k/main",
        "cp ../share" + "d/x .",
        '"https://registry.np' + 'mjs.org/a"',
    ],
)
def test_text_of_one_machine_or_registry_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(check_text, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text(f"# Title\n{line}\n")
    (found,) = check_text.places(tmp_path / "README.md")
    assert found.startswith("README.md:2: ")


def test_ordinary_paths_are_no_forbidden_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_text, "ROOT", tmp_path)
    (tmp_path / "a.md").write_text("beth_sdk/worker/run.py, frame/work/, ../shares, mypy.org\n")
    assert check_text.places(tmp_path / "a.md") == []


def test_the_packages_are_found_by_their_pyproject(tmp_path: Path) -> None:
    for folder, name in {".": "sdk", "plugins/b": "b", "plugins/a": "a", "examples/x": "x", "dist/y": "y"}.items():
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    (tmp_path / "plugins" / "no-package").mkdir()
    assert [package.name for package in workspace.packages(tmp_path)] == ["sdk", "a", "b", "x"]


def test_an_old_python_is_refused_in_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "python3").write_text('#!/bin/sh\ncase "$2" in *version_info*) exit 1;; esac\necho 3.9.2\n')
    (tmp_path / "python3").chmod(0o755)
    for tool in ("sh", "dirname"):
        (tmp_path / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}")
    done = subprocess.run(
        ["/bin/sh", workspace.ROOT / "scripts" / "environment.sh"],
        env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    said = (
        "error: Beth needs Python 3.11 or newer, and python3 here is 3.9.2: install one, or name it with make PYTHON="
    )
    assert done.stderr == f"{said}/path/to/python3\n"
