"""Whatever this package reads from the environment is declared."""

import re
from collections import Counter
from pathlib import Path

import beth_kit
from beth_kit.model.keys import key_variables
from beth_kit.variables import VARIABLES
from beth_sdk import settings

BY_NAME = {variable.name: variable for variable in VARIABLES}
FOR_CHILDREN = {"BETH_TASK_ID", "BETH_REQUEST_ID", "BETH_ROLE", "BETH_WORK_DIR", "BETH_PACKAGES"}
"""What a command, a tool or `.beth/setup` finds in its environment."""


def test_every_variable_that_the_code_names_is_declared_here_or_by_the_sdk() -> None:
    sources = [file for file in Path(beth_kit.__file__).parent.rglob("*.py") if not file.name.startswith("test_")]
    named = {name for file in sources for name in re.findall(r"\bBETH_[A-Z_]+\b", file.read_text())}
    own = {name for variable in settings.VARIABLES for name in (variable.name, f"{variable.name}_FILE")}
    declared = {name for variable in VARIABLES for name in variable.names}
    assert "BETH_SANDBOX" in named
    assert named - declared - own - FOR_CHILDREN == set()


def test_every_key_is_declared_as_a_secret() -> None:
    secrets = {name for name, variable in BY_NAME.items() if variable.secret}
    assert {*key_variables(), "LLM_API_KEY"} - secrets == set()


def test_none_is_declared_twice_and_each_says_something() -> None:
    assert [name for name, count in Counter(variable.name for variable in VARIABLES).items() if count > 1] == []
    assert [one for one in VARIABLES if not (one.meaning and one.accepted and one.default)] == []
