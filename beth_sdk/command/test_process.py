"""A run of a program ends with everything it started, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from beth_sdk.clock import SystemClock
from beth_sdk.command import process
from beth_sdk.command.conftest import Make, Script, Watched, finished
from beth_sdk.command.process import Ending, run


async def test_returns_exit_code_and_stdout(program: Make) -> None:
    ending = await finished(program("import sys; print('done'); sys.exit(3)"))
    assert ending == Ending(3, b"done\n")


async def test_returns_the_signal_that_killed_the_program_as_a_negative_number(program: Make) -> None:
    ending = await finished(program("import os; os.kill(os.getpid(), 9)"))
    assert ending.code == -signal.SIGKILL


async def test_gives_stdin_arguments_directory_and_nothing_but_the_environment(program: Make, tmp_path: Path) -> None:
    os.environ["BETH_TEST_SECRET"] = "secret"
    try:
        ran = program(
            "import sys, os; print(sys.stdin.read(), os.getcwd(), os.getenv('A'), 'BETH_TEST_SECRET' in os.environ)",
            stdin="grüße".encode(),
            environment={"A": "1", "LC_ALL": "C.UTF-8"},
        )
        ending = await finished(ran)
    finally:
        del os.environ["BETH_TEST_SECRET"]
    assert ending.stdout.decode().split() == ["grüße", str(tmp_path), "1", "False"]


async def test_a_program_that_does_not_read_a_large_stdin_is_no_problem(program: Make) -> None:
    assert (await finished(program("print('ok')", stdin=b"x" * 1_000_000))).stdout == b"ok\n"


async def test_a_program_that_closes_its_streams_and_goes_on_is_waited_for(program: Make, tmp_path: Path) -> None:
    source = "import os, pathlib; os.close(0); os.close(1); os.close(2); pathlib.Path('after').touch()"
    assert (await finished(program(source))).code == 0
    assert (tmp_path / "after").exists()


async def test_stdin_and_large_output_on_both_streams_do_not_deadlock(program: Make) -> None:
    watched = Watched()
    source = "import sys; d = sys.stdin.read(); sys.stderr.write(d); sys.stdout.write(d); sys.stderr.write(d)"
    ran = program(source, stdin=b"x" * 500_000, stdout_limit=500_000)
    ending = await run(ran, stderr=watched, clock=SystemClock())
    assert (len(ending.stdout), len(watched.text)) == (500_000, 1_000_000)


async def test_what_is_still_in_the_pipes_at_the_end_is_read(program: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "CHUNK", 1)  # slower than any program writes
    watched = Watched()
    source = "import sys; sys.stderr.write('e' * 20_000); sys.stdout.write('o' * 900)"
    ending = await run(program(source), stderr=watched, clock=SystemClock())
    assert (ending.stdout, watched.text) == (b"o" * 900, b"e" * 20_000)


async def test_stderr_is_read_while_the_program_runs(program: Make, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    watched = Watched()
    source = "import sys; print('waiting', file=sys.stderr); open('go').read(); print('went on')"
    running = asyncio.create_task(run(program(source), stderr=watched, clock=SystemClock()))
    await watched.shows(b"waiting")
    (tmp_path / "go").write_text("go")
    assert (await running).stdout == b"went on\n"


async def test_a_program_that_does_not_exist_raises_and_has_done_nothing(program: Make) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        await finished(program("", argv=["/nowhere/at-all"]))
    assert raised.value.filename == "/nowhere/at-all"


async def test_a_script_without_an_interpreter_line_raises(program: Make, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("echo hello")
    (tmp_path / "plain").chmod(0o755)
    with pytest.raises(OSError, match="Exec format error"):
        await finished(program("", argv=[str(tmp_path / "plain")]))


async def test_arguments_pass_no_shell(program: Make, script: Script) -> None:
    argv = [*script("import sys; print(sys.argv[1:])"), "$HOME; touch x", "*", ""]
    assert (await finished(program("", argv=argv))).stdout.decode().strip() == "['$HOME; touch x', '*', '']"


async def test_a_broken_pipe_ends_what_the_command_runs_without_a_word(program: Make) -> None:
    watched = Watched()
    ran = program("", argv=["/bin/sh", "-c", "yes | head -1"])
    assert (await run(ran, stderr=watched, clock=SystemClock())).stdout == b"y\n"
    assert watched.text == b""
