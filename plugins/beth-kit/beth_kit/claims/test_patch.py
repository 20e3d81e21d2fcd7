"""Patches in parts."""

from __future__ import annotations

from beth_kit.claims.patch import FilePatch, Line, changed_paths, parse

PATCH = """\
diff --git a/src/a.py b/src/a.py
index 1..2 100644
--- a/src/a.py
+++ b/src/a.py
@@ -1,3 +1,4 @@ def before():
 one
--- two
+++ two
+three
 four
\\ No newline at end of file
@@ -10 +11 @@
-ten
+TEN
diff --git a/new file.txt b/new file.txt
new file mode 100644
index 0..1
--- /dev/null
+++ b/new file.txt
@@ -0,0 +1 @@
+hello
diff --git a/gone.py b/gone.py
deleted file mode 100644
--- a/gone.py
+++ /dev/null
@@ -1,2 +0,0 @@
-a
-b
diff --git a/tests/old.py b/tests/new.py
similarity index 90%
rename from tests/old.py
rename to tests/new.py
diff --git a/logo.png b/logo.png
index 1..2 100644
GIT binary patch
literal 3
KcmZQzU|?VX
"""


def test_each_file_has_its_names_and_its_lines_with_their_numbers() -> None:
    first, new, gone, renamed, binary = parse(PATCH)
    assert (first.old, first.new) == ("src/a.py", "src/a.py")
    assert first.removed == [Line(2, "-- two"), Line(10, "ten")]
    assert first.added == [Line(2, "++ two"), Line(3, "three"), Line(11, "TEN")]
    assert new == FilePatch(None, "new file.txt", [Line(1, "hello")])
    assert gone == FilePatch("gone.py", None, [], [Line(1, "a"), Line(2, "b")])
    assert (renamed.old, renamed.new) == ("tests/old.py", "tests/new.py")
    assert binary == FilePatch("logo.png", "logo.png")


def test_of_a_renamed_file_both_names_changed() -> None:
    assert changed_paths(PATCH) == ["src/a.py", "new file.txt", "gone.py", "tests/old.py", "tests/new.py", "logo.png"]


def test_a_name_with_unusual_characters_is_read_as_git_writes_it() -> None:
    text = 'diff --git "a/\\303\\244 \\"b\\".py" "b/\\303\\244 \\"b\\".py"\nnew file mode 100644\n'
    assert changed_paths(text) == ['ä "b".py']


def test_a_patch_that_breaks_off_is_read_as_far_as_it_goes() -> None:
    (one,) = parse("diff --git a/x b/x\n@@ -1,9 +1,9 @@\n-a\n+b")
    assert (one.removed, one.added) == ([Line(1, "a")], [Line(1, "b")])


def test_an_empty_patch_has_no_files() -> None:
    assert parse("") == []
