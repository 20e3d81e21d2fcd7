"""One delivery of one task: take → execute → ended → publish → ack, in that order and no other.

Lives on the bus's loop, and is the `Link` of the context that runs on the agent's loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from beth_sdk import retry, schema, trace
from beth_sdk.agent import Fenced, HandedOver, Signal, Suspended, TaskCancelled, TaskPaused
from beth_sdk.bus.base import Delivery
from beth_sdk.errors import ContractError, Held, HoldLost, Rejected, StreamArchived
from beth_sdk.hookspecs import TaskRecord
from beth_sdk.journal.base import Fact, Hold
from beth_sdk.messages import EventKind, Result, Task, parse_timestamp
from beth_sdk.publish import JOURNAL_HEADER
from beth_sdk.worker import results
from beth_sdk.worker.admission import admit, check_output
from beth_sdk.worker.context import TaskContext
from beth_sdk.worker.ending import Ending, refuse_unreadable
from beth_sdk.worker.execution import Execution
from beth_sdk.worker.limits import out_of_time, to_be_continued, wall_of
from beth_sdk.worker.stream import TaskStream
from beth_sdk.worker.surroundings import Surroundings


class TaskRun:
    """From a delivery to its end. `process` raises what the ports refuse for good; the delivery then comes again."""

    task: Task
    """Known once the bytes were read."""
    _stream: TaskStream
    _ending: Ending

    def __init__(self, around: Surroundings, delivery: Delivery) -> None:
        self.delivery = delivery
        self._around = around
        self._log = around.log
        self._traceparent = delivery.headers.get(trace.HEADER)
        self._execution = Execution(around.agent_loop, around.clock)
        self._taken = False
        self._fenced = False

    @property
    def hold(self) -> Hold | None:
        """The hold under which the task runs; None before it was taken, and once it was given up."""
        return self._stream.hold if self._taken and not self._stream.dropped else None

    @property
    def taken(self) -> bool:
        """Whether this delivery got the task, and has to be kept until it ends."""
        return self._taken

    # -- the delivery's life ------------------------------------------------------------------

    async def process(self) -> None:
        """Do everything that is to be done about this delivery."""
        around = self._around
        try:
            self.task = schema.decode(Task, self.delivery.body)
        except ContractError as error:
            await refuse_unreadable(around, self.delivery, error)
            return
        self._log = self._log.bind(task_id=self.task.id, request_id=self.task.request_id)
        if (later := self._not_now()) > 0:
            await around.bus.release(self.delivery, delay=later)
            return
        self._stream = TaskStream(around, self.task, self._log)
        try:
            hold = await self._stream.take()
        except Held as held:
            # Somebody is at work on it. This copy comes back when that hold would have expired, and disturbs nobody.
            self._log.debug("held elsewhere", holder=held.holder, epoch=held.epoch)
            self._emit("log", f"held by {held.holder} for another {held.remaining:.0f} s unless it lets go", None)
            await around.bus.release(self.delivery, delay=held.remaining)
            return
        except StreamArchived:
            self._log.info("its journal is archived: the task ended long ago")
            await around.bus.ack(self.delivery)
            return
        self._taken = True
        self._log = self._log.bind(epoch=hold.epoch)
        self._ending = Ending(around, self.delivery, self._stream, self._log)
        try:
            await self._under_hold()
        except HoldLost as lost:
            self.fence(lost, "append")

    def _not_now(self) -> float:
        """Seconds after which the task is to come again, before anybody takes it; 0 where it can be taken."""
        theirs, ours = self.delivery.headers.get(JOURNAL_HEADER), self._around.journal.id
        if theirs is not None and theirs != ours:
            self._log.error(
                "the task is held in another journal; BETH_JOURNAL_URL differs between its publisher and this worker",
                theirs=theirs,
                ours=ours,
            )
            return self._around.terms.lease
        if self.task.not_before is None:
            return 0.0
        return parse_timestamp(self.task.not_before).timestamp() - self._around.clock.wall()

    async def _under_hold(self) -> None:
        history = await self._stream.read()
        if self.task.continuation in history.ended:
            await self._ending.publish_again()
        elif history.newest_continuation > self.task.continuation:
            await self._ending.pass_over()
        elif self._around.draining.is_set():
            await self._ending.hand_over()
        elif (undone := self._without_executing()) is None:
            await self._execute()
        elif isinstance(undone, Result):
            await self._ending.end(undone)
        elif isinstance(undone, retry.GiveUp):
            result = results.given_up(undone.reason, died=self._stream.failed > 0)
            await self._ending.end(result, dead=undone.reason)
        else:
            await self._ending.fail(undone)

    def _without_executing(self) -> Result | retry.GiveUp | Exception | None:
        """What becomes of a task that is not to be executed; None to execute it."""
        around, history = self._around, self._stream.history
        try:
            admit(self.task, around.manifest, around.terms.package_version, around.clock.wall())
        except Rejected as error:
            return results.rejected(error)
        except Exception as error:  # noqa: BLE001 - an agent's own schema file may be anything
            return error
        if history.cancel_reason is not None:
            return results.cancelled(history.cancel_reason)
        if history.paused:
            return results.paused()
        if (over := out_of_time(self.task, history.seconds)) is not None:
            return over
        decision = self._ending.decide(None, failed=self._stream.failed, epoch=self._stream.epoch - 1)
        return decision if isinstance(decision, retry.GiveUp) else None

    # -- executing ----------------------------------------------------------------------------

    async def _execute(self) -> None:
        around, stream = self._around, self._stream
        attempt = stream.failed + 1
        seen = {"epoch": stream.epoch, "attempt": attempt}
        around.events.emit("accepted", self.task, around.terms.instance, data=seen, traceparent=self._traceparent)
        self._log.info("taken", type=self.task.type, continuation=self.task.continuation, attempt=attempt)
        around.hooks.emit("before_task", self._record(attempt))
        outcome = "broken"  # what a port refuses for good leaves the task to its lease
        try:
            outcome = await self._settle(await self._run_agent())
        except HoldLost:
            outcome = "fenced"
            raise
        finally:
            seconds = round(stream.seconds, 3)
            self._log.info("over", outcome=outcome, seconds=seconds)
            around.hooks.emit("after_task", self._record(attempt, outcome=outcome, seconds=seconds))

    async def _run_agent(self) -> Result | BaseException:
        """Execute the task on the agent's loop; returns what came of it, whatever it is."""
        around, stream = self._around, self._stream
        context = TaskContext(
            self.task,
            around.manifest,
            stream.history,
            self,
            clock=around.clock,
            log=self._log,
            version=around.terms.version,
            trace_id=trace.trace_id(self._traceparent),
            epoch=stream.epoch,
        )
        stream.began = around.clock.monotonic()
        wall, by = wall_of(self.task, around.manifest)
        came_of_it = await self._execution.run(
            lambda: around.agent.execute(self.task, context), wall=wall, by=by, spent=stream.history.seconds
        )
        if isinstance(came_of_it, Result) and stream.history.cancel_reason is not None:
            return TaskCancelled(stream.history.cancel_reason)  # the agent may have seen it, and stopped halfway
        return came_of_it

    async def _settle(self, came_of_it: Result | BaseException) -> str:
        """Do what follows from how the execution ended; returns it in a word."""
        ending = self._ending
        match came_of_it:
            case HandedOver():
                return await ending.hand_over()
            case Fenced():
                return "fenced"
            case Suspended() as suspended:
                return await ending.end(results.suspended(suspended))
            case TaskPaused():
                return await ending.end(results.paused())
            case TaskCancelled() as cancelled:
                return await ending.end(results.cancelled(cancelled.reason))
            case Rejected() as rejected:
                return await ending.end(results.rejected(rejected))
            case HoldLost() as lost:
                raise lost
            case BaseException() as error if to_be_continued(self.task, error):
                return await ending.end(results.failed(error))
            case BaseException() as error:
                return await ending.fail(error)
            case result:
                flaw = self._flaw_of(result)
                return await ending.end(result) if flaw is None else await ending.fail(flaw)

    def _flaw_of(self, result: Result) -> Exception | None:
        """What is wrong with what the agent returned."""
        if not isinstance(result, Result):
            return results.not_a_result(result)
        if result.status == "complete":
            try:
                check_output(self.task, self._around.manifest, result.result)
            except Exception as error:  # noqa: BLE001 - an agent's own schema file may be anything
                return error
        return None

    # -- what happens to it from outside ------------------------------------------------------

    def interrupt(self, why: BaseException) -> None:
        """Stop the execution at once, by cancelling it; from the bus's loop. The first reason counts."""
        self._execution.interrupt(why)

    def fence(self, lost: HoldLost, refused: str) -> None:
        """Another worker has the task: stop, and say so once. `refused`: what was (`renewal` or `append`)."""
        if self._fenced:
            return
        self._fenced = True
        self._log.warning("fenced", epoch=lost.epoch, current_epoch=lost.current, refused=refused)
        self.interrupt(Fenced())

    async def look_again(self) -> None:
        """See what others wrote about the task, and cancel it at once if that is what they wrote.

        Raises `JournalUnavailable`.
        """
        if self.hold is None:
            return
        await self._stream.look()
        reason = self._stream.history.cancel_reason
        if reason is not None and self._execution.interrupted is None:
            self.interrupt(TaskCancelled(reason))

    # -- the link of the context --------------------------------------------------------------

    def stopping(self) -> Signal | None:
        """Why the task must stop at a step boundary."""
        interrupted, history = self._execution.interrupted, self._stream.history
        if isinstance(interrupted, Signal):
            return interrupted
        if history.cancel_reason is not None:
            return TaskCancelled(history.cancel_reason)
        if history.paused:
            return TaskPaused()
        return HandedOver() if self._around.draining.is_set() else None

    async def append(self, new: Sequence[Fact], *, key: str) -> None:
        """Journal facts under the hold; from the agent's loop."""
        await self._around.bus_loop.call(self._stream.append(new, key=key))

    def emit(self, kind: EventKind, message: str | None, data: dict[str, Any] | None) -> None:
        """Send an event; from the agent's loop."""
        self._around.bus_loop.loop.call_soon_threadsafe(self._emit, kind, message, data)

    def hook(self, name: str, record: object) -> None:
        """Show a record to the hook plugins."""
        self._around.hooks.emit(name, record)

    def _emit(self, kind: EventKind, message: str | None, data: dict[str, Any] | None) -> None:
        around = self._around
        around.events.emit(
            kind, self.task, around.terms.instance, message=message, data=data, traceparent=self._traceparent
        )

    def _record(self, attempt: int, *, outcome: str | None = None, seconds: float | None = None) -> TaskRecord:
        return TaskRecord(
            task_id=self.task.id,
            continuation=self.task.continuation,
            request_id=self.task.request_id,
            role=self.task.agent,
            type=self.task.type,
            instance=self._around.terms.instance,
            epoch=self._stream.epoch,
            attempt=attempt,
            trace_id=trace.trace_id(self._traceparent),
            outcome=outcome,
            seconds=seconds,
            usage=self._ending.usage,
        )
