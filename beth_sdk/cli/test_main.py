"""`beth` itself: its help, its version, how fast it starts, and what it is to a pipe and a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from beth_sdk import __version__
from beth_sdk.cli.conftest import Beth
from beth_sdk.cli.main import OWN
from beth_sdk.conftest import Site

HEAVY = """
import sys
from beth_sdk.cli.main import OWN, main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(sorted({"pydantic", "jsonschema", "asyncio", "rich"} & set(sys.modules)), file=sys.stderr)
"""


def test_the_version_is_the_packages(beth: Beth) -> None:
    assert beth("--version").stdout == f"beth {__version__}\n"


def test_the_help_lists_every_command_in_its_section(beth: Beth) -> None:
    text = beth("--help").stdout
    titles = [line[:-1] for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert [title for title in titles if title in {"Tasks and queues", "Agents", "Contract", "Machine"}] == [
        "Tasks and queues",
        "Agents",
        "Contract",
        "Machine",
    ]
    for name, command in OWN.items():
        assert f"  {name} " in text
        assert command.help in text


def test_the_help_documents_the_exit_codes_and_completion(beth: Beth) -> None:
    text = beth("--help").stdout
    for line in (
        "0    done",
        "1    failed",
        "2    wrong usage or configuration",
        "3    cancelled",
        "4    waits for an answer",
        "130  interrupted",
        'bash  eval "$(beth completion bash)"',
    ):
        assert f"    {line}\n" in text


def test_beth_alone_shows_its_help(beth: Beth) -> None:
    ran = beth()
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == beth("--help").stdout


@pytest.mark.parametrize(
    "arguments", [("nosuch",), ("--nosuch",), ("agents", "--nosuch"), ("serve",), ("dead", "nosuch")]
)
def test_wrong_usage_is_one_line_and_exit_code_2(beth: Beth, arguments: tuple[str, ...]) -> None:
    ran = beth(*arguments)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr.startswith("beth: ")
    assert ran.stderr.count("\n") == 1


def test_the_help_and_the_health_check_import_nothing_heavy(site: Site, home: Path) -> None:
    """Commands of plugins that are not `Deferred` are what takes time in the help, so they are left out here."""
    environ = {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}", "BETH_HEALTH_FILE": str(home)}
    isolated = [sys.executable, "-S", "-c"]
    click_place = Path(sys.modules["click"].__file__ or "").parents[1]
    environ["PYTHONPATH"] += f":{_only(site, click_place, 'click')}"
    helped = subprocess.run([*isolated, HEAVY, "--help"], env=environ, capture_output=True, text=True, check=True)
    assert "Usage: beth" in helped.stdout
    assert helped.stderr == "[]\n"
    asked = subprocess.run([*isolated, HEAVY, "health"], env=environ, capture_output=True, text=True, check=True)
    assert asked.stderr == "['asyncio']\n"


def _only(site: Site, place: Path, package: str) -> Path:
    """A folder with nothing but this package of another."""
    (site.path / package).symlink_to(place / package)
    return site.path


def test_a_reader_that_goes_away_early_is_no_error() -> None:
    piped = subprocess.run(
        f"set -o pipefail; '{sys.executable}' -m beth_sdk.cli --help | head -n 1 >/dev/null",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert piped.stderr == ""
    closed = subprocess.run(
        [sys.executable, "-c", "import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])",
         "-m", "beth_sdk.cli", "agents", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert "Traceback" not in closed.stderr


def test_output_that_the_terminal_cannot_show_is_escaped() -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    code = "from beth_sdk.cli import main as m; m.guarded = lambda _: print('→'); m.main([])"
    ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert ran.stdout == "\\u2192\n"


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_it_wants_none(home: Path, no_color: str, coloured: bool) -> None:
    terminal, other_side = pty.openpty()
    environ = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    subprocess.run([sys.executable, "-m", "beth_sdk.cli", "doctor"], env=environ, stdout=other_side, check=True)
    os.close(other_side)
    shown = os.read(terminal, 65536)
    os.close(terminal)
    assert b"python" in shown
    assert (b"\x1b[32m" in shown) is coloured


def test_shells_can_complete_commands_and_options() -> None:
    def completed(words: str) -> list[str]:
        count = str(words.count(" "))
        environ = {**os.environ, "_BETH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
        beth = [sys.executable, "-c", "from beth_sdk.cli.main import main; main()"]
        return subprocess.run(beth, env=environ, capture_output=True, text=True, check=True).stdout.split()

    assert completed("beth do") == ["plain,doctor"]
    assert "plain,redrive" in completed("beth dead ")
    assert "plain,--watch" in completed("beth stats --")


def test_python_m_runs_it_too() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "beth_sdk.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"beth {__version__}\n"
