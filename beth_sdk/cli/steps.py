"""What the steps of an agent mean, told by the package that takes them: entry points of the group `beth.steps`.

Each names a function that takes the settings and a task's id and returns a `StepTeller`; it is asked about every step
of that task, in order. So `beth log` shows what a model said without the SDK knowing what a model is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from beth_sdk.entry_points import entry_points, load_entry_point, reason_of
from beth_sdk.errors import PluginError
from beth_sdk.settings import Settings

GROUP = "beth.steps"

Data: TypeAlias = Mapping[str, Any]


class StepTeller(Protocol):
    """Puts the steps of one task into words. `data` is what the journal has of a step: `name`, `n`, and for one that is
    done `outcome`, `seconds`, `usage`."""

    async def whole(self, data: Data) -> Data:
        """The same with what the package keeps elsewhere in its place; `data` itself where there is nothing such.

        Raises whatever says why it cannot be had."""
        ...

    def lines(self, data: Data, *, full: bool) -> Sequence[str] | None:
        """What came of a step that is done: a line, and further ones that belong to it. None where the step is none of
        this package's. `full`: nothing is to be left out."""
        ...


class Tellers:
    """All that is installed, each asked in turn."""

    def __init__(self, tellers: Sequence[StepTeller], problems: Sequence[str] = ()) -> None:
        self._tellers = tellers
        self.problems = list(problems)
        """What is wrong with those that cannot be used, and with what they were asked."""

    @classmethod
    def installed(cls, settings: Settings, task_id: str) -> Tellers:
        """Those of all packages that are installed; a broken one is a problem, and no more."""
        found, broken = entry_points(GROUP)
        problems = [str(one) for one in broken]
        tellers: list[StepTeller] = []
        for one in found:
            try:
                tellers.append(load_entry_point(one)(settings, task_id))
            except PluginError as error:
                problems.append(str(error))
            except Exception as error:  # noqa: BLE001 - somebody else's code, and the log can be shown without it
                problems.append(f"{one.value}: {reason_of(error)}")
        return cls(tellers, problems)

    async def whole(self, data: Data) -> Data:
        """The step's data with all that is kept elsewhere in its place, as far as it can be had."""
        for teller in self._tellers:
            try:
                data = await teller.whole(data)
            except Exception as error:  # noqa: BLE001 - see above
                self.problems.append(f"step {data.get('name')}: {reason_of(error)}")
        return data

    def lines(self, data: Data, *, full: bool) -> Sequence[str] | None:
        """What the first package says that knows the step; None where none does."""
        for teller in self._tellers:
            try:
                found = teller.lines(data, full=full)
            except Exception as error:  # noqa: BLE001 - see above
                self.problems.append(f"step {data.get('name')}: {reason_of(error)}")
                continue
            if found is not None:
                return found
        return None
