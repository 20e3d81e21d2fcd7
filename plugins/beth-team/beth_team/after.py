"""What to look at after the demo: `python -m beth_team.after`, the end of `make run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

BEGINNING = """
No model was asked: what the agents said was written beforehand, and nothing was charged. What they did has happened:
files, commits, test runs{found}. Look at it:

  export BETH_HOME={home} PATH={programs}:$PATH
"""

END = """
The second act, in which an agent is killed in the middle of its work, and nothing is lost or done twice:

  make recover

With a real model, which takes the key of any one provider:

  ANTHROPIC_API_KEY=... beth run "Build user authentication with JWT" --criteria "Refresh token rotation"
"""


def main() -> int:
    """Prints the commands with the newest request's id; returns 1 where there is no request."""
    newest = max(_said("list"), key=lambda one: float(one["received_at"]), default=None)
    if newest is None:
        print("there is no request yet: make run", file=sys.stderr)
        return 1
    print(text(_said("status", newest["request_id"])), end="")
    return 0


def text(request: dict[str, Any]) -> str:
    """`request`: what `beth status --json` says of it."""
    name = request["request_id"]
    refused = next((one["task_id"] for one in request["tasks"] if _refused(one)), None)
    commands = [
        (f"beth show {name}", "who committed what"),
        (f"beth diff {name}", "all that came of it"),
        *([(f"beth log {refused}", "how the tester found the defect")] if refused else []),
        (f"beth checkout {name} signin", "the branch, in a folder of yours"),
        ("(cd signin && python3 -m unittest)", "its tests, run by hand"),
    ]
    width = max(len(command) for command, _ in commands)
    beginning = BEGINNING.format(
        found=", a defect that a test found, and its fix" if refused else "",
        home=os.environ.get("BETH_HOME") or "~/.local/share/beth",
        programs=Path(sys.executable).parent,
    )
    return beginning + "".join(f"  {command:<{width}}  {remark}\n" for command, remark in commands) + END


def _refused(task: dict[str, Any]) -> bool:
    return bool((task.get("verdict") or {}).get("decision") == "changes_requested")


def _said(*command: str) -> Any:
    ran = subprocess.run(
        [sys.executable, "-m", "beth_sdk.cli", *command, "--json"], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(ran.stdout)


if __name__ == "__main__":
    sys.exit(main())
