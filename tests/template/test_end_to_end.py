"""From an empty folder to a result: made, installed, tested, listed, and given a task by `beth run`."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.workspace import ROOT
from tests.packaging.conftest import Builder, Environment, downloaded
from tests.packaging.conftest import run as run_whole
from tests.services import Services
from tests.template.conftest import run

BETH = (ROOT / "plugins" / "beth-kit", ROOT / "plugins" / "beth-agent-beth")

pytestmark = pytest.mark.timeout(300)

TRANSCRIPT = """
roles:
  ROLE:
    "*":
      - calls: [{name: bash, arguments: {command: "mkdir -p docs && echo It is so. > docs/it.md"}}]
      - calls: [{name: commit, arguments: {message: Write it down}}]
      - calls: [{name: finish, arguments: {result: {summary: It is written down, document: docs/it.md}}}]
"""
SUMMARY = {
    "llm": "It is written down",
    "python": "Show what you can do: 0 criteria",
    "command": "Show what you can do: 0 criteria",
}


@dataclass(frozen=True)
class Place:
    """An environment with Beth, and an empty folder."""

    environment: Environment
    folder: Path

    def python(self, *arguments: str | Path, cwd: Path | None = None, variables: dict[str, str] | None = None) -> str:
        """What a program says there, which must succeed."""
        base = {**self.environment.variables(), "BETH_HOME": str(self.folder.parent / "home")}
        python = self.environment.folder / "bin" / "python"
        return run_whole(python, *arguments, cwd=cwd or self.folder, env={**base, **(variables or {})})

    def beth(self, *arguments: str, variables: dict[str, str] | None = None) -> str:
        """What a `beth` command says."""
        return self.python("-m", "beth_sdk.cli", *arguments, variables=variables)


@pytest.fixture(scope="module")
def environment(builder: Builder, services: Services, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheels of the SDK, the kit and Beth, with what making and testing agents takes, and nothing else."""
    extras = ["cookiecutter", "pytest", "pytest-asyncio", "hypothesis", "hatchling"]
    runtime = [text for folder in (ROOT, *BETH) for text in project(folder)["dependencies"]]
    wheels = [builder.wheel(folder).parent for folder in (ROOT, *BETH)]
    made = Environment(tmp_path_factory.mktemp("with-beth"), [downloaded(services, [*runtime, *extras]), *wheels])
    made.folder.chmod(0o755)
    made.install("beth-sdk[new,testing]", "beth-kit", "beth-agent-beth", "hatchling")
    return made


def project(folder: Path) -> dict[str, list[str]]:

    found: dict[str, list[str]] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def from_nothing_to_a_result(place: Place, role: str, kind: str) -> None:
    """The whole way, in an empty folder."""
    assert list(place.folder.iterdir()) == []
    place.beth("new", "agent", role, "--kind", kind, "--no-input")
    (made,) = place.folder.iterdir()
    assert made.name == f"beth-agent-{role}"
    place.environment.build_and_install(made)
    tested = place.python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=made)
    assert re.search(r"^[0-9]+ passed", tested, re.MULTILINE), tested
    assert f"beth-agent-{role}" in place.beth("agents")
    (workflow,) = re.findall(r"^```toml\n(.*?)^```$", (made / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (place.folder / "workflow.toml").write_text(workflow)
    (place.folder / "transcript.yaml").write_text(TRANSCRIPT.replace("ROLE", role))
    variables = {"BETH_MODELS": f"scripted/{place.folder / 'transcript.yaml'}"} if kind == "llm" else {}
    said = place.beth("run", "Show what you can do", "--workflow", "workflow.toml", "--no-input", variables=variables)
    assert re.search(r"^beth-\w+ complete ", said, re.MULTILINE), said
    assert SUMMARY[kind] in said


@pytest.fixture
def place(environment: Environment, tmp_path: Path) -> Place:
    folder = tmp_path / "empty"
    folder.mkdir()
    return Place(environment, folder)


@pytest.mark.parametrize("kind", ["llm", "python", "command"])
def test_with_the_wheel_of_the_sdk(kind: str, place: Place) -> None:
    from_nothing_to_a_result(place, f"writer-by-{kind}", kind)


def test_with_the_sdist_of_the_sdk(place: Place, builder: Builder) -> None:
    place.environment.build_and_install(builder.sdist(ROOT))
    from_nothing_to_a_result(place, "writer-from-sdist", "llm")


def test_cookiecutter_itself_makes_the_same_of_the_template(tmp_path: Path) -> None:
    for name in ("ours", "theirs", "home"):
        (tmp_path / name).mkdir()
    answers = {"role": "writer", "description": 'Writes "it" down', "kind": "python", "task_types": "write, check"}
    told = [f"{name}={value}" for name, value in answers.items()]
    python = sys.executable
    template = ROOT / "templates" / "agent-cookiecutter"
    home = {"HOME": str(tmp_path / "home")}
    run(python, "-m", "cookiecutter", "--no-input", template, *told, cwd=tmp_path / "theirs", variables=home)
    options = ["--kind", "python", "--task-type", "write", "--task-type", "check"]
    options += ["--description", answers["description"]]
    run(python, "-m", "beth_sdk.cli", "new", "agent", "writer", *options, cwd=tmp_path / "ours", variables=home)
    ours, theirs = (contents(tmp_path / name) for name in ("ours", "theirs"))
    assert len(ours) > 8
    assert ours == theirs


@pytest.mark.parametrize(
    "answer",
    [
        "role=Beth",
        "role=beth",
        "role=none",
        "task_types=work,work",
        "task_types=Work",
        "description= ",
        "model=gpt",
        "distribution=json",
        "distribution=A b",
    ],
)
def test_cookiecutter_itself_refuses_what_beth_new_refuses(answer: str, tmp_path: Path) -> None:
    template = ROOT / "templates" / "agent-cookiecutter"
    python = sys.executable
    home = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    out = tmp_path / "out"
    out.mkdir()
    run(python, "-m", "cookiecutter", "--no-input", template, answer, cwd=out, check=False, variables=home)
    assert list(out.iterdir()) == []


def contents(folder: Path) -> dict[str, bytes]:
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}
