"""Where tools get control groups, on made-up trees; and groups made, entered and removed on real ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from beth_kit.sandbox.cgroups import Place, describe, places
from beth_kit.sandbox.conftest import World
from beth_kit.sandbox.group import Group, clear, prefix, started
from beth_kit.sandbox.policy import Limits


class Tree:
    """A made-up / with /proc and hierarchies of control groups."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proc/self").mkdir(parents=True)
        self.mounts: list[str] = []
        self.own: list[str] = []

    def mount(self, where: str, kind: str, options: str, own: str) -> None:
        self.mounts.append(f"none {where} {kind} {options} 0 0")
        controllers = options.rpartition(",")[2] if kind == "cgroup" else ""
        self.own.append(f"{len(self.own)}:{controllers}:{own}")

    def group(self, path: str, control: str = "", pids: str = "") -> Path:
        folder = self.root / path.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.procs").write_text(pids)
        (folder / "cgroup.subtree_control").write_text(control)
        return folder

    @property
    def places(self) -> tuple[Place, ...]:
        (self.root / "proc/self/mounts").write_text("".join(f"{line}\n" for line in self.mounts))
        (self.root / "proc/self/cgroup").write_text("".join(f"{line}\n" for line in self.own))
        return places.__wrapped__(self.root)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_in_version_2_it_is_the_group_above_when_that_hands_on_memory_and_pids(tree: Tree) -> None:
    tree.mount("/sys/fs/cgroup", "cgroup2", "rw", "/app.slice/agent.scope")
    tree.group("/sys/fs/cgroup")
    above = tree.group("/sys/fs/cgroup/app.slice", "cpu memory pids\n")
    own = tree.group("/sys/fs/cgroup/app.slice/agent.scope", pids=f"{os.getpid()}\n")
    assert tree.places == (Place(above, 2, ("memory", "pids"), own),)


def test_in_version_2_the_own_group_comes_first(tree: Tree) -> None:
    tree.mount("/sys/fs/cgroup", "cgroup2", "rw", "/app.slice/agent.service")
    tree.group("/sys/fs/cgroup/app.slice", "memory pids")
    own = tree.group("/sys/fs/cgroup/app.slice/agent.service", "memory pids")
    assert [place.folder for place in tree.places] == [own]


def test_a_group_that_hands_on_only_one_of_them_is_none(tree: Tree) -> None:
    tree.mount("/sys/fs/cgroup", "cgroup2", "rw", "/a/b")
    tree.group("/sys/fs/cgroup/a", "memory")
    tree.group("/sys/fs/cgroup/a/b", "cpu")
    assert tree.places == ()


def test_a_group_that_was_delegated_is_told_to_hand_them_on(tree: Tree) -> None:
    tree.mount("/sys/fs/cgroup", "cgroup2", "rw", "/agent.service/main")
    tree.group("/sys/fs/cgroup/agent.service/main", pids=f"{os.getpid()}\n")
    unit = tree.group("/sys/fs/cgroup/agent.service")
    (unit / "cgroup.controllers").write_text("cpu memory pids\n")
    assert [place.folder for place in tree.places] == [unit]
    assert (unit / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_for_people_the_lack_of_groups_is_said() -> None:
    assert "no control group" in describe(())


def test_in_version_1_each_controller_has_its_own_hierarchy(tree: Tree) -> None:
    tree.mount("/sys/fs/cgroup/cpu", "cgroup", "rw,cpu", "/")
    tree.mount("/sys/fs/cgroup/memory", "cgroup", "rw,memory", "/agents/one")
    tree.mount("/sys/fs/cgroup/pids", "cgroup", "rw,pids", "/not/seen/from/here")
    memory = tree.group("/sys/fs/cgroup/memory/agents/one")
    pids = tree.group("/sys/fs/cgroup/pids")
    found = tree.places
    assert [(place.folder, place.version, place.controllers) for place in found] == [
        (memory, 1, ("memory",)),
        (pids, 1, ("pids",)),
    ]
    assert describe(found) == "control groups (version 1) limit memory and pids"


def test_what_cannot_be_written_is_not_used(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.mount("/sys/fs/cgroup/memory", "cgroup", "ro,memory", "/")
    tree.group("/sys/fs/cgroup/memory")
    monkeypatch.setattr(os, "access", lambda *_given: False)  # as the kernel says, also to root
    assert tree.places == ()


def test_without_any_there_is_none(tmp_path: Path) -> None:
    assert places.__wrapped__(tmp_path) == ()


def test_the_limits_are_written_in_the_words_of_each_version() -> None:
    limits = Limits(memory_bytes=5, processes=7)
    second = Place(Path("/c"), 2, ("memory", "pids")).told(limits)
    assert second["values"] == [("memory.max", "5", True), ("memory.swap.max", "0", False), ("pids.max", "7", True)]
    assert second["events"] == "memory.events"
    first = Place(Path("/c"), 1, ("memory",)).told(limits)
    assert first["values"] == [("memory.limit_in_bytes", "5", True), ("memory.memsw.limit_in_bytes", "5", False)]
    assert first["events"] == "memory.oom_control"
    assert Place(Path("/c"), 1, ("pids",)).told(limits) == {
        "folder": "/c",
        "values": [("pids.max", "7", True)],
        "events": "",
    }


def test_a_group_without_a_needed_file_is_not_made(tmp_path: Path) -> None:
    group = Group([{"folder": str(tmp_path), "values": [("no/such/file", "1", True)], "events": ""}])
    group.enter()
    assert list(tmp_path.iterdir()) == []


def test_a_kill_for_want_of_memory_is_seen(tmp_path: Path) -> None:
    group = Group([{"folder": str(tmp_path), "values": [("limit", "9", True)], "events": "memory.events"}])
    (made,) = tmp_path.iterdir()
    assert (made / "limit").read_text() == "9"
    assert not group.out_of_memory()
    (made / "memory.events").write_text("low 0\noom 1\noom_kill 0\n")
    assert not group.out_of_memory()
    (made / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    assert group.out_of_memory()


def test_the_group_of_a_launcher_that_is_gone_is_removed_and_others_stay(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    alive = f"{prefix()}{os.getpid()}-{started(os.getpid())}"
    names = [f"{prefix()}{gone.pid}-1", f"{prefix()}{os.getpid()}-1", alive, "beth-1-2-3", "else"]
    for name in names:
        (tmp_path / name).mkdir()
    clear(str(tmp_path))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(names[2:])


@pytest.fixture
def real() -> tuple[Place, ...]:
    found = places()
    if not found:
        pytest.skip("no control group can be used here")
    return found


def left(real: tuple[Place, ...]) -> list[Path]:
    """The groups of launchers that have ended: other steps may be running on this machine."""
    found = [(entry, entry.name.split("-")[-2:]) for place in real for entry in place.folder.glob(f"{prefix()}*")]
    return [entry for entry, (pid, when) in found if started(int(pid)) != when]


def test_a_step_runs_in_a_group_of_its_own_which_is_gone_afterwards(real: tuple[Place, ...], place: World) -> None:
    held = place.execute(["sleep", "0.1"]).code
    assert held == 0
    assert left(real) == []


@pytest.mark.parametrize("mode", ["root", "root-alone"], indirect=True)
def test_what_a_killed_launcher_left_is_killed_and_removed_at_the_next_step(
    real: tuple[Place, ...], place: World
) -> None:
    names = [one.folder / f"{prefix()}{4_194_305}-1" for one in real]
    sleeper = subprocess.Popen(["sleep", "60"])
    for name in names:
        name.mkdir()
        (name / "cgroup.procs").write_text(str(sleeper.pid))
    try:
        assert place.run("print(42)").stdout == b"42\n"
        assert sleeper.wait(10) == -9
        place.run("print(42)")
        assert left(real) == []
    finally:
        sleeper.kill()
        sleeper.wait()
        for name in names:
            if name.exists():
                name.rmdir()
