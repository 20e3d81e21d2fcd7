"""The whole error tree of the SDK, at the lowest import floor so that everything may raise from it.

```
BethError                     root: catch this to catch everything Beth raises on purpose
├── ContractError             a message breaks the contract; final, trying again cannot help
│   ├── InvalidMessage        not valid against its schema: path, value, what is accepted
│   ├── VersionRefused        written under a newer major version of the contract
│   ├── MessageTooLarge       over the size limit at publish
│   └── LoopRefused           a task would go round in its own chain of ancestors
├── ConfigurationError        Beth cannot start as configured; one line says what to change
│   ├── SettingError          an environment variable: name, value, what is accepted
│   ├── ManifestError         an agent.toml: file, line, fix
│   ├── UnknownScheme         no bus or journal is installed for this URL
│   ├── PluginError           an entry point that could not be loaded, with its distribution
│   └── UnknownRole           nobody installed plays this role
├── BusError
│   ├── BusUnavailable        the bus cannot be reached; trying again may help
│   ├── LeaseLost             the delivery was handed to another worker
│   └── CursorExpired         the topic no longer holds what follows this cursor
├── JournalError
│   ├── JournalUnavailable    the journal cannot be reached; trying again may help
│   ├── Held                  somebody else holds the stream, for a known time
│   ├── HoldLost              the hold's epoch is not the newest any more: fenced
│   ├── StreamArchived        the stream was archived and takes no more facts
│   ├── JournalMismatch       a replay met other code than the one that wrote the journal
│   └── OutcomeTooLarge       a step's outcome is over the size limit
└── AgentError                raised by agent code to say how a task failed
    ├── Retryable             try again, after a delay it may name
    ├── Fatal                 do not try again
    ├── Rejected              not this agent's kind of task; nobody should try again
    ├── BudgetExceeded        what is left of the task's money does not reach for the next step
    ├── CommandFailed         the program of a CommandAgent failed
    └── StepRaised            a step raised; names the step and what it raised
```

Errors carry their data as attributes, so that callers never parse a message.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Literal, TypeAlias


class BethError(Exception):
    """Root of everything Beth raises on purpose. `code` is stable and travels in a result's error."""

    code = "error"


# -- contract ---------------------------------------------------------------------------------


class ContractError(BethError):
    """A message breaks the contract; final, trying again cannot help."""

    code = "contract"


class InvalidMessage(ContractError):
    """A document is not valid: `path` into it (`$.payload.description`), the `value` there, what is `accepted`."""

    code = "invalid_message"

    def __init__(self, path: str, value: object, accepted: str, *, message: str = "message") -> None:
        self.path = path
        self.value = value
        self.accepted = accepted
        self.message = message
        shown = repr(value)
        if len(shown) > 200:
            shown = shown[:197] + "..."
        super().__init__(f"{message}: {path}: {shown} is not accepted; accepted: {accepted}")


class VersionRefused(ContractError):
    """The message was written under a newer major version (`theirs`) of the contract than `ours`."""

    code = "version_refused"

    def __init__(self, theirs: str, ours: str) -> None:
        self.theirs = theirs
        self.ours = ours
        super().__init__(f"the message is written under contract version {theirs}; this side speaks {ours}")


class MessageTooLarge(ContractError):
    """The encoded message has `size` bytes, over `limit` bytes."""

    code = "too_large"

    def __init__(self, size: int, limit: int, *, what: str = "message") -> None:
        self.size = size
        self.limit = limit
        super().__init__(f"the {what} has {size:,} bytes; the limit is {limit:,}: send large content as an artifact")


class LoopRefused(ContractError):
    """A task would go round in a loop, or through more hops than it may: `chain` is its ancestry, oldest first."""

    code = "loop"

    def __init__(self, chain: Sequence[str], reason: str) -> None:
        self.chain = tuple(chain)
        super().__init__(f"{reason}: {' → '.join(self.chain)}")


# -- configuration ----------------------------------------------------------------------------


class ConfigurationError(BethError):
    """Beth cannot start as configured; the message is one line that says what to change."""

    code = "configuration"


class SettingError(ConfigurationError):
    """An environment variable holds a value that is not accepted."""

    code = "setting"

    def __init__(self, variable: str, value: str, accepted: str) -> None:
        self.variable = variable
        self.value = value
        self.accepted = accepted
        super().__init__(f"{variable}={value!r} is not accepted; accepted: {accepted}")


class ManifestError(ConfigurationError):
    """An agent manifest is wrong: the `file`, the `line` (1-based, None where unknown), and how to `fix` it."""

    code = "manifest"

    def __init__(self, file: str, line: int | None, problem: str, fix: str) -> None:
        self.file = file
        self.line = line
        self.problem = problem
        self.fix = fix
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {problem}; {fix}")


class UnknownScheme(ConfigurationError):
    """No bus or journal is installed for this URL's scheme; `known` are the schemes that are."""

    code = "unknown_scheme"

    def __init__(self, kind: str, scheme: str, known: Sequence[str]) -> None:
        self.kind = kind
        self.scheme = scheme
        self.known = tuple(known)
        super().__init__(f"no {kind} speaks {scheme!r}; installed: {', '.join(self.known) or 'none'}")


class PluginError(ConfigurationError):
    """An entry point could not be loaded: its `group`, `name` and the `distribution` that declares it."""

    code = "plugin"

    def __init__(self, group: str, name: str, distribution: str, reason: str) -> None:
        self.group = group
        self.name = name
        self.distribution = distribution
        self.reason = reason
        super().__init__(f"{distribution}: entry point {name!r} of {group}: {reason}")


class UnknownRole(ConfigurationError):
    """Nobody installed plays `role`; `known` are the roles that somebody plays."""

    code = "unknown_role"

    def __init__(self, role: str, known: Sequence[str]) -> None:
        self.role = role
        self.known = tuple(known)
        near = difflib.get_close_matches(role, self.known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        super().__init__(f"no installed agent plays {role!r}; installed: {', '.join(self.known) or 'none'}{hint}")


# -- bus --------------------------------------------------------------------------------------


class BusError(BethError):
    """Something between a process and its bus."""

    code = "bus"


class BusUnavailable(BusError):
    """The bus cannot be reached, or refuses; trying again may help."""

    code = "bus_unavailable"


class LeaseLost(BusError):
    """The delivery's lease ran out and the task was handed to another worker."""

    code = "lease_lost"

    def __init__(self, queue: str, key: str) -> None:
        self.queue = queue
        self.key = key
        super().__init__(f"the delivery of {key} on {queue} now belongs to another worker")


class CursorExpired(BusError):
    """Messages after `cursor` were trimmed from `topic`; `oldest` is the first cursor that can be read after.

    Whoever must not miss anything reads the journals instead; whoever only watches goes on from `oldest`.
    """

    code = "cursor_expired"

    def __init__(self, topic: str, cursor: str, oldest: str) -> None:
        self.topic = topic
        self.cursor = cursor
        self.oldest = oldest
        super().__init__(
            f"{topic}: messages after cursor {cursor} were trimmed; the oldest that can be read is {oldest}"
        )


# -- journal ----------------------------------------------------------------------------------


class JournalError(BethError):
    """Something between a process and its journal."""

    code = "journal"


class JournalUnavailable(JournalError):
    """The journal cannot be reached, or refuses; trying again may help."""

    code = "journal_unavailable"


class Held(JournalError):
    """`holder` holds the stream under `epoch` for another `remaining` seconds unless it renews or drops it."""

    code = "held"

    def __init__(self, stream: str, holder: str, epoch: int, remaining: float) -> None:
        self.stream = stream
        self.holder = holder
        self.epoch = epoch
        self.remaining = remaining
        super().__init__(f"{stream} is held by {holder} under epoch {epoch} for another {remaining:.1f} s")


class HoldLost(JournalError):
    """The hold was under `epoch`; the stream is at `current`. Whoever sees this is fenced and must stop."""

    code = "fenced"

    def __init__(self, stream: str, epoch: int, current: int) -> None:
        self.stream = stream
        self.epoch = epoch
        self.current = current
        super().__init__(f"{stream}: epoch {epoch} is over, the stream is at epoch {current}")


class StreamArchived(JournalError):
    """The stream was archived: it can be read, and takes no more facts."""

    code = "archived"

    def __init__(self, stream: str) -> None:
        self.stream = stream
        super().__init__(f"{stream} is archived and takes no more facts")


class JournalMismatch(JournalError):
    """A replay met another step than the one in the journal, so going on would mix two versions of the agent."""

    code = "journal_mismatch"

    def __init__(self, step: str, recorded: str, found: str, recorded_version: str, found_version: str) -> None:
        self.step = step
        self.recorded = recorded
        self.found = found
        self.recorded_version = recorded_version
        self.found_version = found_version
        super().__init__(
            f"step {step}: the journal has {recorded} (written by {recorded_version}), "
            f"the code asks for {found} (running {found_version})"
        )


class OutcomeTooLarge(JournalError):
    """A step's outcome has `size` bytes, over `limit`, and there is no workspace to keep it in."""

    code = "outcome_too_large"

    def __init__(self, step: str, size: int, limit: int) -> None:
        self.step = step
        self.size = size
        self.limit = limit
        super().__init__(
            f"step {step}: its outcome has {size:,} bytes; the limit is {limit:,}: return a reference instead"
        )


# -- agents -----------------------------------------------------------------------------------


class AgentError(BethError):
    """Raised by agent code to say how a task failed. `details` travels in the result's error."""

    code = "agent"

    def __init__(self, message: str, *, details: dict[str, object] | None = None) -> None:
        self.details = details or {}
        super().__init__(message)


class Retryable(AgentError):
    """The attempt failed and another may succeed. `after` is the least delay before it, in seconds."""

    code = "retryable"

    def __init__(self, message: str, *, after: float | None = None, details: dict[str, object] | None = None) -> None:
        self.after = after
        super().__init__(message, details=details)


class Fatal(AgentError):
    """The task failed and trying again cannot help."""

    code = "fatal"


class Rejected(AgentError):
    """The task is not one this agent does (its type, expiry, version); it ends `rejected`."""

    code = "rejected"

    def __init__(self, message: str, *, code: str = "rejected", details: dict[str, object] | None = None) -> None:
        self.code = code
        super().__init__(message, details=details)


LimitedBy: TypeAlias = Literal["budget", "manifest"]
"""Whose limit it is: of the task's budget, of which more may be had, or of the role's manifest."""


def limit_details(by: LimitedBy, dimension: str, spent: float, wanted: float) -> dict[str, object]:
    """The details of an error with the code `cost_limit`, `token_limit` or `time_limit`, by which whoever published the
    task sees whether it can go on with a larger budget: `spent` so far and, beside that, `wanted` for the next step,
    both in the unit of the `dimension`: `cost_usd`, `tokens` or `seconds`."""
    return {"limit": by, "dimension": dimension, "spent": spent, "wanted": wanted}


class BudgetExceeded(AgentError):
    """What is left of the task's money does not reach for its next step. All in US dollars: `wanted` for the step,
    `spent` so far (reservations of steps whose outcome is unknown included), the `limit`; `by` says whose that is.
    A task that lets it through ends `failed` with the code `cost_limit`."""

    code = "cost_limit"

    def __init__(self, step: str, wanted: float, spent: float, limit: float, *, by: LimitedBy = "manifest") -> None:
        self.step = step
        self.wanted = wanted
        self.spent = spent
        self.limit = limit
        self.by = by
        super().__init__(
            f"step {step} may cost {wanted:.4f} USD, and {spent:.4f} of {limit:.4f} USD are spent",
            details={**limit_details(by, "cost_usd", spent, wanted), "step": step, "of": limit},
        )


class CommandFailed(AgentError):
    """A CommandAgent's program failed. `exit_code` as its parent sees it (a signal's negative number), None where it
    was stopped or nobody knows. Another attempt runs it again only where its manifest says that this is safe."""

    code = "command_failed"

    def __init__(self, message: str, *, exit_code: int | None = None) -> None:
        self.exit_code = exit_code
        super().__init__(message)


class StepRaised(AgentError):
    """A step raised. `step` is its name, `error_type` and `error_message` what it raised, `retryable` whether the
    step may be run again in another attempt. The first time, `__cause__` is the exception itself; in a replay of a
    step that must not be repeated, the same error comes from the journal."""

    code = "step_raised"

    def __init__(self, step: str, error_type: str, error_message: str, *, retryable: bool) -> None:
        self.step = step
        self.error_type = error_type
        self.error_message = error_message
        self.retryable = retryable
        super().__init__(f"step {step}: {error_type}: {error_message}")
