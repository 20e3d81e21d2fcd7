"""Ending with the process that started this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from beth_sdk.cli.parent import die_with_parent
from beth_sdk.errors import ConfigurationError

CHILD = """
import signal, sys
from beth_sdk.cli import parent
parent._ask_the_kernel = lambda: None  # the pipe alone has to do it
parent.die_with_parent(int(sys.argv[1]))
print("watching", flush=True)
signal.pause()
"""

HOLDER = """
import os, sys
from beth_sdk.cli.parent import die_with_parent
die_with_parent(int(sys.argv[1]))
print(os.get_inheritable(int(sys.argv[1])))
"""


def test_a_process_dies_when_the_other_end_of_its_pipe_is_closed() -> None:
    reading, writing = os.pipe()
    command = [sys.executable, "-c", CHILD, str(reading)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=(reading,)) as child:
        try:
            os.close(reading)
            assert child.stdout is not None
            assert child.stdout.readline() == b"watching\n"
            assert child.poll() is None
            os.close(writing)
            assert child.wait(60) == -signal.SIGKILL
        finally:
            child.kill()


def test_the_children_of_the_process_do_not_inherit_the_pipe() -> None:
    reading, writing = os.pipe()
    ran = subprocess.run(
        [sys.executable, "-c", HOLDER, str(reading)], capture_output=True, text=True, check=True, pass_fds=(reading,)
    )
    os.close(reading)
    os.close(writing)
    assert ran.stdout == "False\n"


def test_a_descriptor_that_is_not_open_is_refused() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(ConfigurationError, match="is not open; only `beth up` gives this option"):
        die_with_parent(reading)
