"""One delivery of a task with a model: the frame, then turn by turn until the model finishes or a limit ends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from beth_kit.context import KitContext
from beth_kit.loop.answering import FINISH, Answering
from beth_kit.loop.conversation import Conversation
from beth_kit.loop.ended import Ended
from beth_kit.loop.equipment import Equipment
from beth_kit.loop.framing import Framing
from beth_kit.loop.limits import Limits
from beth_kit.loop.progress import Progress
from beth_kit.loop.role import Role
from beth_kit.loop.turn import Turns
from beth_kit.model.base import ContextOverflow, Message, ModelRefused, UnknownPrice
from beth_kit.model.recording import NotRecorded
from beth_sdk.agent import Context
from beth_sdk.errors import BudgetExceeded, StepRaised
from beth_sdk.messages import Artifact, Result, Task, Verdict

_FINAL = {one.__name__: one for one in (ModelRefused, NotRecorded, UnknownPrice)}
"""What a provider says for good, by the name that the journal has for it."""


class Running:
    """The loop."""

    def __init__(self, agent: Role, equipment: Equipment, task: Task, ctx: Context) -> None:
        self._agent = agent
        self._ctx: KitContext = equipment.context(task, ctx)
        self._limits = Limits.of(agent.manifest, equipment.settings, task)
        self._framing = Framing(agent, equipment, self._ctx)

    async def run(self) -> Result:
        """Do the task; returns its result. Raises what suspends or hands over the task, and errors of the model."""
        try:
            return await self._until_finished()
        except Ended as ended:
            return await self._failed(ended)
        except BudgetExceeded as error:
            return await self._failed(Ended(error.code, f"the task's limit is reached: {error}", error.details))
        except StepRaised as error:
            if error.error_type == ContextOverflow.__name__:
                return await self._failed(Ended("context_overflow", error.error_message))
            if error.error_type in _FINAL:
                raise _FINAL[error.error_type](error.error_message) from error
            raise
        finally:
            await self._framing.close()

    async def _until_finished(self) -> Result:
        frame = await self._framing.frame()
        conversation = Conversation(frame)
        progress = Progress(since=self._ctx.clock.monotonic())
        turns = Turns(conversation, progress, frame, self._limits, self._ctx)
        answering = Answering(self._agent, self._framing.tools(frame), progress, self._limits, self._ctx)
        while True:
            turn = await turns.take()
            if turn is None:
                continue
            calls = conversation.replied(turn.message)
            if turn.stop == "refusal":
                raise Ended("model_refused", f"the model refuses the task: {_words(turn.message)}")
            for call in calls:
                reply = await answering.answer(call, turn)
                conversation.answered(call, reply)
                if call.name == FINISH and not reply.error:
                    return self._complete(reply.data)

    # -- results ------------------------------------------------------------------------------

    def _complete(self, finished: Mapping[str, Any]) -> Result:
        result = finished["result"]
        return Result.complete(result, artifacts=self._artifacts(finished["commit"]), verdict=_verdict(result))

    async def _failed(self, ended: Ended) -> Result:
        failed = Result.failed(ended.code, str(ended))
        if ended.details and failed.error is not None:
            failed = failed.with_(error={**failed.error.to_json(), "details": ended.details})
        artifacts = self._artifacts(await self._ctx.workspace.committed())
        return failed.with_(artifacts=artifacts) if artifacts else failed

    def _artifacts(self, commit: str | None) -> list[Artifact]:
        """The task's last commit, where it made one."""
        if commit is None:
            return []
        workspace = self._ctx.workspace
        return [Artifact(kind="git", uri=workspace.repository_path.as_uri(), ref=workspace.reference, commit=commit)]


def _verdict(result: Any) -> Verdict | None:
    """What a result says as a gate's."""
    if not isinstance(result, dict) or "verdict" not in result:
        return None
    try:
        return Verdict.model_validate(result["verdict"])
    except ValidationError:
        return None


def _words(message: Message) -> str:
    content = message.get("refusal") or message.get("content")
    return content if isinstance(content, str) else "it gave no reason"
