"""A command with network is not run twice: where its worker was killed in it, the model is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from beth_sdk.history import STEP_STARTED
from tests.kit.evidence import place_of
from tests.kit.play import Reply, call, finish
from tests.kit.runs import running

ORDER = "echo before >>log; exec 3<>/dev/tcp/127.0.0.1/{port}; echo order >&3; cat <&3; sleep 1000"


class Shop:
    """A server that counts what is ordered: an effect outside, which nobody can take back."""

    port: int
    orders = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.orders += await reader.readline() == b"order\n"
        writer.close()


@pytest.mark.slow
async def test_a_command_with_network_that_was_cut_is_told_to_the_model_and_not_repeated(folder: Path) -> None:
    shop = Shop()

    def script(turn: int, _: list[Mapping[str, Any]]) -> Reply:
        if turn == 0:
            return call(turn, "bash", command=ORDER.format(port=shop.port))
        return call(turn, "bash", command="cat log") if turn == 1 else finish(turn)

    async with shop.open(), running(folder / "run", script, network="open") as run:
        await run.until(lambda: shop.orders == 1, "an order")
        assert [place_of(entry) for entry in run.entries if entry.fact.kind == STEP_STARTED][-1] == ("bash", 0)
        await run.kill_now()
        found = await run.evidence()
    assert shop.orders == 1
    assert [one.turn for one in found.calls] == [0, 1, 2]
    assert "cut off when its worker died" in found.calls[1].said
    assert "may have happened" in found.calls[1].said
    assert "No such file" in found.outcomes["bash", 1]["reply"]["text"], "the workspace is as it was before the call"
    assert found.result.status == "complete"
