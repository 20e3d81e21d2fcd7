"""The face of the package: what `__all__` says is what there is, and importing it costs next to nothing."""

import subprocess
import sys

import beth_sdk


def test_every_name_in_all_can_be_imported_and_all_is_sorted() -> None:
    assert list(beth_sdk.__all__) == sorted(beth_sdk.__all__)
    for name in beth_sdk.__all__:
        assert getattr(beth_sdk, name) is not None


def test_every_name_with_a_home_is_in_all() -> None:
    assert {*beth_sdk._HOME_OF, "__version__"} == set(beth_sdk.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(beth_sdk, "Agnt")


def test_importing_the_package_imports_neither_models_nor_clients() -> None:
    code = "import sys, beth_sdk; print(*sys.modules)"
    modules = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not modules & {"pydantic", "jsonschema", "click", "rich", "redis", "litellm", "httpx"}
