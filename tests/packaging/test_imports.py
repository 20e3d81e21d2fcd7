"""`import beth_sdk` brings in what the SDK depends on, and no client library, whatever else is installed."""

from __future__ import annotations

import json
import sys
from importlib import metadata

from packaging.utils import canonicalize_name

from scripts.workspace import packages
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
