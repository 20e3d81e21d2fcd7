"""A request as the fold of its facts. Everything that decides what happens next is kept ready, so that each input costs
the same however many tasks the request has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from beth_agent_beth.fold import facts, policy, questions
from beth_agent_beth.fold.budget import Budget, Slices
from beth_agent_beth.fold.funds import NO_MORE
from beth_agent_beth.fold.gates import Gate, makes_further
from beth_agent_beth.fold.landing import Landing, end_step, publish_step
from beth_agent_beth.fold.questions import Asked
from beth_agent_beth.fold.task_state import TaskState, cancelled, failed
from beth_sdk import schema
from beth_sdk.journal.base import Entry, Version
from beth_sdk.messages import FINAL_STATUSES, Result, Task

NOTHING = Version(0)
"""The version of a stream without facts."""

PLANNER = "0"
"""The number of the task that makes the plan; those of the plan count from 1."""


@dataclass(slots=True)
class RequestState(Landing):
    """The fold; `take_in` each entry in order."""

    version: Version = NOTHING
    request: Mapping[str, Any] = field(default_factory=dict)
    received_at: float = 0.0
    workflow: str | None = None
    planned: Sequence[Mapping[str, Any]] = ()
    """The tasks of the plan as it was made."""
    status: str = "received"
    """received, running, or the final status: complete, failed, cancelled."""
    reason: str = ""
    ended_at: float | None = None
    cancel_reason: str | None = None
    cancelled: dict[str, str] = field(default_factory=dict)
    """Published tasks that somebody cancelled one by one, with the reason."""
    paused: bool = False
    last_steer: Version = NOTHING
    """The newest cancel, pause or resume, to be passed on to the tasks."""
    passed_on: Version = NOTHING
    answers: dict[str, str] = field(default_factory=dict)
    """`task_id:continuation` → the first answer."""
    withheld: Mapping[str, Any] | None = None
    """`limit` in US dollars and `until` when tasks wait because of the day's limit; None while nothing does."""
    asked: dict[str, Asked] = field(default_factory=dict)
    """What Beth herself asked, by the question's id."""

    _about_money: Asked | None = None
    """The newest question about the budget, as long as it is open."""

    # -- what happened ------------------------------------------------------------------------

    def take_in(self, entry: Entry) -> None:
        """Fold one entry; entries come in order, and one that was folded already is passed over."""
        if entry.version <= self.version:
            return
        data = entry.fact.data
        match entry.fact.kind:
            case facts.RECEIVED:
                self._received(data["request"], entry.at)
            case facts.PLANNED:
                self._plan(data)
            case facts.PUBLISHING:
                self._published(data)
            case facts.TAKEN:
                self._taken(schema.parse(Result, data["result"]))
            case kind if kind in facts.ABOUT_WORK:
                self._work(kind, data)
            case facts.REDRIVEN:
                self._redriven(schema.parse(Task, data["task"]))
            case facts.ASKING | facts.ANSWERED:
                self._questions(entry.fact.kind, data)
            case facts.CANCEL | facts.PAUSE | facts.RESUME:
                self._steered(entry, data)
            case facts.PASSED_ON | facts.WITHHELD:
                self._noted(entry.fact.kind, data)
            case facts.ENDED:
                self.status, self.reason, self.ended_at = data["status"], data.get("reason", ""), entry.at
            case _:
                pass  # a later version's fact: kept, passed over
        self._see_what_is_moot()
        self.version = entry.version

    def _received(self, request: Mapping[str, Any], at: float) -> None:
        self.request, self.received_at = request, at
        if "policy" in request:
            self.policy = policy.of(request["policy"])
        self.budget = Budget.of(request.get("budget"))
        for one in request.get("team", ()):
            self.team.update(dict.fromkeys((one["role"], *one.get("aliases", ())), one))
        if "plan" not in request and request.get("workflow") == facts.AUTO:
            planner = TaskState(f"{self.id}.{PLANNER}", "plan", "beth", "plan", size="S")
            self.tasks[planner.id] = planner
            self.ready[planner.id] = None
            self._weigh(planner, +1)

    def _noted(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == facts.WITHHELD:
            self.withheld = data
        else:
            self.passed_on = Version(data["version"])

    def _plan(self, data: Mapping[str, Any]) -> None:
        self.workflow, self.status, self.planned = data["workflow"], "running", data["tasks"]
        self._add_planned(data["tasks"])
        for one in self.tasks.values():
            if one.gate:
                self.gates[one.id] = Gate(one.id, one.id, self.policy.gate.rounds)
        if self.cancel_reason is not None:
            self._cancel(self.tasks.values(), self.cancel_reason)

    def _published(self, data: Mapping[str, Any]) -> None:
        task = schema.parse(Task, data["task"])
        one = self.tasks.get(task.id)
        if one is None:  # a subtask that an agent wanted
            one = TaskState(task.id, data["name"], task.agent, task.type, parent=data["parent"], task=task)
            self._add_child(one, self.tasks[data["parent"]])
        one.task, one.status, self.withheld = task, "published", None
        self.ready.pop(task.id, None)
        self.to_continue.pop(task.id, None)
        self.outstanding[task.id] = None
        self._spending(one, task)
        self.steps.append(publish_step(task))

    def _taken(self, result: Result) -> None:
        one = self.tasks[result.task_id]
        one.result, one.status = result, result.status
        self.outstanding.pop(one.id, None)
        self._spent(one, result)
        if makes_further(one, result):
            self.steps.append(end_step(result))
        reason = self.cancelled.pop(one.id, None) if self.cancel_reason is None else self.cancel_reason
        shortage = self._shortage(one, result) if reason is None else None
        if shortage is not None:
            self._unfunded(one, shortage)
        elif result.final:
            self._final(one)
        elif reason is not None:  # it went on to ask before it saw that it was cancelled
            one.status = "asking"
            self._cancel([one], reason)
        elif result.status == "needs_input":
            one.status = "asking"
            self._see_whether_answered(one)
        else:
            one.status, one.earlier_children = "delegating", len(one.children)
            (self.to_delegate if result.tasks else self.to_continue)[one.id] = None

    def _final(self, one: TaskState) -> None:
        commit = self.branch.work_of(one.result) if one.result is not None else None
        if commit is not None:
            self.to_merge[one.id] = commit
            return
        self._ended(one)
        if one.resolves is not None:
            how = "committed nothing" if one.status == "complete" else f"is {one.status}"
            self._fail(self.tasks[one.resolves], "conflict", f"{one.name} ({one.id}), which was to resolve it, {how}")

    def _redriven(self, task: Task) -> None:
        # A person wants it tried again: what stopped it before does not stop it now.
        one = self.tasks[task.id]
        if one.status in FINAL_STATUSES:
            self._reopened(one)
        one.task, one.status, one.paused, one.accepted = task, "published", False, None
        self.cancelled.pop(one.id, None)
        self._funds_again()
        self.outstanding[task.id] = None
        self._spending(one, task)
        self.status, self.ended_at, self.reason = "running", None, ""

    def _questions(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == facts.ASKING:
            asked = Asked.from_json(data["question"])
            self.asked[asked.id] = asked
            self.undecided.pop(asked.about, None)
            if asked.kind == "budget":
                self._about_money = asked
            return
        key, text = str(data["key"]), str(data["text"])
        if key.startswith(questions.KEY):
            self._decided(self.asked.get(key.removeprefix(questions.KEY)), text, data)
        elif key not in self.answers:
            self.answers[key] = text
            one = self.tasks.get(key.rpartition(":")[0])
            if one is not None and one.status == "asking":
                self._see_whether_answered(one)

    def _decided(self, asked: Asked | None, text: str, data: Mapping[str, Any]) -> None:
        if asked is None or asked.answer is not None or self.ended:
            return
        asked.answer, asked.data = text, data
        if asked.kind == "gate":
            self._decided_gate(asked)
        elif asked.kind == "budget":
            self._no_more_money(self._decided_budget(asked))
        elif questions.word_of(text)[0] == questions.STOP:
            self.cancel_reason = "the plan was not approved"
            self._cancel(self.tasks.values(), self.cancel_reason)

    def _no_more_money(self, stopped: Sequence[TaskState]) -> None:
        for one in stopped:  # all of them before any ends: none goes on because another has ended
            one.status = "failed"
            if one.result is not None and not one.result.final:
                one.result = failed(one.result, NO_MORE)
        for one in stopped:
            self._final(one)

    # -- what people want ---------------------------------------------------------------------

    def _steered(self, entry: Entry, data: Mapping[str, Any]) -> None:
        self.last_steer = entry.version
        task_id = data.get("task_id")
        concerned = list(self.tasks.values() if task_id is None else self._with_subtasks(task_id))
        if entry.fact.kind == facts.CANCEL:
            reason = str(data.get("reason", ""))
            if task_id is None:
                self.cancel_reason = reason
            self._cancel(concerned, reason)
            return
        pausing = entry.fact.kind == facts.PAUSE
        if task_id is None:
            self.paused = pausing
        for one in concerned:
            one.paused = pausing
            if one.status == "asking":
                self._see_whether_answered(one)

    def _with_subtasks(self, task_id: str) -> Iterator[TaskState]:
        one = self.tasks.get(task_id)
        if one is not None:
            yield one
            for child in one.children:
                yield from self._with_subtasks(child)

    def _cancel(self, concerned: Iterable[TaskState], reason: str) -> None:
        """End those that nobody runs, because nobody else would; the others are to be told."""
        concerned = list(concerned)
        self._forget(concerned)
        for one in concerned:
            if one.status == "published":
                self.cancelled[one.id] = reason
            elif one.status in ("waiting", "asking", "delegating", "unfunded"):
                one.status = "cancelled"
                if one.result is not None:
                    one.result = cancelled(one.result, reason)
                self._final(one)

    def _made(self, one: TaskState) -> None:
        if self.cancel_reason is not None:
            self._cancel([one], self.cancel_reason)

    def _see_what_is_moot(self) -> None:
        """Where nobody is short any more, whether others brought something back or the short ones were cancelled,
        nobody is to be asked for more."""
        asked = self._about_money
        if asked is not None and (asked.answer is not None or not self.unfunded):
            asked.moot, self._about_money = asked.answer is None, None

    # -- what is so now -----------------------------------------------------------------------

    def _see_whether_answered(self, one: TaskState) -> None:
        assert one.result is not None
        if (not one.paused) if one.parked else (one.result.key in self.answers):
            self.to_continue[one.id] = None
        else:
            self.to_continue.pop(one.id, None)

    @property
    def ended(self) -> bool:
        return self.ended_at is not None

    @property
    def being_cancelled(self) -> bool:
        """Whether tasks that are to be cancelled have not ended yet."""
        return bool(self.outstanding) and (self.cancel_reason is not None or bool(self.cancelled))

    @property
    def questions(self) -> list[TaskState]:
        """Tasks that wait for a person's answer; parked ones are not among them."""
        return [
            one
            for one in self.tasks.values()
            if one.status == "asking"
            and not one.parked
            and one.result is not None
            and one.result.key not in self.answers
        ]

    @property
    def open_questions(self) -> list[Asked]:
        """What Beth herself asked that nobody answered yet."""
        return [] if self.ended else [one for one in self.asked.values() if one.open]

    @property
    def planner(self) -> TaskState | None:
        """The task that makes the plan; None where a workflow was named."""
        return self.tasks.get(f"{self.id}.{PLANNER}")

    @property
    def edited(self) -> Mapping[str, Any] | None:
        """The plan that a person put in the place of the one that was asked about."""
        found = [one.data["plan"] for one in self.asked.values() if one.kind == "plan" and one.data.get("plan")]
        return found[-1] if found else None

    @property
    def proposal(self) -> Mapping[str, Any] | None:
        """The plan as it was asked for, made by the planner or edited by a person, as plain values that nobody has
        checked; None before there is one."""
        if self.edited is not None:
            return self.edited
        planner = self.planner
        if planner is None:
            return self.request.get("plan")
        made = planner.result.result if planner.result is not None and planner.status == "complete" else None
        plan = made.get("plan") if isinstance(made, Mapping) else None
        return plan if isinstance(plan, Mapping) else None

    def can_go_on(self, among: Iterable[str]) -> Iterator[TaskState]:
        """Those of these tasks that may be published now: all that nobody paused."""
        if not self.paused and self.cancel_reason is None:
            yield from (one for task_id in among if not (one := self.tasks[task_id]).paused)

    def gives(self, slices: Slices) -> bool:
        """Whether a task is published now. With nothing left it waits for what others bring back; where nobody does,
        it is tried all the same, because it may cost nothing."""
        return slices.some or not (self.budget.given or any(self.can_go_on(self.unfunded)))

    def accepts(self, result: Result) -> bool:
        """Whether a result counts: of the newest continuation of a task of this request, and the first that does."""
        one = self.tasks.get(result.task_id)
        if one is None or one.id not in self.outstanding or result.request_id not in (None, self.id):
            return False
        return result.continuation == one.continuation
