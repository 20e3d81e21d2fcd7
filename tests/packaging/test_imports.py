"""`import beth_sdk` brings in what the SDK depends on, and no client library, whatever else is installed."""

from __future__ import annotations

import json
import sys
from importlib import metadata

from packaging.utils import canonicalize_name

from scripts.workspace import ROOT, packages
from tests.packaging.conftest import run
from tests.packaging.requirements import closure

IMPORTED = """
import json, sys
before = set(sys.modules)
import beth_sdk
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def test_importing_the_sdk_imports_only_what_it_depends_on() -> None:
    imported = json.loads(run(sys.executable, "-c", IMPORTED))
    providers = metadata.packages_distributions()
    distributions = {canonicalize_name(name) for top in imported for name in providers.get(top, [])}
    assert "beth_sdk" in imported
    assert distributions - closure(packages()[0].project["dependencies"]) - {"beth-sdk"} == set()


def test_importing_the_sdk_writes_nothing_and_prints_nothing() -> None:
    assert run(sys.executable, "-c", "import beth_sdk") == ""


LIGHT = """
import importlib, json, sys
for name in {names!r}:
    importlib.import_module(name)
print(json.dumps(sorted({clients!r} & set(sys.modules))))
"""

CLIENTS = {"httpx", "litellm", "mcp", "openai", "yaml"}
"""What takes time or memory to import, and is only needed by whoever calls a model or a tool server."""


def test_the_kits_models_import_no_client_before_the_first_call() -> None:
    folder = ROOT / "plugins" / "beth-kit" / "beth_kit" / "model"
    files = [file for file in sorted(folder.glob("[a-z]*.py")) if not file.name.startswith(("test_", "conftest"))]
    names = ["beth_kit.variables", *(f"beth_kit.model.{file.stem}" for file in files)]
    assert "beth_kit.model.base" in names
    assert json.loads(run(sys.executable, "-c", LIGHT.format(names=names, clients=CLIENTS))) == []


def test_a_models_interface_alone_imports_nothing_but_the_sdk_and_its_dependencies() -> None:
    code = IMPORTED.replace("import beth_sdk", "import beth_kit.model.base")
    imported = json.loads(run(sys.executable, "-c", code))
    providers = metadata.packages_distributions()
    distributions = {canonicalize_name(name) for top in imported for name in providers.get(top, [])}
    assert "beth_kit" in imported
    assert distributions - closure(packages()[0].project["dependencies"]) - {"beth-sdk", "beth-kit"} == set()
