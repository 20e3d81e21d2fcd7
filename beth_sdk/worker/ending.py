"""How a delivery ends: its result appended, published and acknowledged, in this order, or the task given back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from beth_sdk import dead_letters, retry, schema, trace
from beth_sdk import history as facts
from beth_sdk.bus.base import Delivery
from beth_sdk.errors import ContractError
from beth_sdk.hookspecs import ResultRecord
from beth_sdk.journal.base import Fact
from beth_sdk.logs import Log
from beth_sdk.messages import CONTRACT_VERSION, Result, timestamp
from beth_sdk.publish import publish_result
from beth_sdk.worker import results
from beth_sdk.worker.insist import insist
from beth_sdk.worker.stream import TaskStream
from beth_sdk.worker.surroundings import Surroundings


class Ending:
    """The ends of a delivery; it takes one. Each raises `HoldLost`, but not once it has published."""

    def __init__(self, around: Surroundings, delivery: Delivery, stream: TaskStream, log: Log) -> None:
        self.usage: dict[str, Any] = {}
        """What the result says was used up, once there is one."""
        self._around = around
        self._delivery = delivery
        self._stream = stream
        self._task = stream.task
        self._log = log
        self._traceparent = delivery.headers.get(trace.HEADER)

    async def end(self, result: Result, *, dead: str | None = None) -> str:
        """Append `ended`, publish exactly that, acknowledge. `dead`: why the task is to be kept as a dead letter.
        Returns the status it ended in."""
        final, dead = self._signed_or_refused(result, dead)
        data = {
            "continuation": self._task.continuation,
            "result": final.to_json(),
            "seconds": round(self._stream.seconds, 3),
            **({"dead": dead} if dead else {}),
        }
        await self._stream.append([Fact(facts.ENDED, data)], key="ended")
        await self._deliver(final, dead)
        return final.status

    async def fail(self, error: BaseException) -> str:
        """The attempt failed: give the task back for another after a while, or give it up. Returns the outcome."""
        stream = self._stream
        attempt = stream.failed + 1
        decision = self.decide(error, failed=stream.failed if stream.progressed else attempt, epoch=stream.epoch)
        description = results.describe(error)
        if isinstance(decision, retry.GiveUp):
            self._log.error("failed", error=description.message, code=description.code, reason=decision.reason)
            return await self.end(results.failed(error), dead=decision.reason)
        again_in = round(decision.delay, 3)
        self._log.warning("attempt failed", error=description.message, attempt=attempt, again_in=again_in)
        data = {
            "continuation": self._task.continuation,
            "error": description.to_json(),
            "seconds": round(stream.seconds, 3),
            "again_in": again_in,
        }
        await stream.append([Fact(facts.FAILED, data)], key="failed")
        await self._give_back(decision.delay)
        return "retry"

    def decide(self, error: BaseException | None, *, failed: int, epoch: int) -> retry.TryAgain | retry.GiveUp:
        """What is to be done about a task of which `failed` attempts failed, the last with `error` under `epoch`."""
        around = self._around
        return retry.decide(
            error,
            attempt=failed,
            max_attempts=self._task.max_attempts or around.terms.max_attempts,
            epoch=epoch,
            backoff=around.terms.backoff,
            random=around.random,
        )

    async def hand_over(self) -> str:
        """Give the task back at once, so that another worker goes on with it. Returns the outcome."""
        data = {"continuation": self._task.continuation, "seconds": round(self._stream.seconds, 3)}
        await self._stream.append([Fact(facts.HANDED_OVER, data)], key="handed_over")
        self._around.events.emit("handed_over", self._task, self._around.terms.instance, traceparent=self._traceparent)
        await self._give_back(0)
        return "handed_over"

    async def publish_again(self) -> None:
        """The task had ended, and perhaps its result was never published, nor its dead letter: both again."""
        ended = self._stream.history.ended[self._task.continuation]
        self._log.info("ended before; its result is published again")
        await self._stream.let_go()
        await self._deliver(schema.parse(Result, ended["result"]), ended.get("dead"))

    async def pass_over(self) -> None:
        """The task has gone on as a newer continuation: acknowledge without effect."""
        await self._stream.let_go()
        await self._stream.drop()
        await self._insist("ack", lambda: self._around.bus.ack(self._delivery))

    # -- inside -------------------------------------------------------------------------------

    async def _deliver(self, result: Result, dead: str | None) -> None:
        hooks, bus = self._around.hooks, self._around.bus
        if dead is not None:
            await self._insist("dead letter", lambda: self._bury(dead, result))
        topic = self._task.reply_to or self._around.terms.publish_topic
        trace_id = trace.trace_id(self._traceparent)
        record = ResultRecord(topic, result.key, result.status, self._task.request_id, self._task.agent, trace_id)
        hooks.emit("before_result", record)
        # The hold is dropped with the publish, so that a continuation finds the stream free.
        await asyncio.gather(
            self._stream.drop(),
            self._insist("result", lambda: publish_result(bus, topic, result, traceparent=self._traceparent)),
        )
        hooks.emit("after_result", record)
        await self._insist("ack", lambda: bus.ack(self._delivery))

    async def _bury(self, reason: str, result: Result) -> None:
        stream = self._stream
        await dead_letters.bury(
            self._around.bus,
            self._delivery.queue,
            self._delivery.body,
            reason,
            self._around.clock,
            task=self._task,
            history=[one.to_json() for one in stream.history.attempts(self._task.continuation, stream.epoch)],
            error=result.error.to_json() if result.error else None,
        )

    async def _give_back(self, delay: float) -> None:
        await self._stream.drop()
        await self._insist("release", lambda: self._around.bus.release(self._delivery, delay=delay))

    async def _insist(self, what: str, operation: Callable[[], Awaitable[object]]) -> None:
        await insist(self._around.clock, self._log, what, operation)

    def _signed_or_refused(self, result: Result, dead: str | None) -> tuple[Result, str | None]:
        """The result as it travels; where it cannot travel, a failed one that says why, and a reason to keep it."""
        try:
            final = self._signed(result)
            schema.encode(final)
        except (ContractError, ValueError, TypeError) as error:
            self._log.error("the result cannot be sent", error=str(error))
            final = self._signed(results.unsendable(error))
            dead = dead or str(error)
        self.usage = final.usage.to_json() if final.usage else {}
        return final, dead

    def _signed(self, result: Result) -> Result:
        """The result with whose it is, and with the seconds the task ran in all its attempts."""
        stream = self._stream
        document = result.to_json()
        seconds = round(stream.history.seconds + stream.seconds, 3)
        signature = {
            "task_id": self._task.id,
            "agent": self._task.agent,
            "instance": self._around.terms.instance,
            "epoch": stream.epoch,
            "attempt": stream.failed + 1,
            "continuation": self._task.continuation,
            "timestamp": timestamp(self._around.clock.wall()),
            "schema_version": CONTRACT_VERSION,
            "usage": _all_in_all({**stream.history.usage, "seconds": seconds}, document.get("usage") or {}),
        }
        if self._task.request_id is not None:
            signature["request_id"] = self._task.request_id
        return schema.parse(Result, {**document, **signature})


def _all_in_all(counted: Mapping[str, float], told: Mapping[str, Any]) -> dict[str, Any]:
    """What the journal counted, and what the agent says it used up besides. It can only know of more than was counted:
    an attempt that died, or an earlier continuation, is not in what this one knows."""
    used: dict[str, Any] = {**counted, **told}
    for name, amount in counted.items():
        own = told.get(name)
        used[name] = amount if own is None else max(amount, own)
    return used


async def refuse_unreadable(around: Surroundings, delivery: Delivery, error: ContractError) -> None:
    """Bytes that are no task of this contract: keep them as they were, and answer where an answer can be sent."""
    around.log.error("not a task of this contract", key=delivery.key, error=str(error))
    await dead_letters.bury(
        around.bus,
        delivery.queue,
        delivery.body,
        str(error),
        around.clock,
        error=results.describe(error).to_json(),
        headers=dict(delivery.headers),
    )
    salvaged = results.for_unreadable(delivery.body, error, timestamp(around.clock.wall()))
    if salvaged is not None:
        topic, result = salvaged
        traceparent = delivery.headers.get(trace.HEADER)
        await publish_result(around.bus, topic or around.terms.publish_topic, result, traceparent=traceparent)
    await around.bus.ack(delivery)
