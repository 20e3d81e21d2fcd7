"""Two requests at once on one repository, and two Beths of which one is killed: both requests end complete, each on a
branch of its own, and the user's repository is as it was."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from beth_agent_beth.service import LOOK_AROUND_EVERY
from beth_kit.places import workspaces
from beth_kit.workspace.repository import RequestRepository
from tests.acceptance.cluster import PATIENCE, Cluster
from tests.acceptance.leftovers import nothing_left

BETHS = ("beth", "beth#2")

PLAN = """\
name = "side-by-side"
[[task]]
name = "one"
agent = "actor"
type = "act"
description = "commit NAME.txt by-actor NAME-one"
[[task]]
name = "two"
agent = "friend"
type = "act"
description = "commit NAME.txt by-friend NAME-two"
[[task]]
name = "three"
agent = "actor"
type = "act"
needs = ["one", "two"]
description = "commit NAME-last.txt last NAME-three"
"""
"""Two tasks whose work is in conflict, which a further task resolves, and one that waits for both."""


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=User", "-c", "user.email=user@example.org"]
    ended = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True, timeout=30)
    return ended.stdout


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A user's repository with a commit, and with work that is not committed."""
    folder = tmp_path / "users"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "app.py").write_text("print('hello')\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "First")
    (folder / "app.py").write_text("print('half done')\n")
    (folder / "new.txt").write_text("not added\n")
    return folder


def digest(folder: Path) -> dict[str, str]:
    """Every file of a repository, those of git too, with what is in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def submit(cluster: Cluster, name: str, users: Path) -> str:
    """Hand a request in as a user does."""
    plan = cluster.folder / f"{name}.toml"
    plan.write_text(PLAN.replace("NAME", name))
    said = cluster.beth("submit", f"Do {name}", "--repo", str(users), "-w", str(plan), "--id", name, "--json")
    assert said.returncode == 0, said.stderr
    return str(json.loads(said.stdout)["request_id"])


async def branch(cluster: Cluster, request_id: str) -> dict[str, str]:
    """The files of the request's branch with what is in them."""
    repository = await RequestRepository.open(workspaces(cluster.folder / "home"), request_id)
    head = await repository.head()
    return {name: await repository.git.line("show", f"{head}:{name}") for name in await repository.files(head)}


async def end(cluster: Cluster, request_id: str, others: list[str]) -> None:
    """The request is complete, its branch has what its tasks wrote and nothing of the others, each task's work once."""
    # What the dead one had said that she publishes, and did not, the other finds when she looks around.
    patience = LOOK_AROUND_EVERY + PATIENCE
    state = await cluster.request(request_id, lambda state: state.ended, "the end of the request", patience=patience)
    assert (state.status, state.reason) == ("complete", "")
    files = await branch(cluster, request_id)
    assert files == {
        "app.py": "print('hello')",
        f"{request_id}.txt": "by-actor\nby-friend",
        f"{request_id}-last.txt": "last",
    }
    assert not any(other in name for other in others for name in files)
    repository = await RequestRepository.open(workspaces(cluster.folder / "home"), request_id)
    subjects = sorted(entry.subject for entry in await repository.log(since=await repository.base()))
    assert subjects == [f"Work of {request_id}.{number}" for number in range(1, 5)]
    await nothing_left(cluster, request_id)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("killed", ["one for good", "the other for good", "one after the other"])
async def test_two_requests_on_one_repository_end_complete_though_a_beth_is_killed(
    cluster: Cluster, users: Path, killed: str
) -> None:
    before = digest(users)
    cluster.up(*BETHS, "actor", "friend")
    names = [submit(cluster, name, users) for name in ("alpha", "omega")]
    for name in names:
        for gate in ("one", "two"):
            await cluster.reached(f"{name}-{gate}")
    for name in names:
        for gate in ("one", "two"):
            cluster.open_gate(f"{name}-{gate}")
        if killed == "one after the other":  # in the middle of results, merges and the conflict
            cluster.restart(BETHS[0])
            cluster.restart(BETHS[1])
    if killed != "one after the other":
        cluster.kill(BETHS[killed != "one for good"])
    for name in names:
        cluster.open_gate(f"{name}-three")
    for name in names:
        await end(cluster, name, [other for other in names if other != name])
    assert digest(users) == before
