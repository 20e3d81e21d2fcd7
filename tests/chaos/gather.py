"""What is known of a run once it is over: from the journal, the bus, the ledger and the logs."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from beth_sdk import schema
from beth_sdk.bus.base import BEGINNING, Bus
from beth_sdk.history import ENDED, PREFIX, STEP_DONE
from beth_sdk.journal.base import Journal
from beth_sdk.messages import Result
from tests.chaos import ledger
from tests.chaos.checker import Ended, Execution, History, Kept, Key, Outcome, StepRun

REQUESTS = "request/"
"""How the names of requests' streams begin."""

TOPICS = ("results.beth", "results.chaos")
"""Where results go: those of requests, and those of tasks that were published directly."""


async def gather(
    bus: Bus, journal: Journal, *, ledger_file: Path, logs: Iterable[Path], acknowledged: Iterable[Key] = ()
) -> History:
    """All that is known of a run. `acknowledged`: tasks whose publisher was told so, besides those that Beth says she
    published."""
    ended: list[Ended] = []
    outcomes: list[Outcome] = []
    async for stream in journal.streams(PREFIX):
        task = stream.removeprefix(PREFIX)
        async for entry in journal.read(stream):
            data = entry.fact.data
            if entry.fact.kind == ENDED:
                ended.append(Ended(task, data["continuation"], entry.epoch, data["result"]["status"]))
            elif entry.fact.kind == STEP_DONE and isinstance(data["outcome"], dict):
                outcomes.append(Outcome(task, data["name"], entry.epoch, data["outcome"]["run"]))
    published_by_beth, taken = await _of_requests(journal)
    logged = list(log_lines(logs))
    return History(
        acknowledged=frozenset(acknowledged) | published_by_beth,
        ended=ended,
        taken=taken,
        published=await _results(bus),
        outcomes=outcomes,
        step_runs=_step_runs(ledger_file),
        executions=[
            Execution(one["task"], one["continuation"], one["instance"], one["epoch"], one["at"])
            for one in ledger.read(ledger_file, "execute")
        ],
        kept=[
            Kept(one["task"], one["instance"], one["epoch"], one["asked"]) for one in ledger.read(ledger_file, "kept")
        ],
        fenced=Counter(line.get("refused", "request") for line in logged if line["message"] == "fenced"),
        errors=[f"{line['message']}: {line.get('error', line)}" for line in logged if line.get("level") == "error"],
    )


def log_lines(logs: Iterable[Path]) -> Iterable[dict[str, Any]]:
    """The records of log files in JSON; whatever else stands there is passed over."""
    for log in logs:
        for line in log.read_text("utf-8", "replace").splitlines() if log.exists() else []:
            if line.startswith("{"):
                try:
                    record = json.loads(line)
                except ValueError:
                    continue  # torn by a kill
                if isinstance(record, dict) and "message" in record:
                    yield record


async def _of_requests(journal: Journal) -> tuple[set[Key], list[Key]]:
    published: set[Key] = set()
    taken: list[Key] = []
    async for stream in journal.streams(REQUESTS):
        async for entry in journal.read(stream):
            data = entry.fact.data
            if entry.fact.kind == "publishing":
                published.add((data["task"]["id"], data["task"].get("continuation", 0)))
            elif entry.fact.kind == "taken":
                taken.append((data["result"]["task_id"], data["result"].get("continuation", 0)))
    return published, taken


async def _results(bus: Bus) -> Mapping[Key, frozenset[str]]:
    """A digest of each different result that was ever published, by key."""
    found: dict[Key, frozenset[str]] = {}
    for topic in TOPICS:
        cursor = BEGINNING
        while page := await bus.read(topic, cursor, limit=1000):
            cursor = page[-1][0]
            for _, message in page:
                result = schema.decode(Result, message.body)
                digest = hashlib.sha256(message.body).hexdigest()
                key = (result.task_id, result.continuation)
                found[key] = found.get(key, frozenset()) | {digest}
    return found


def _step_runs(ledger_file: Path) -> list[StepRun]:
    runs: dict[str, StepRun] = {}
    for one in ledger.read(ledger_file, "step begins", "step done"):
        known = runs.get(one["run"])
        began = known.began if known else one["number"]
        done = one["number"] if one["what"] == "step done" else None
        runs[one["run"]] = StepRun(one["task"], one["step"], one["epoch"], one["run"], began, done)
    return list(runs.values())
