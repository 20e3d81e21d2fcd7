"""The commands of the pages are run, line by line, with what has to be there before; they end as the page says."""

from __future__ import annotations

import itertools
import re
import shutil
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from scripts.workspace import ROOT
from tests.acceptance import team_script
from tests.docs.documents import Document, documents
from tests.docs.stage import Stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(110)]

ID = "beth-gyj26bf3"
"""A request's id, as pages write it; else it is REQUEST."""

# -- what is not run here ---------------------------------------------------------------------

INSTALLS = "changes the environment that the tests run in; tests/packaging installs what is built"
PROVIDER = "asks a real provider, or a server that is not here"
MAKE = "the environment is not made anew within a test; tests/demo and CI run these targets"

NOT_HERE: Mapping[str, str] = {
    r"(.*/)?pip install .*": INSTALLS,
    r"python3 -m venv .*": INSTALLS,
    r"~/beth/bin/beth agents": INSTALLS,
    r"make( [a-z]+)?( [A-Z]+=\d+)?": MAKE,
    r".*_API_KEY=\S+ beth run .*": PROVIDER,
    r"beth run .*--model \S*(anthropic|openai|gemini|ollama_chat|hosted_vllm|azure|gateway)/.*": PROVIDER,
    r"LLM_BASE_URL=.* beth run .*": PROVIDER,
    r"beth push REQUEST --remote git@example\.org:shop\.git": "pushes to another machine",
    r"beth run .*--model demo --criteria .*": "is played for the tutorial",
    r".*kill -9 \$!": "a race with a machine that may be busy; tests/demo kills at a known step",
}
"""Commands of the pages, as regular expressions of whole lines, and why no test here runs them."""

EXIT_CODES: Mapping[str, int] = {
    'beth run "Users can reset their password" --max-cost 2.50': 4,
    'beth run "Move the billing to its own service" --workflow auto --approve-plan': 4,
}
"""Where a page tells of another exit code than 0, by the line."""

SAYS: Mapping[str, str] = {
    'beth run "Users can reset their password" --max-cost 2.50': "Beth asks: The budget does not reach: ",
    ".venv/bin/beth agents": "translator",
    "beth dead list": "ModelRefused",
    "beth log beth-gyj26bf3.4": "epoch 1",
    "beth log REQUEST.5": "38 tests",
    "cd /tmp/signin && python3 -m unittest": "OK",
}
"""What a page tells of the output, by the line."""

ENDLESS = {".venv/bin/beth serve translator"}
"""These go on until they are stopped."""


def test_what_is_not_run_is_there_and_has_a_reason() -> None:
    lines = {line for page in pages() for block in blocks(page) for line in block}
    assert [rule for rule in NOT_HERE if not any(re.fullmatch(rule, line) for line in lines)] == []
    assert (EXIT_CODES.keys() | SAYS.keys() | ENDLESS) - lines == set()
    assert BEFORE.keys() - {str(page) for page in pages()} == set()


def test_most_commands_are_run() -> None:
    lines = [line for page in pages() for block in blocks(page) for line in block]
    assert len([line for line in lines if reason(line) is None]) > len(lines) * 2 / 3


# -- what has to be there ---------------------------------------------------------------------

Before = Callable[[Stage, int], Mapping[str, str]]
"""Called before each block of a page, with its number from 0: makes what has to be there, and returns what stands in
the page for something of the reader's, with what it is here. The request that was made last needs no mention."""


def nothing(stage: Stage, block: int) -> Mapping[str, str]:
    """A page whose commands need nothing."""
    return {}


def budgets(stage: Stage, block: int) -> Mapping[str, str]:
    """The developer costs 3 dollars, which is more than the first request may."""
    if block == 0:
        first, commit, last = team_script.team()["developer"]["implement"]
        stage.cast(implement=[first, commit, {**last, "cost_usd": 3.0}])
        return {}
    return {ID: stage.asking}


def command_agent(stage: Stage, block: int) -> Mapping[str, str]:
    stage.cd(ROOT / "examples" / "command-team" / "shell")
    return {}


def dead_letters(stage: Stage, block: int) -> Mapping[str, str]:
    return {"NAME": stage.dead()}


def models(stage: Stage, block: int) -> Mapping[str, str]:
    """Keys are never used, but looked for."""
    assert stage.sh("export OPENAI_API_KEY=none GEMINI_API_KEY=none").code == 0
    return {"/tmp/elsewhere": str(stage.folder / "elsewhere")}


def plans(stage: Stage, block: int) -> Mapping[str, str]:
    if block == 0:
        stage.cd(stage.repo())
    return {}


def translator(stage: Stage, block: int) -> Mapping[str, str]:
    """What the page makes is installed."""
    page = Document(ROOT / "docs" / "how-to" / "python-agent.md")
    if block == 0:
        (manifest,) = [text for text in page.blocks("toml") if "manifest_version" in text]
        (project,) = [tomllib.loads(text)["project"] for text in page.blocks("toml") if "[project]" in text]
        (points,) = project["entry-points"].items()
        package = "beth_agent_translator"
        stage.install(
            project["name"],
            {
                f"{package}/__init__.py": "",
                f"{package}/agent.py": page.blocks("python")[0],
                f"{package}/agent.toml": manifest,
            },
            f"[{points[0]}]\n" + "".join(f"{name} = {value}\n" for name, value in points[1].items()),
        )
    return {}


def resume(stage: Stage, block: int) -> Mapping[str, str]:
    """The request is interrupted, done, asks, is to be paused, and dead, one after the other."""
    stage.cast()
    if block == 2:
        first, *others = team_script.team()["developer"]["implement"]
        ask = {"calls": [{"name": "ask", "arguments": {"question": "Which one?"}}]}
        stage.cast(implement=[ask, first, *others])
        stage.played(code=4)
    elif block == 4:
        stage.cast(implement=[{"error": "refused"}])
        stage.played(code=1)
        stage.cast()
    elif block in {0, 3}:
        stage.submitted()
    return {f"{ID}.4": f"{stage.newest}.1"}


def branch(stage: Stage, block: int) -> Mapping[str, str]:
    """A request that began in the user's repository, where the commands are."""
    if block <= 1 and not stage.newest:
        stage.played("--repo", str(stage.repo()))
        stage.cd(stage.repository)
    return {}


def work(stage: Stage, block: int) -> Mapping[str, str]:
    """Nothing is changed in the user's repository when a block begins; `~/shop` is a second clone of it."""
    if block == 0:
        stage.cd(stage.repo())
        ready = "git clone -q . ~/second"
    else:
        ready = "git reset -q --hard main && git branch -f release main"
    assert stage.sh(ready).code == 0
    return {"~/shop": "~/second"}


def messages(stage: Stage, block: int) -> Mapping[str, str]:
    shutil.copy(ROOT / "schemas" / "v1" / "examples" / "valid" / "task.seed.json", stage.folder / "message.json")
    return {}


def tutorial(stage: Stage, block: int) -> Mapping[str, str]:
    """The demo was played by `make run`; towards the end another request was interrupted."""
    if block == 1:
        (played,) = itertools.chain(*blocks(Document(ROOT / "plugins" / "beth-team" / "README.md")))
        assert stage.sh(f"BETH_HOME=$PWD/.beth {played}").code == 0
    elif block == 6:
        stage.cd(stage.folder)
        assert stage.sh("export BETH_HOME=$PWD/.beth").code == 0
        stage.submitted()
    return {"/tmp/signin": str(stage.folder / "signin")}


def clone(stage: Stage, block: int) -> Mapping[str, str]:
    """A clone of Beth's repository."""
    if block == 0:
        (stage.folder / "examples").symlink_to(ROOT / "examples")
    return {}


def roles_page(page: Document) -> Before:
    """A page about a role: the user's repository, with the workflow that the page shows as `plan.toml`."""

    def before(stage: Stage, block: int) -> Mapping[str, str]:
        stage.cd(stage.repo())
        for text in page.blocks("toml"):
            if "task" in tomllib.loads(text):
                (stage.repository / "plan.toml").write_text(text)
        return {}

    return before


BEFORE: Mapping[str, Before] = {
    "docs/how-to/budgets.md": budgets,
    "docs/how-to/command-agent.md": command_agent,
    "docs/how-to/dead-letters.md": dead_letters,
    "docs/how-to/models-and-keys.md": models,
    "docs/how-to/plans.md": plans,
    "docs/how-to/python-agent.md": translator,
    "docs/how-to/resume.md": resume,
    "docs/how-to/use-from-vscode.md": branch,
    "docs/how-to/work-with-the-branch.md": work,
    "docs/reference/messages.md": messages,
    "docs/tutorials/first-request.md": tutorial,
    "examples/command-team/README.md": clone,
}

# -- running ----------------------------------------------------------------------------------


def pages() -> list[Document]:
    """The pages for people that have commands."""
    shown = re.compile(r"(docs|examples/[\w-]+|plugins/[\w-]+)/([\w-]+/)?[\w-]+\.md|README\.md")
    return [page for page in documents() if shown.fullmatch(str(page)) and blocks(page)]


def blocks(page: Document) -> list[list[str]]:
    """The lines of each shell block of a page, without prompts and remarks."""
    return [
        [
            " ".join(line.split())
            for text in body.replace("\\\n", " ").splitlines()
            if (line := re.sub(r"\s+# .*|^\$ ", "", text).strip())
        ]
        for body in page.blocks("bash", "sh", "shell", "console")
    ]


def reason(line: str) -> str | None:
    """Why a line is not run, None if it is."""
    return next((why for rule, why in NOT_HERE.items() if re.fullmatch(rule, line)), None)


@pytest.mark.parametrize("page", pages(), ids=str)
def test_the_commands_of_a_page_end_as_it_says(page: Document, tmp_path: Path) -> None:
    stage = Stage(tmp_path / "clone", re.findall(r'--criteria "([^"]+)"', "\n".join(itertools.chain(*blocks(page)))))
    role = "plugins/" in str(page)
    before = BEFORE.get(str(page), roles_page(page) if role else nothing)
    for number, lines in enumerate(blocks(page)):
        if all(reason(line) for line in lines):
            continue
        names = before(stage, number)
        for line in lines:
            if reason(line) is None:
                shown = line
                for name, here in [*names.items(), ("REQUEST", stage.newest), (ID, stage.newest)]:
                    shown = shown.replace(name, here)
                ran = stage.until_it_serves(shown) if line in ENDLESS else stage.sh(shown)
                assert ran.code == EXIT_CODES.get(line, 0), f"{shown}\n{ran.printed}"
                assert SAYS.get(line, "") in ran.printed, shown
