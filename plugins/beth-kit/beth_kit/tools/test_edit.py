"""`edit`: what a model sees of files, how it changes them, and what it never touches."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from beth_kit.context import KitContext
from beth_kit.tools.base import MAX_OUTPUT, ToolReply
from beth_kit.tools.conftest import Contexts
from beth_kit.tools.edit import edit

SECRET = "sk-secret-0123456789"


class Bench:
    """A workspace with one way to edit it."""

    def __init__(self, ctx: KitContext, root: Path) -> None:
        self.ctx = ctx
        self.root = root

    async def __call__(self, action: str, path: str, **more: Any) -> ToolReply:
        return await edit.call(self.ctx, {"action": action, "path": path, **more})

    def put(self, name: str, content: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


@pytest.fixture
async def bench(kit_context: KitContext) -> Bench:
    return Bench(kit_context, (await kit_context.workspace.clone()).directory)


# -- view ---------------------------------------------------------------------------------------


async def test_a_file_is_shown_with_line_numbers(bench: Bench) -> None:
    bench.put("a.txt", "one\r\nzwölf\nno end".encode())
    assert (await bench("view", "a.txt")).text == "     1\tone\n     2\tzwölf\n     3\tno end"
    assert (await bench("view", "a.txt", view_range=[2, 2])).text == "     2\tzwölf"
    assert (await bench("view", "a.txt", view_range=[2, -1])).text == "     2\tzwölf\n     3\tno end"
    assert (await bench("view", "a.txt", view_range=[9, 10])).text == "[the file has 3 lines]"


async def test_a_file_may_be_named_by_its_whole_path(bench: Bench) -> None:
    file = bench.put("a.txt", b"one\n")
    assert (await bench("view", str(file))).text == "     1\tone"
    assert (await bench("view", str(bench.root))).text == "a.txt"


async def test_a_long_file_is_cut_with_the_range_to_go_on_with(bench: Bench) -> None:
    bench.put("long.txt", b"".join(b"line %d\n" % number for number in range(1, 5001)))
    text = (await bench("view", "long.txt")).text
    assert len(text) < MAX_OUTPUT + 100
    last = int(text.splitlines()[-2].split()[0])
    assert text.endswith(f"[cut: go on with view_range=[{last + 1}, -1]]")
    more = (await bench("view", "long.txt", view_range=[last + 1, last + 2])).text
    assert more.splitlines()[0].endswith(f"line {last + 1}")


async def test_a_huge_line_is_cut(bench: Bench) -> None:
    bench.put("min.js", b"x" * 900_000 + b"\nnext\n")
    text = (await bench("view", "min.js")).text
    assert text.endswith("[… the line goes on]\n     2\tnext")
    assert len(text) < MAX_OUTPUT


async def test_a_huge_file_is_shown_by_ranges_only(bench: Bench) -> None:
    bench.put("huge.txt", b"0123456789\n" * 200_000)
    refused = await bench("view", "huge.txt")
    assert refused.error
    assert "2,200,000 bytes" in refused.text
    assert (await bench("view", "huge.txt", view_range=[150_000, 150_000])).text == "150000\t0123456789"


async def test_a_folder_is_listed_two_levels_deep_and_git_is_not(bench: Bench) -> None:
    for name in ("b.txt", "a/one.txt", "a/deep/two.txt", ".github/x.md"):
        bench.put(name, b"")
    (bench.root / "link").symlink_to("a/one.txt")
    expected = ".github/\n  x.md\na/\n  deep/\n  one.txt\nb.txt\nlink -> a/one.txt"
    assert (await bench("view", ".")).text == expected
    assert (await bench("view", "a/")).text == "deep/\n  two.txt\none.txt"


async def test_a_folder_of_thousands_is_cut(bench: Bench) -> None:
    for number in range(300):
        bench.put(f"many/{number:03}", b"")
    assert "[… 100 more]" in (await bench("view", "many")).text


@pytest.mark.parametrize("action", ["view", "str_replace"])
async def test_a_binary_file_is_left_to_programs(bench: Bench, action: str) -> None:
    bench.put("image.png", b"\x89PNG\0\0")
    reply = await bench(action, "image.png", old_str="P", new_str="Q")
    assert reply.error
    assert "binary" in reply.text


@pytest.mark.parametrize("wanted", [[1], [0, 1], [3, 2], [1, 2, 3]])
async def test_a_range_that_is_none_is_answered(bench: Bench, wanted: list[int]) -> None:
    bench.put("a.txt", b"one\n")
    assert "view_range is two numbers" in (await bench("view", "a.txt", view_range=wanted)).text


# -- create -------------------------------------------------------------------------------------


async def test_a_file_is_created_with_its_folders_and_belongs_to_the_task(bench: Bench) -> None:
    reply = await bench("create", "new/folder/a.py", file_text="one\ntwo\n")
    assert reply.text == "created new/folder/a.py, 2 lines"
    assert (bench.root / "new/folder/a.py").read_bytes() == b"one\ntwo\n"
    owner = os.geteuid() if bench.ctx.locks.uid is None else bench.ctx.locks.uid
    for name in ("new", "new/folder", "new/folder/a.py"):
        found = (bench.root / name).stat()
        assert (found.st_uid, found.st_mode & 0o777) == (owner, 0o644 if name.endswith("py") else 0o755)


async def test_a_file_that_is_there_is_replaced_only_where_that_is_said(bench: Bench) -> None:
    file = bench.put("run.sh", b"old\n")
    file.chmod(0o755)
    refused = await bench("create", "run.sh", file_text="new\n")
    assert refused.error
    assert "overwrite=true" in refused.text
    assert file.read_bytes() == b"old\n"
    assert (await bench("create", "run.sh", file_text="new\n", overwrite=True)).text == "replaced run.sh, 1 lines"
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new\n", 0o755)
    assert (await bench("create", ".", file_text="x", overwrite=True)).error


# -- str_replace --------------------------------------------------------------------------------


async def test_a_text_that_is_there_once_is_replaced_and_shown(bench: Bench) -> None:
    file = bench.put("a.py", b"".join(b"line %d\n" % number for number in range(1, 21)))
    reply = await bench("str_replace", "a.py", old_str="line 10\nline 11\n", new_str="changed\n")
    assert not reply.error
    assert "    10\tchanged\n    11\tline 12" in reply.text
    assert "line 1\n" not in reply.text
    assert b"line 9\nchanged\nline 12\n" in file.read_bytes()


async def test_without_a_new_text_the_old_one_goes(bench: Bench) -> None:
    file = bench.put("a.py", b"keep drop keep\n")
    await bench("str_replace", "a.py", old_str=" drop")
    assert file.read_bytes() == b"keep keep\n"


async def test_a_text_that_is_there_often_changes_nothing_and_its_lines_are_named(bench: Bench) -> None:
    file = bench.put("a.py", b"x = 1\ny = 2\nx = 1\nx = 1\n")
    reply = await bench("str_replace", "a.py", old_str="x = 1", new_str="z")
    assert reply.error
    assert "3 times, on the lines 1, 3, 4" in reply.text
    assert file.read_bytes() == b"x = 1\ny = 2\nx = 1\nx = 1\n"
    many = bench.put("many.py", b"a" * 100_000)
    assert "more than 20 times" in (await bench("str_replace", str(many), old_str="a", new_str="b")).text


async def test_matches_that_overlap_are_two(bench: Bench) -> None:
    bench.put("a.py", b"ababa")
    assert "2 times" in (await bench("str_replace", "a.py", old_str="aba", new_str="b")).text


async def test_a_text_that_is_not_there_says_where_its_first_line_is(bench: Bench) -> None:
    bench.put("a.py", b"def f():\n    return 1\n")
    reply = await bench("str_replace", "a.py", old_str="def f():\n  return 1\n", new_str="")
    assert reply.error
    assert "not there" in reply.text
    assert "its first line is on 1" in reply.text


@pytest.mark.parametrize(("old", "new"), [("", "x"), (None, "x"), ("one", "one")])
async def test_a_replacement_that_is_none_is_answered(bench: Bench, old: str | None, new: str) -> None:
    bench.put("a.py", b"one\n")
    assert (await bench("str_replace", "a.py", old_str=old, new_str=new)).error


async def test_line_ends_of_windows_stay(bench: Bench) -> None:
    file = bench.put("a.txt", b"one\r\ntwo\r\nthree\r\n")
    await bench("str_replace", "a.txt", old_str="one\ntwo", new_str="1\n2")
    assert file.read_bytes() == b"1\r\n2\r\nthree\r\n"
    await bench("str_replace", "a.txt", old_str="2", new_str="2\n2b")
    await bench("insert", "a.txt", insert_line=0, new_str="zero")
    assert file.read_bytes() == b"zero\r\n1\r\n2\r\n2b\r\nthree\r\n"


async def test_bytes_that_are_no_utf8_stay(bench: Bench) -> None:
    file = bench.put("latin.txt", b"caf\xe9 one\n")
    await bench("str_replace", "latin.txt", old_str="one", new_str="zwölf")
    assert file.read_bytes() == b"caf\xe9 " + "zwölf\n".encode()


# -- insert -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line", "text", "after"),
    [
        (b"one\ntwo\n", 0, "zero", b"zero\none\ntwo\n"),
        (b"one\ntwo\n", 1, "middle\n", b"one\nmiddle\ntwo\n"),
        (b"one\ntwo\n", 2, "three", b"one\ntwo\nthree\n"),
        (b"one\ntwo", 2, "three\n", b"one\ntwo\nthree"),
        (b"one\ntwo", 1, "middle", b"one\nmiddle\ntwo"),
        (b"", 0, "first", b"first\n"),
    ],
)
async def test_lines_are_inserted_after_a_line(
    bench: Bench, content: bytes, line: int, text: str, after: bytes
) -> None:
    file = bench.put("a.txt", content)
    assert not (await bench("insert", "a.txt", insert_line=line, new_str=text)).error
    assert file.read_bytes() == after


@pytest.mark.parametrize("line", [-1, 3, None])
async def test_a_line_that_is_not_there_is_answered(bench: Bench, line: int | None) -> None:
    bench.put("a.txt", b"one\ntwo\n")
    assert (await bench("insert", "a.txt", insert_line=line, new_str="x")).error


# -- what is never touched ----------------------------------------------------------------------

WAYS_OUT = {
    "an absolute path": "{home}/secret",
    "dots": "../../../secret",
    "dots after a folder": "folder/../../../../secret",
    "a link to a file": "to-file",
    "a link to a folder": "to-folder/secret",
    "a relative link": "relative",
    "a chain of links": "chain",
    "the repository": ".git/config",
    "the repository in other letters": "folder/.GIT/config",
    "a link into the repository": "to-git",
}


@pytest.fixture
def hostile(bench: Bench, contexts: Contexts) -> Bench:
    """A secret beside the workspace, and links to it in there."""
    (contexts.home / "secret").write_text(SECRET)
    (bench.root / "folder").mkdir()
    links = {"to-file": f"{contexts.home}/secret", "to-folder": str(contexts.home), "relative": "../../../secret"}
    for name, target in {**links, "chain": "folder/next", "folder/next": "../to-file", "to-git": ".git/config"}.items():
        (bench.root / name).symlink_to(target)
    return bench


@pytest.mark.parametrize("way", WAYS_OUT)
async def test_no_way_leads_out_of_the_workspace(hostile: Bench, contexts: Contexts, way: str) -> None:
    path = WAYS_OUT[way].format(home=contexts.home)
    before = (hostile.root / ".git/config").read_bytes()
    for words in (
        {"action": "view"},
        {"action": "create", "file_text": "stolen", "overwrite": True},
        {"action": "str_replace", "old_str": "s", "new_str": "S"},
        {"action": "str_replace", "old_str": "repositoryformatversion", "new_str": "x"},
        {"action": "insert", "insert_line": 0, "new_str": "stolen"},
    ):
        reply = await edit.call(hostile.ctx, {"path": path, **words})
        assert reply.error, words
        assert SECRET not in reply.text
        kind, message = contexts.inner[-1].events[-1]
        assert kind == "denied"
        assert str(message).startswith(f"{words['action']}: {path}: ")
    assert (contexts.home / "secret").read_text() == SECRET
    assert (hostile.root / ".git/config").read_bytes() == before


async def test_the_event_of_a_refusal_is_short_and_steers_no_terminal(bench: Bench, contexts: Contexts) -> None:
    for path in ("/\x1b[2J", f"/{'x' * 4000}"):
        assert (await bench("view", path)).error
    steering, long = (str(message) for kind, message in contexts.inner[-1].events if kind == "denied")
    assert steering.startswith("view: /?[2J: it is outside the workspace")
    assert len(long) < 600


@pytest.mark.parametrize("path", ["to-new/x.txt", "dangling"])
async def test_nothing_is_created_outside(hostile: Bench, contexts: Contexts, path: str) -> None:
    (hostile.root / "to-new").symlink_to(contexts.home)
    (hostile.root / "dangling").symlink_to(contexts.home / "made")
    before = sorted(contexts.home.iterdir())
    assert (await hostile("create", path, file_text="x")).error
    assert sorted(contexts.home.iterdir()) == before


async def test_a_link_that_stays_inside_is_followed_and_stays_a_link(bench: Bench) -> None:
    file = bench.put("folder/real.txt", b"one\n")
    (bench.root / "link").symlink_to("folder/../folder/real.txt")
    (bench.root / "folder-link").symlink_to(bench.root / "folder")
    assert (await bench("view", "link")).text == "     1\tone"
    await bench("str_replace", "folder-link/real.txt", old_str="one", new_str="two")
    await bench("insert", "link", insert_line=1, new_str="three")
    assert file.read_bytes() == b"two\nthree\n"
    assert (bench.root / "link").is_symlink()


async def test_links_in_a_circle_end(bench: Bench) -> None:
    (bench.root / "a").symlink_to("b")
    (bench.root / "b").symlink_to("a")
    assert "symbolic links" in (await bench("view", "a")).text


# Without users of their own, nothing tells a task's file from the agent's: there Landlock keeps such a name from being.
@pytest.mark.parametrize("contexts", ["own-user"], indirect=True)
async def test_another_name_of_a_file_of_somebody_else_is_neither_shown_nor_changed(
    bench: Bench, contexts: Contexts
) -> None:
    secret = contexts.home / "secret"
    secret.write_text(SECRET)
    os.link(secret, bench.root / "hard")
    for words in ({"action": "view"}, {"action": "str_replace", "old_str": "sk", "new_str": "x"}):
        reply = await edit.call(bench.ctx, {"path": "hard", **words})
        assert reply.error
        assert SECRET not in reply.text
    await bench("create", "hard", file_text="mine", overwrite=True)
    assert secret.read_text() == SECRET


async def test_another_name_of_a_file_is_not_written_through(bench: Bench) -> None:
    one = bench.put("one.txt", b"one\n")
    os.link(one, bench.root / "two.txt")
    if bench.ctx.locks.uid is not None:
        os.chown(one, bench.ctx.locks.uid, bench.ctx.locks.uid)
    assert not (await bench("str_replace", "two.txt", old_str="one", new_str="two")).error
    assert (one.read_bytes(), (bench.root / "two.txt").read_bytes()) == (b"one\n", b"two\n")


async def test_what_is_no_file_neither_blocks_nor_is_changed(bench: Bench) -> None:
    os.mkfifo(bench.root / "fifo")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(bench.root / "s"))
    for name in ("fifo", "s"):
        assert (await bench("view", name)).error
        assert (await bench("str_replace", name, old_str="a", new_str="b")).error
        assert (await bench("create", name, file_text="x", overwrite=True)).error


@pytest.mark.parametrize("path", ["", "a\0b", "missing.txt", "a.txt/below", "x" * 300])
async def test_a_path_that_is_none_is_answered(bench: Bench, path: str) -> None:
    bench.put("a.txt", b"one\n")
    reply = await bench("view", path)
    assert reply.error
    assert "\n" not in reply.text


async def test_nothing_half_written_is_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    file = bench.put("a.txt", b"one\n")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    reply = await bench("str_replace", "a.txt", old_str="one", new_str="two")
    assert reply.text == "edit: a.txt: No space left on device"
    assert [one.name for one in bench.root.iterdir() if one.name != ".git"] == ["a.txt"]
    assert file.read_bytes() == b"one\n"
