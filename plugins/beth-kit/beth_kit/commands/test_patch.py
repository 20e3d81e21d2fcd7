"""A patch on a terminal."""

import click

from beth_kit.commands.patch import coloured, readable

PATCH = b"""\
diff --git a/x b/x
--- a/x
+++ b/x
@@ -1,2 +1,2 @@ def f
 same
--- removed, and no header
+++ added, and no header
\\ No newline at end of file
diff --git a/y b/y
"""


def test_added_and_removed_lines_have_colours_by_their_place_in_a_hunk() -> None:
    assert list(coloured(readable(PATCH))) == [
        click.style("diff --git a/x b/x", bold=True),
        click.style("--- a/x", bold=True),
        click.style("+++ b/x", bold=True),
        click.style("@@ -1,2 +1,2 @@", fg="cyan") + " def f",
        " same",
        click.style("--- removed, and no header", fg="red"),
        click.style("+++ added, and no header", fg="green"),
        click.style("\\ No newline at end of file", bold=True),
        click.style("diff --git a/y b/y", bold=True),
    ]


def test_a_hunk_of_one_line_leaves_out_its_count() -> None:
    assert list(coloured(["@@ -0,0 +1 @@", "+one", "+two"]))[1:] == [
        click.style("+one", fg="green"),
        click.style("+two", bold=True),
    ]


def test_what_steers_a_terminal_is_escaped_and_tabs_stay() -> None:
    assert readable(b"+\ta\x1b]0;title\x07\r\n+\xe2\x80\xaetxt\n") == ["+\ta\\x1b]0;title\\x07\\r", "+\\u202etxt"]


def test_bytes_that_are_no_utf_8_are_shown_as_such() -> None:
    assert readable(b"+caf\xe9\n") == ["+caf\\xe9"]


def test_nothing_is_no_line() -> None:
    assert readable(b"") == []
