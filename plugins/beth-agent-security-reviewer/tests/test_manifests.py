"""What manifests say a project depends on."""

from __future__ import annotations

import pytest

from beth_agent_security_reviewer.manifests import dependencies_in, language_of

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.26"]

[project]
dependencies = ["httpx>=0.27", "pyjwt[crypto]==2.10.1", "shop @ git+https://example.org/shop.git"]

[project.optional-dependencies]
extra = ["rich"]

[dependency-groups]
dev = ["pytest==9.0.0"]

[tool.poetry.dependencies]
python = "^3.11"
flask = "^3.0"
redis = {version = "5.0.1", extras = ["hiredis"]}
"""
REQUIREMENTS = """\
# comment
-r base.txt
django==5.1.2 \\
    --hash=sha256:aaaa
requests>=2,<3 ; python_version < "4"
simple
-e git+https://example.org/x.git@0123456789012345678901234567890123456789#egg=x
wild==1.*
./local
"""
PACKAGE = """\
{
  "name": "shop",
  "dependencies": {"react": "^19.0.0", "left-pad": "1.3.0", "fork": "git+https://example.org/fork.git", "any": "*"},
  "devDependencies": {"vitest": "~3.0.0", "alias": "npm:other@2.0.0"}
}
"""
GO = """\
module example.org/shop

go 1.23

require (
	github.com/golang-jwt/jwt/v5 v5.2.1
	golang.org/x/crypto v0.28.0 // indirect
)

require example.org/one v1.0.0
"""
CARGO = """\
[package]
name = "shop"
version = "0.1.0"

[dependencies]
serde = { version = "1.0", features = ["derive"] }
rand = "=0.8.5"
mine = { git = "https://example.org/mine.git", rev = "0123456789012345678901234567890123456789" }

[target.'cfg(unix)'.dependencies]
nix = "0.29"
"""
POM = """\
<project>
  <properties><jwt.version>0.12.6</jwt.version></properties>
  <!-- <dependency><groupId>gone</groupId><artifactId>gone</artifactId></dependency> -->
  <dependencies>
    <dependency>
      <groupId>io.jsonwebtoken</groupId>
      <artifactId>jjwt</artifactId>
      <version>${jwt.version}</version>
    </dependency>
    <dependency><groupId>a</groupId><artifactId>b</artifactId><version>[1.0,2.0)</version></dependency>
    <dependency><groupId>c</groupId><artifactId>d</artifactId></dependency>
  </dependencies>
</project>
"""


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        (
            "pyproject.toml",
            PYPROJECT,
            [
                ("httpx", ">=0.27", False, 5),
                ("pyjwt", "==2.10.1", True, 5),
                ("shop", "", False, 5),
                ("hatchling", ">=1.26", False, 2),
                ("rich", "", False, 8),
                ("pytest", "==9.0.0", True, 11),
                ("flask", "^3.0", False, 15),
                ("redis", "5.0.1", True, 16),
            ],
        ),
        (
            "requirements-dev.txt",
            REQUIREMENTS,
            [
                ("django", "==5.1.2", True, 3),
                ("requests", ">=2,<3", False, 5),
                ("simple", "", False, 6),
                ("x", "", True, 7),
                ("wild", "==1.*", False, 8),
                ("./local", "", False, 9),
            ],
        ),
        (
            "web/package.json",
            PACKAGE,
            [
                ("react", "^19.0.0", False, 3),
                ("left-pad", "1.3.0", True, 3),
                ("fork", "git+https://example.org/fork.git", False, 3),
                ("any", "*", False, 3),
                ("vitest", "~3.0.0", False, 4),
                ("alias", "npm:other@2.0.0", True, 4),
            ],
        ),
        (
            "go.mod",
            GO,
            [
                ("github.com/golang-jwt/jwt/v5", "v5.2.1", True, 6),
                ("golang.org/x/crypto", "v0.28.0", True, 7),
                ("example.org/one", "v1.0.0", True, 10),
            ],
        ),
        (
            "Cargo.toml",
            CARGO,
            [
                ("serde", "1.0", False, 6),
                ("rand", "=0.8.5", True, 7),
                ("mine", "", True, 8),
                ("nix", "0.29", False, 11),
            ],
        ),
        (
            "pom.xml",
            POM,
            [("io.jsonwebtoken:jjwt", "0.12.6", True, 5), ("a:b", "[1.0,2.0)", False, 10), ("c:d", "", False, 11)],
        ),
    ],
)
def test_every_dependency_has_its_version_its_line_and_whether_it_is_pinned(
    path: str, text: str, found: list[tuple[str, str, bool, int]]
) -> None:
    assert [(one.name, one.version, one.pinned, one.line) for one in dependencies_in(path, text)] == found


def test_what_does_not_come_from_the_registry_says_where_it_does() -> None:
    sources = {one.name: one.source for one in dependencies_in("pyproject.toml", PYPROJECT) if one.source}
    assert sources == {"shop": "git+https://example.org/shop.git"}


@pytest.mark.parametrize(("path", "text"), [("pyproject.toml", "= 1"), ("package.json", "{"), ("Cargo.toml", "[")])
def test_a_manifest_that_cannot_be_read_says_so(path: str, text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        dependencies_in(path, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", 'project = 1\n[tool.poetry]\ndependencies = "x"'),
        ("package.json", "[]"),
        ("package.json", '{"dependencies": []}'),
        ("Cargo.toml", "dependencies = 3"),
        ("pom.xml", "<project>"),
        ("go.mod", ""),
        ("README.md", "httpx==1.0"),
    ],
)
def test_a_manifest_of_another_shape_has_none(path: str, text: str) -> None:
    assert dependencies_in(path, text) == []


def test_a_manifest_is_known_by_its_name() -> None:
    names = ["requirements.txt", "a/requirements/base.in", "dev-requirements.txt", "package.json", "x/go.mod", "a.json"]
    assert [language_of(name) for name in names] == ["python", "python", "python", "node", "go", None]
