"""Gates: tasks whose verdict sends work back to be fixed and looks again, until it is content or a person decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beth_agent_beth.fold.policy import Policy
from beth_agent_beth.fold.questions import ACCEPT, AGAIN, Asked, word_of
from beth_agent_beth.fold.task_state import TaskState
from beth_agent_beth.fold.tasks import Tasks
from beth_sdk.messages import Result


@dataclass(slots=True)
class Gate:
    """How far a gate of the plan has come, over all its rounds. `allowed`: fixes before a person is asked."""

    id: str
    """Its task of the plan; every later round has a task of its own."""
    newest: str
    allowed: int
    fixes: int = 0
    rounds: int = 1
    """How often it looked, or is to look."""
    passed: bool = False
    unlocked: bool = False
    """Whether those that need it were let go on; a gate may pass more than once."""
    hint: str = ""
    """What a person wants to have said to whoever fixes next."""
    said: str = ""
    """The newest round that ended with a verdict; empty before the first did."""
    missed: str | None = None
    """A fix that another gate asked for and that came while this one was looking: it has to look once more."""


@dataclass(slots=True)
class Gates(Tasks):
    """Tasks, of which some are gates."""

    policy: Policy = field(default_factory=Policy)
    team: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Who can play a role, by role and alias, as far as that is known; empty: nobody knows."""
    gates: dict[str, Gate] = field(default_factory=dict)
    undecided: dict[str, None] = field(default_factory=dict)
    """Gates that are not satisfied after all their rounds, of which a person was not asked yet."""

    def gate_of(self, one: TaskState) -> Gate | None:
        """The gate that a task is a round of."""
        return self.gates.get(one.again_of or one.id)

    def settled(self, one: TaskState) -> bool:
        """Whether a task stands in the way of no complete request."""
        gate = self.gate_of(one)
        if gate is None:
            return one.status == "complete"
        if one.id == gate.id:
            newest = self.tasks[gate.newest]
            return gate.passed or (newest is not one and newest.status != "complete")  # the newest tells it then
        return one.status == "complete" or one.id != gate.newest

    def _ended(self, one: TaskState) -> None:
        # Not by super(): a dataclass with slots is made anew, and would not find itself.
        Tasks._ended(self, one)
        if one.status != "complete":
            return
        if one.fixes is not None:
            self._fixed(one)
            return
        gate = self.gate_of(one)
        if gate is None:
            self._unlock(one.id)
        elif one.id == gate.newest:
            missed, gate.missed, gate.said = gate.missed, None, one.id
            if one.refuses:
                self._refused(gate, one)
            elif missed is not None:
                self._look_again(gate, self.tasks[missed])
            else:
                self._passed(gate)

    def _passed(self, gate: Gate) -> None:
        gate.passed = True
        self.undecided.pop(gate.id, None)
        if not gate.unlocked:
            gate.unlocked = True
            self._unlock(gate.id)

    def _refused(self, gate: Gate, one: TaskState) -> None:
        gate.passed = False
        if gate.fixes < gate.allowed and self._fixer(gate) is not None:
            self._send_back(gate, one)
        else:
            self.undecided[gate.id] = None

    def told_by(self, name: str) -> TaskState:
        """The task whose result tells what came of a task of this name: of a gate, its newest round with a verdict."""
        one = self.tasks[self.id_of(name)]
        gate = self.gates.get(one.id)
        return self.tasks[gate.said] if gate is not None and gate.said else one

    def _fixer(self, gate: Gate) -> tuple[str, str] | None:
        """Role and type of the fixing task; None where nobody plays that role."""
        base = self.tasks[gate.id]
        found = base.fix or (self.policy.gate.fix.agent, self.policy.gate.fix.type)
        return found if self.plays(found[0]) else None

    def fixing_role(self, gate: Gate) -> str | None:
        """The role that would fix what a gate finds; None where nobody plays it."""
        fixer = self._fixer(gate)
        return None if fixer is None else fixer[0]

    def plays(self, role: str) -> bool:
        """Whether somebody plays a role, as far as that is known."""
        return not self.team or role in self.team

    def _send_back(self, gate: Gate, refusing: TaskState) -> None:
        fixer, base = self._fixer(gate), self.tasks[gate.id]
        assert fixer is not None
        gate.fixes += 1
        number = f"-{gate.fixes}" if gate.fixes > 1 else ""
        fix = self._add_further(f"{base.name}-fix{number}", *fixer, needs=(*base.needs, refusing.name))
        fix.fixes, fix.round, fix.hint, fix.size = refusing.id, gate.fixes, gate.hint, "M"
        fix.paused, gate.hint = refusing.paused, ""
        self._made(fix)

    def _fixed(self, fix: TaskState) -> None:
        assert fix.fixes is not None
        gate = self.gate_of(self.tasks[fix.fixes])
        assert gate is not None
        self._look_again(gate, fix)
        for name in self.tasks[gate.id].recheck:
            other = self.gates.get(self.id_of(name))
            if other is not None:
                self._look_after(other, fix)

    def _look_after(self, other: Gate, fix: TaskState) -> None:
        """Have another gate look at what was fixed, unless it is still to look at it anyway."""
        newest = self.tasks[other.newest]
        if other.passed:
            self._look_again(other, fix)
        elif newest.task is not None and not newest.refuses:
            other.missed = fix.id

    def _look_again(self, gate: Gate, fix: TaskState) -> None:
        base = self.tasks[gate.id]
        gate.rounds += 1
        gate.passed = False
        needs = (*base.needs, fix.name)
        again = self._add_further(f"{base.name}-{gate.rounds}", base.agent, base.type, needs=needs)
        again.gate, again.again_of, again.round = True, gate.id, gate.rounds
        again.description, again.size, again.paused = base.description, base.size, fix.paused
        gate.newest = again.id
        self._made(again)

    # -- what a person decides ----------------------------------------------------------------

    def _decided_gate(self, asked: Asked) -> None:
        gate = self.gates.get(asked.about)
        if gate is None or gate.passed or asked.answer is None:
            return
        word, hint = word_of(asked.answer)
        if word == ACCEPT:
            self._passed(gate)
        elif word == AGAIN and self._fixer(gate) is not None:
            gate.allowed, gate.hint = gate.fixes + 1, hint
            self._send_back(gate, self.tasks[gate.newest])


def makes_further(one: TaskState, result: Result) -> bool:
    """Whether a result of a task may make further tasks necessary, which are numbered as they become known."""
    return result.status == "complete" and (one.gate or one.fixes is not None)
