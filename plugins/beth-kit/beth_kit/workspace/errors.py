"""What can go wrong in a workspace, each with its facts as attributes."""

from __future__ import annotations

from collections.abc import Sequence

from beth_sdk import BethError


class WorkspaceError(BethError):
    """Root of everything a workspace raises on purpose."""

    code = "workspace"


class GitFailed(WorkspaceError):
    """A git command ended badly: its `command` words, its `exit_code` (None where it ran out of time), the tail of
    what it wrote to standard error."""

    code = "git_failed"

    def __init__(self, command: Sequence[str], exit_code: int | None, stderr: str) -> None:
        self.command = tuple(command)
        self.exit_code = exit_code
        self.stderr = stderr
        how = "ran out of time" if exit_code is None else f"ended with {exit_code}"
        last = stderr.strip().splitlines()[-1] if stderr.strip() else "it wrote no reason"
        super().__init__(f"git {' '.join(self.command)[:200]} {how}: {last}")


class GitUnusable(WorkspaceError):
    """There is no git on this machine, or one too old."""

    code = "git_unusable"


class NameRefused(WorkspaceError):
    """A name cannot be part of a path or a reference."""

    code = "name_refused"

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"{name!r} cannot be {kind}: use letters, digits, '.', '_' and '-', at most 128 of them")


class SourceRefused(WorkspaceError):
    """A repository to start from cannot be used: `source` is what was given, `reason` what is wrong with it."""

    code = "source_refused"

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(f"{source}: {reason}")


class BranchMoved(WorkspaceError):
    """A compare-and-set found the reference elsewhere than `expected`, at `found` (None: there is none)."""

    code = "branch_moved"

    def __init__(self, ref: str, expected: str | None, found: str | None) -> None:
        self.ref = ref
        self.expected = expected
        self.found = found
        super().__init__(f"{ref} is at {found or 'nothing'}, not at {expected or 'nothing'}: read it again and retry")


class NothingToCommit(WorkspaceError):
    """The files are exactly those of the last `commit`, so there is nothing a new one could hold."""

    code = "nothing_to_commit"

    def __init__(self, commit: str) -> None:
        self.commit = commit
        super().__init__(f"nothing to commit: the files named are those of commit {commit[:12]}")


class PathOutside(WorkspaceError):
    """A path given to an operation of the workspace leads out of it."""

    code = "path_outside"

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"{path!r} is not a path inside the workspace: name it relative to the workspace's root")


class StillRunning(WorkspaceError):
    """Programs that an earlier worker started for the task do not end, so its work tree cannot be given to another."""

    code = "still_running"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"programs of an earlier worker of task {task_id} do not end: end them, then try again")


class NotRestored(WorkspaceError):
    """The work tree could not be brought to a commit: `paths` still differ, so something else is writing there."""

    code = "not_restored"

    def __init__(self, commit: str, paths: Sequence[str]) -> None:
        self.commit = commit
        self.paths = tuple(paths)
        super().__init__(
            f"the workspace is not at {commit[:12]}: {len(self.paths)} paths still differ, the first is "
            f"{self.paths[0]!r}; end the processes that write there, then restore again"
        )
