"""What keeps a command about a request's work from being done; nothing was changed then."""

from __future__ import annotations

from collections.abc import Sequence

from beth_kit.workspace.errors import WorkspaceError


class RequestUnusable(WorkspaceError):
    """The repository of the request `request_id` has nothing to show, for `reason`."""

    code = "request_unusable"

    def __init__(self, request_id: str, reason: str) -> None:
        self.request_id = request_id
        self.reason = reason
        super().__init__(f"{request_id} {reason}")


class BranchRefused(WorkspaceError):
    """A `branch` of the repository `where` cannot be moved, for `reason`; `advice` is what to do instead."""

    code = "branch_refused"

    def __init__(self, where: str, branch: str, reason: str, advice: str) -> None:
        self.where = where
        self.branch = branch
        self.reason = reason
        self.advice = advice
        super().__init__(f"{branch} in {where} {reason}, so nothing was changed; {advice}")


class MergeConflicts(WorkspaceError):
    """Both sides changed the same places of these `files`."""

    code = "merge_conflicts"

    def __init__(self, where: str, branch: str, files: Sequence[str], advice: str) -> None:
        self.where = where
        self.branch = branch
        self.files = tuple(files)
        named = ", ".join(self.files[:5])
        more = f" and {len(self.files) - 5} more" if len(self.files) > 5 else ""
        super().__init__(f"{branch} in {where} conflicts in {named}{more}, so nothing was changed; {advice}")


class PushRefused(WorkspaceError):
    """The other side, `remote`, did not take the `branch`; `reason` is what it or git said."""

    code = "push_refused"

    def __init__(self, remote: str, branch: str, reason: str) -> None:
        self.remote = remote
        self.branch = branch
        self.reason = reason
        super().__init__(f"{remote} did not take {branch}: {reason}")
