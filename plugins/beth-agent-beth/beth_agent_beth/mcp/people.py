"""What the user says of a request that is under way: an answer, a note, that it is not wanted any more."""

from __future__ import annotations

from beth_agent_beth import requests
from beth_agent_beth.mcp import outputs
from beth_agent_beth.mcp.access import Access
from beth_agent_beth.mcp.caller import Caller
from beth_agent_beth.mcp.inputs import AnswerQuestion, CancelRequest, TellTask
from beth_sdk.cli.options import Ports
from beth_sdk.cli.tell import leave_note


async def answer(access: Access, arguments: AnswerQuestion, caller: Caller) -> outputs.Answered:
    """Answer a question. Raises `ConfigurationError` where nothing is asked, or the answer is no option."""
    del caller
    counted = await access.call(requests.answer(access.bus, access.journal, arguments.id, arguments.text))
    request_id = requests.request_of(arguments.id)
    if counted:
        told = f"The answer counts, and the work goes on: call watch_request with {request_id}."
    else:
        told = f"Somebody had answered before, and the first answer counts: call watch_request with {request_id}."
    return outputs.Answered(id=arguments.id, counted=counted, next=told)


async def cancel(access: Access, arguments: CancelRequest, caller: Caller) -> outputs.Cancelled:
    """Cancel a request, or a task. Raises `ConfigurationError` for what does not exist or has ended."""
    del caller
    await access.call(requests.cancel(access.bus, access.journal, arguments.id, arguments.reason))
    request_id = requests.request_of(arguments.id)
    return outputs.Cancelled(
        id=arguments.id,
        next=f"What runs is being stopped; request_status of {request_id} says when it has ended. What was committed "
        "stays.",
    )


async def tell(access: Access, arguments: TellTask, caller: Caller) -> outputs.Told:
    """Leave a note for a task. Raises `ConfigurationError` for one that does not exist, `BethError` for one that has
    ended."""
    del caller
    _, task = await access.call(requests.find_task(access.journal, arguments.task_id))
    both = Ports(access.bus, access.journal)
    await access.call(leave_note(both, task.id, arguments.text, [task.agent]))
    return outputs.Told(task_id=task.id, next=f"{task.agent} sees the note from its next step on.")
