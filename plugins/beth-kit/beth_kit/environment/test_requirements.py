"""Which names reach pip and npm."""

from __future__ import annotations

import pytest

from beth_kit.environment.requirements import RequirementRefused, node, python


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ("requests", "requests"),
        ("ruamel.yaml==0.18.*", "ruamel.yaml==0.18.*"),
        (" requests >= 2.31 , < 3 ", "requests>=2.31,<3"),
        ("uvicorn[standard, x]~=0.30", "uvicorn[standard,x]~=0.30"),
        ("torch==2.1+cpu", "torch==2.1+cpu"),
    ],
)
def test_a_python_package_with_extras_and_versions_is_taken(wanted: str, taken: str) -> None:
    assert python(wanted) == taken


@pytest.mark.parametrize(
    "wanted",
    [
        *(
            "",
            "-r file",
            "--index-url=http://x",
            "-e.",
            ".",
            "./a",
            "/tmp/a",
            "a/b",
            "a b",
            "a\nb",
            "a;b",
            "a @ http://x",
        ),
        *("git+https://x/y", "http://x/y.whl", "a @ file:///etc", "a==1; os_name=='x'", "pkg.tar.gz", "pkg-1.0.whl"),
        *("a.zip", "a[-e]", "a==http://x", "$(id)", "x" * 201, "a==-r"),
    ],
)
def test_an_option_a_path_or_an_address_is_no_python_package(wanted: str) -> None:
    with pytest.raises(RequirementRefused, match="no Python package"):
        python(wanted)


@pytest.mark.parametrize(
    "wanted", ["lodash", "@types/node", "@types/node@22", "is-odd@^3.0.1", "x@latest", "a@>=1.2.3", "JSONStream@1.x"]
)
def test_a_node_package_with_a_scope_and_a_version_is_taken(wanted: str) -> None:
    assert node(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        *("", "-g", "--registry=http://x", ".", "./a", "../a", "/tmp/a", "user/repo", "@a/b/c", "a b", "a\nb", "a@b/c"),
        *("git+ssh://x/y", "http://x/y.tgz", "github:a/b", "a@npm:b", "a@file:b", "a@http://x", "a.tgz", "a.tar.gz"),
        *("a@-g", "~/a", "$(id)", "x" * 201),
    ],
)
def test_an_option_a_path_or_an_address_is_no_node_package(wanted: str) -> None:
    with pytest.raises(RequirementRefused, match="no Node package"):
        node(wanted)
