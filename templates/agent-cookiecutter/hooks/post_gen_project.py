"""Checks the answers, writes the files that there are one of for each task type, and removes those of other kinds.

It runs in the new folder; where it ends with an error, the folder is removed again.
"""

import json
import keyword
import re
import sys
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | jsonify }}""")
NAME = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
ONE_OF = "each-task-type"
"""Stands for a task type in the names and texts of the files that there are one of for each."""

ONLY_FOR = {
    "agent.py": {"llm", "python"},
    "program.py": {"command"},
    "prompts": {"llm"},
    "skills": {"llm"},
}
"""What belongs to some kinds only."""


def problems():
    types = ANSWERS["__types"].split(",")
    if not re.fullmatch(NAME, ANSWERS["role"]) or len(ANSWERS["role"]) > 64:
        yield "role: write lower-case letters and digits in parts joined by '-', such as technical-writer"
    if ANSWERS["role"] == "beth":
        yield "role: beth is the orchestrator's own"
    if not all(re.fullmatch(NAME, one) and len(one) <= 64 for one in types) or len(set(types)) < len(types):
        yield "task_types: write names as of roles, each once, separated by commas"
    if not re.fullmatch(NAME, ANSWERS["distribution"]):
        yield "distribution: write lower-case letters and digits in parts joined by '-'"
    for name in (ANSWERS["__package"], ANSWERS["__class"]):
        if keyword.iskeyword(name) or name in sys.stdlib_module_names:
            yield f"{name} is a name of Python's own: choose another role or distribution"
    if not ANSWERS["description"].strip() or not ANSWERS["description"].isprintable():
        yield "description: write one line of text"
    if not re.fullmatch(r"[^\s/\"\\]+/[^\s\"\\]+", ANSWERS["model"]):
        yield "model: write provider/name, such as anthropic/claude-sonnet-5-5"


def remove(path):
    if path.is_dir():
        for inner in path.iterdir():
            remove(inner)
        path.rmdir()
    else:
        path.unlink()


found = list(problems())
if found:
    sys.exit("\n".join(found))
package = Path(ANSWERS["__package"])
for name, kinds in ONLY_FOR.items():
    if ANSWERS["kind"] not in kinds:
        remove(package / name)
for model in sorted(package.rglob(f"{ONE_OF}*")):
    text = model.read_text(encoding="utf-8")
    for task_type in ANSWERS["__types"].split(","):
        made = model.with_name(model.name.replace(ONE_OF, task_type))
        made.write_text(text.replace(ONE_OF, task_type), encoding="utf-8")
    model.unlink()
