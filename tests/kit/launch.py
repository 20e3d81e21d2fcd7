"""`beth` without a safeguard, to see that its absence is noticed: `python -m tests.kit.launch restore serve developer`.

The product knows nothing of this: what is taken out is replaced in this process before the command line is run.
"""

from __future__ import annotations

import sys
from typing import NoReturn

from beth_kit.workspace import snapshot
from beth_kit.workspace.clone import TaskClone
from beth_sdk.cli.main import main as beth

RESTORE = "restore"
"""That a work tree is brought to what the journal says before the first step that really runs."""


async def _not_restored(clone: TaskClone, taken: snapshot.Snapshot) -> snapshot.Restored:
    del clone
    return snapshot.Restored(taken.commit, ())


def main(arguments: list[str]) -> NoReturn:
    """Take a safeguard out and run a command line of `beth`."""
    without, *command = arguments
    if without != RESTORE:
        raise SystemExit(f"no safeguard {without!r}")
    snapshot.restore = _not_restored
    beth(command)


if __name__ == "__main__":
    main(sys.argv[1:])
