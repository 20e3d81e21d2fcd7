"""What the journal says of requests."""

from __future__ import annotations

import heapq

from beth_agent_beth import requests
from beth_agent_beth.fold.state import RequestState
from beth_agent_beth.mcp import outputs
from beth_agent_beth.mcp.access import Access
from beth_agent_beth.mcp.caller import Caller
from beth_agent_beth.mcp.inputs import ListRequests, RequestStatus
from beth_agent_beth.mcp.report import SHORT, cut, status_of
from beth_agent_beth.orchestration.journaled import standings
from beth_agent_beth.orchestration.outcome import word_of
from beth_sdk.messages import timestamp


async def status(access: Access, arguments: RequestStatus, caller: Caller) -> outputs.Status:
    """One request. Raises `ConfigurationError` for one that does not exist."""
    del caller
    return status_of(await access.call(requests.read(access.journal, arguments.request_id)), access.trouble)


async def every(access: Access, arguments: ListRequests, caller: Caller) -> outputs.Requests:
    """The newest requests."""
    del caller
    return await access.call(_newest(access, arguments))


async def _newest(access: Access, arguments: ListRequests) -> outputs.Requests:
    found = [one async for one in standings(access.journal) if one.open or not arguments.only_open]
    chosen = heapq.nlargest(arguments.limit, found, key=lambda one: one.received_at or 0.0)
    rows = [_row(await requests.read(access.journal, one.id)) for one in chosen]
    return outputs.Requests(requests=rows, more=len(found) - len(rows))


def _row(state: RequestState) -> outputs.Row:
    return outputs.Row(
        request_id=state.id,
        status=word_of(state),
        description=cut(str(state.request["description"]), SHORT),
        received_at=timestamp(state.received_at),
        ended_at=None if state.ended_at is None else timestamp(state.ended_at),
    )
