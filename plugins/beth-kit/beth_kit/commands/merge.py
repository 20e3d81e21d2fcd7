"""`beth merge`: a request's work into a repository of the user's on this machine, as a branch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import click

from beth_kit.commands.errors import BranchRefused, MergeConflicts
from beth_kit.commands.finding import Found, find, staged
from beth_kit.commands.scratch import scratch
from beth_kit.commands.users import UsersRepository, pull_line, said
from beth_kit.places import workspaces
from beth_kit.workspace import refs
from beth_kit.workspace.conflict import Conflict
from beth_kit.workspace.errors import GitFailed
from beth_kit.workspace.git import Git, Identity, signed
from beth_sdk.cli.options import json_option, settings_from, show_json
from beth_sdk.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Brought:
    """A branch of a repository that now holds a request's work: `before` it was at this commit, None where it is new,
    and is at `commit` now."""

    place: Path
    branch: str
    before: str | None
    commit: str


@click.command()
@click.argument("request")
@click.option(
    "--into", metavar="REPO", type=click.Path(path_type=Path), help="Your repository; else what --repo named."
)
@click.option("--branch", metavar="B", help="The branch to make or move forward, instead of beth/REQUEST.")
@click.option("--into-branch", metavar="B", help="Merge into this branch of yours, which nobody has checked out.")
@json_option
def merge(request: str, *, into: Path | None, branch: str | None, into_branch: str | None, as_json: bool) -> None:
    """Bring the work of a REQUEST into your repository, as the branch beth/REQUEST.

    What is checked out, the index and uncommitted files stay as they are, and none of your hooks runs. A branch that is
    checked out is refused with the command that merges there. On a conflict nothing is changed.
    """
    if branch and into_branch:
        raise click.UsageError("--branch makes a branch and --into-branch merges into one: give one of the two")
    found, brought = asyncio.run(_merge(request, into, branch, into_branch))
    if as_json:
        show_json(
            {
                "request": found.id,
                "repository": str(brought.place),
                "branch": brought.branch,
                "before": brought.before,
                "commit": brought.commit,
            }
        )
    else:
        click.echo(told(brought))


async def _merge(request: str, into: Path | None, branch: str | None, into_branch: str | None) -> tuple[Found, Brought]:
    found = await find(workspaces(settings_from(None).home), request)
    users = UsersRepository.at(into or _started_in(found))
    if into_branch is not None:
        return found, await merge_into(users, found, await good_name(found, into_branch))
    return found, await bring(users, found, await good_name(found, branch or found.repository.branch))


async def bring(users: UsersRepository, found: Found, branch: str) -> Brought:
    """Make a branch of a request's work, or move it forward. Raises `BranchRefused`, `PushRefused`."""
    old = await users.commit_of(branch)
    if old == found.head:
        return Brought(users.place, branch, old, old)
    await users.require_free(found, branch)
    async with scratch(users.git.git_dir, found.git.git_dir) as git:
        if old is not None and not await staged(found, git).contains(found.head, old):
            advice = f"--into-branch {branch} merges into it, --branch makes another"
            raise BranchRefused(str(users.place), branch, "has commits that the request's work lacks", advice)
        await users.take(git, found.head, branch)
    return Brought(users.place, branch, old, found.head)


async def merge_into(users: UsersRepository, found: Found, branch: str) -> Brought:
    """Merge a request's work into a branch. Raises `BranchRefused`, `PushRefused`, `MergeConflicts`."""
    old = await users.commit_of(branch)
    if old is None:
        raise BranchRefused(str(users.place), branch, "does not exist", f"--branch {branch} makes it")
    await users.require_free(found, branch)
    author = await users.author()
    async with scratch(users.git.git_dir, found.git.git_dir) as git:
        repository = staged(found, git)
        await refs.move(git, repository.branch_ref, old)
        try:
            outcome = await repository.merge(found.head, f"Merge {found.repository.branch} into {branch}", author)
        except GitFailed as failed:
            reason = f"cannot be merged into ({said(failed.stderr) or failed})"
            raise BranchRefused(str(users.place), branch, reason, "--branch makes another") from failed
        if isinstance(outcome, Conflict):
            advice = f"check {branch} out and run: {pull_line(found)}"
            raise MergeConflicts(str(users.place), branch, outcome.files, advice)
        commit = outcome.commit if outcome.fast_forward else await _dated_now(git, outcome.commit, author)
        if commit != old:
            await users.take(git, commit, branch)
    return Brought(users.place, branch, old, commit)


async def _dated_now(git: Git, merge: str, author: Identity) -> str:
    """The merge commit as one of today: Beth dates hers like their parents, so that they can be made again."""
    tree, parents, message = (await git.line("log", "-1", "--format=%T%n%P%n%B", merge, "--")).split("\n", 2)
    words = [word for parent in parents.split() for word in ("-p", parent)]
    return await git.line("commit-tree", tree, *words, "-m", message, env=signed(author, git.clock.wall()))


async def good_name(found: Found, branch: str) -> str:
    """The name if git takes it for a branch. Raises `ConfigurationError`."""
    checked = await found.git.run("check-ref-format", f"refs/heads/{branch}", accepted=(0, 1))
    if checked.code or branch.startswith("-") or branch == "HEAD":
        raise ConfigurationError(f"{branch!r} cannot be a branch: git check-ref-format --help has the rules")
    return branch


def told(brought: Brought) -> str:
    """What became of the branch, in a line."""
    if brought.before == brought.commit:
        return f"{brought.place}: {brought.branch} has it already, at {brought.commit[:12]}"
    moved = "is new" if brought.before is None else f"moved from {brought.before[:12]}"
    return f"{brought.place}: {brought.branch} {moved}, at {brought.commit[:12]}"


def _started_in(found: Found) -> Path:
    if found.started is None:
        raise ConfigurationError(f"{found.id} did not start from a repository: say into which one with --into REPO")
    if found.started.directory is None:
        raise ConfigurationError(
            f"{found.id} started from {found.started.address}, which is no directory here: say into which repository "
            f"with --into REPO, or have it pushed with `beth push {found.id}`"
        )
    return found.started.directory
