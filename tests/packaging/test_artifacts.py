"""Every package builds as wheel and sdist, and both hold what they should and nothing else."""

from __future__ import annotations

import email
import tarfile
import zipfile
from pathlib import Path

from scripts.workspace import ROOT, Package
from tests.packaging.conftest import Builder


def contents(wheel: Path) -> dict[str, bytes]:
    """Every file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(wheel: Path) -> email.message.Message:
    """What a wheel says of itself."""
    (text,) = [body for name, body in contents(wheel).items() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(text)


TEMPLATE = "templates/agent-cookiecutter"
"""Where the template of agents is in the repository, and in the package of the SDK."""


def test_a_wheel_holds_no_tests_but_the_templates(package: Package, builder: Builder) -> None:
    names = [
        Path(name) for name in contents(builder.wheel(package.folder)) if not name.startswith(f"beth_sdk/{TEMPLATE}/")
    ]
    tests = [
        name for name in names if name.name.startswith("test_") or name.stem == "conftest" or "tests" in name.parts
    ]
    assert tests == []


def test_a_wheel_says_that_it_is_typed(package: Package, builder: Builder) -> None:
    names = set(contents(builder.wheel(package.folder)))
    top_level = {name.split("/")[0] for name in names if name.endswith(".py")}
    assert top_level
    assert {f"{top}/py.typed" for top in top_level} - names == set()


def test_a_wheel_holds_every_file_of_its_package_that_is_no_test(package: Package, builder: Builder) -> None:
    names = set(contents(builder.wheel(package.folder)))
    for init in package.folder.glob("*/__init__.py"):
        if init.parent.name == "tests" or (package.folder == ROOT and init.parent.name in {"benchmarks", "scripts"}):
            continue
        sources = {
            file.relative_to(package.folder).as_posix()
            for file in init.parent.rglob("*")
            if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(("test_", "conftest"))
        }
        assert sources - names == set()


def test_an_sdist_builds_the_same_wheel(package: Package, builder: Builder) -> None:
    from_tree = contents(builder.wheel(package.folder))
    from_sdist = contents(builder.wheel_from_sdist(package.folder))
    assert sorted(from_tree) == sorted(from_sdist)
    assert [name for name in from_tree if from_tree[name] != from_sdist[name]] == []


def test_an_sdist_holds_no_links(package: Package, builder: Builder) -> None:
    with tarfile.open(builder.sdist(package.folder)) as archive:
        assert [member.name for member in archive if member.issym() or member.islnk()] == []


def test_a_wheel_names_its_license_its_python_and_a_description(package: Package, builder: Builder) -> None:
    said = metadata(builder.wheel(package.folder))
    assert said["License-Expression"] == "MIT"
    assert said["Requires-Python"] == ">=3.11"
    assert said["Summary"]


def test_the_packaged_schemas_are_those_of_the_repository_byte_for_byte(builder: Builder) -> None:
    source = ROOT / "schemas" / "v1"
    schemas = {file.name: file.read_bytes() for file in source.glob("*.json")}
    packaged = {
        Path(name).name: body
        for name, body in contents(builder.wheel(ROOT)).items()
        if name.startswith("beth_sdk/schemas/v1/") and "/examples/" not in name
    }
    assert schemas
    assert packaged == schemas


def test_the_packaged_template_is_that_of_the_repository_byte_for_byte(builder: Builder) -> None:
    source = ROOT / TEMPLATE
    files = {file.relative_to(source).as_posix(): file.read_bytes() for file in source.rglob("*") if file.is_file()}
    packaged = {
        name.removeprefix(f"beth_sdk/{TEMPLATE}/"): body
        for name, body in contents(builder.wheel(ROOT)).items()
        if name.startswith(f"beth_sdk/{TEMPLATE}/")
    }
    assert "cookiecutter.json" in files
    assert packaged == files


def test_what_the_wheel_has_of_the_template_can_be_compiled(builder: Builder) -> None:
    for name, body in contents(builder.wheel(ROOT)).items():
        if name.startswith(f"beth_sdk/{TEMPLATE}/") and name.endswith(".py"):
            compile(body, name, "exec")  # as installers do with every .py file


def test_the_sdk_needs_four_distributions_and_no_more(builder: Builder) -> None:
    needed = metadata(builder.wheel(ROOT)).get_all("Requires-Dist", [])
    always = {text.split(">")[0].strip() for text in needed if "extra ==" not in text}
    assert always == {"pydantic", "pluggy", "jsonschema", "click"}
