"""Exit codes of the commands about requests."""

from __future__ import annotations

from beth_agent_beth.fold.state import RequestState
from beth_sdk.cli.options import ExitCode


def exit_code(state: RequestState, *, interrupted: bool = False) -> ExitCode:
    """How far the request came, as `beth --help` documents the codes."""
    if interrupted:
        return ExitCode.INTERRUPTED
    if not state.ended:
        return ExitCode.WAITS
    return {"complete": ExitCode.DONE, "cancelled": ExitCode.CANCELLED}.get(state.status, ExitCode.FAILED)
