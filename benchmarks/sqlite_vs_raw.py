"""The SQLite bus and journal beside raw sqlite3 that makes the same durable commits.

A task's life: published, handed out, held, ended, its result appended, done. Raw is five commits, one after the other,
by hand-written SQL in one thread; Beth's life has two more (the hold, and dropping it). Rounds alternate in one
process, so that whatever else the machine does meets all sides.

The worker's rows are no-op tasks through everything above: messages, hooks, worker thread, agent thread, events.

    python -m benchmarks.sqlite_vs_raw [--rounds 7] [--tasks 300] [--concurrent-tasks 3000] [--directory DIR] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import whole_path
from beth_sdk.bus.base import Message, Outgoing, Queue
from beth_sdk.bus.sqlite import SQLiteBus, open_bus
from beth_sdk.journal.base import Fact
from beth_sdk.journal.sqlite import SQLiteJournal, open_journal

BODY = b"x" * 500
FACT = {"result": "x" * 450}
QUEUE = "tasks.developer"
TOPIC = "results.beth"
CONCURRENCY = 100

RAW_TABLES = (
    "CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT, key TEXT, body BLOB)",
    "CREATE UNIQUE INDEX log_key ON log (channel, key)",
    "CREATE TABLE task (seq INTEGER PRIMARY KEY, queue TEXT, priority INTEGER, due REAL)",
    "CREATE INDEX task_ready ON task (queue, priority, seq) WHERE due IS NULL",
    "CREATE TABLE fact (stream TEXT, version INTEGER, data TEXT, PRIMARY KEY (stream, version))",
)

Figures = dict[str, float]


class Raw:
    """The least that is as durable: one connection, WAL, synchronous=FULL."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        for statement in RAW_TABLES:
            self.connection.execute(statement)

    def live(self, keys: list[str]) -> None:
        """The lives of several tasks, each stage of all of them in one commit."""
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        for key in keys:
            seq = run("INSERT INTO log (channel, key, body) VALUES (?, ?, ?)", (QUEUE, key, BODY)).lastrowid
            run("INSERT INTO task (seq, queue, priority) VALUES (?, ?, 2)", (seq, QUEUE))
        run("COMMIT")
        run("BEGIN IMMEDIATE")
        taken = run(
            "SELECT task.seq, key, body FROM task JOIN log USING (seq) WHERE queue = ? AND due IS NULL"
            " ORDER BY priority, task.seq LIMIT ?",
            (QUEUE, len(keys)),
        ).fetchall()
        for seq, _, _ in taken:
            run("UPDATE task SET due = ? WHERE seq = ?", (time.monotonic() + 60, seq))
        run("COMMIT")
        run("BEGIN IMMEDIATE")
        for _, key, _ in taken:
            run("INSERT INTO fact VALUES (?, 1, ?)", (f"task/{key}", json.dumps(FACT)))
        run("COMMIT")
        run("BEGIN IMMEDIATE")
        for _, key, _ in taken:
            run("INSERT INTO log (channel, key, body) VALUES (?, ?, ?)", (TOPIC, key, BODY))
        run("COMMIT")
        run("BEGIN IMMEDIATE")
        for seq, _, _ in taken:
            run("DELETE FROM task WHERE seq = ?", (seq,))
        run("COMMIT")


def measure_raw(path: Path, tasks: int, batch: int) -> Figures:
    """Lives one after the other, `batch` of them in each commit."""
    raw = Raw(path)
    keys = [f"task-{n}:0" for n in range(tasks)]
    latencies = []
    started = time.perf_counter()
    for first in range(0, tasks, batch):
        before = time.perf_counter()
        raw.live(keys[first : first + batch])
        latencies.append(time.perf_counter() - before)
    elapsed = time.perf_counter() - started
    raw.connection.close()
    return figures(latencies, tasks / elapsed)


async def live(bus: SQLiteBus, journal: SQLiteJournal, key: str) -> None:
    """A task's life on Beth's bus and journal; which of several tasks is received does not matter."""
    await bus.publish(QUEUE, Outgoing(key, BODY))
    [delivery] = await bus.receive([QUEUE], "worker", 60)
    hold = await journal.take(f"task/{delivery.key}", "worker", 60)
    await journal.append(hold.stream, [Fact("ended", FACT)], key="ended", hold=hold)
    await bus.append(TOPIC, Message(delivery.key, BODY))
    await bus.ack(delivery)
    await journal.drop(hold)


async def measure_beth(path: Path, tasks: int, concurrency: int) -> Figures:
    """Lives, `concurrency` of them at a time."""
    bus = await open_bus(f"sqlite:///{path}")
    journal = await open_journal(f"sqlite:///{path}")
    await bus.declare(Queue(QUEUE))
    keys: Iterator[str] = (f"task-{n}:0" for n in range(tasks))
    latencies = []

    async def work() -> None:
        for key in keys:
            before = time.perf_counter()
            await live(bus, journal, key)
            latencies.append(time.perf_counter() - before)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    elapsed = time.perf_counter() - started
    await journal.close()
    await bus.close()
    return figures(latencies, tasks / elapsed)


def measure_worker(path: Path, tasks: int, concurrency: int) -> Figures:
    """No-op tasks through a whole worker, from publish to its result."""
    latencies, rate = asyncio.run(whole_path.live(path, tasks, concurrency))
    return figures(latencies or [float("nan")], rate)


def figures(latencies: list[float], rate: float) -> Figures:
    """Milliseconds and tasks a second."""
    ordered = sorted(latencies)
    return {
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
        "tasks_per_second": rate,
    }


def measure(rounds: int, tasks: int, concurrent_tasks: int, directory: Path | None) -> dict[str, Figures]:
    """The median of every figure over all rounds."""
    sides: dict[str, Callable[[Path], Figures]] = {
        "raw, one outstanding": lambda path: measure_raw(path, tasks, 1),
        "beth, one outstanding": lambda path: asyncio.run(measure_beth(path, tasks, 1)),
        f"beth, {CONCURRENCY} concurrent": lambda path: asyncio.run(measure_beth(path, concurrent_tasks, CONCURRENCY)),
        "worker, one outstanding": lambda path: measure_worker(path, tasks, 1),
        f"worker, {CONCURRENCY} concurrent": lambda path: measure_worker(path, concurrent_tasks, CONCURRENCY),
        f"raw, {CONCURRENCY} in a commit": lambda path: measure_raw(path, concurrent_tasks, CONCURRENCY),
    }
    found: dict[str, list[Figures]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            with tempfile.TemporaryDirectory(dir=directory) as folder:
                found[name].append(side(Path(folder) / "beth.db"))
    return {
        name: {key: statistics.median(f[key] for f in all_of) for key in all_of[0]} for name, all_of in found.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tasks", type=int, default=300, help="tasks in a round with one outstanding")
    parser.add_argument("--concurrent-tasks", type=int, default=3000, help="tasks in a round with many")
    parser.add_argument("--directory", type=Path, help="where to put the databases: the disk to measure")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.rounds, options.tasks, options.concurrent_tasks, options.directory)
    raw, one, many, worker, workers, batch = found.values()
    ratios = {
        "p50, beth one outstanding / raw": one["p50_ms"] / raw["p50_ms"],
        f"tasks/s, beth {CONCURRENCY} concurrent / raw": many["tasks_per_second"] / raw["tasks_per_second"],
        "p50, worker one outstanding / raw": worker["p50_ms"] / raw["p50_ms"],
        f"tasks/s, worker {CONCURRENCY} concurrent / raw": workers["tasks_per_second"] / raw["tasks_per_second"],
        f"tasks/s, beth {CONCURRENCY} concurrent / raw {CONCURRENCY} in a commit": (
            many["tasks_per_second"] / batch["tasks_per_second"]
        ),
    }
    versions = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    if options.json:
        print(json.dumps({"medians": found, "ratios": ratios, "rounds": options.rounds, **versions}))
        return
    print(f"{'median of ' + str(options.rounds) + ' rounds':<28}{'p50 ms':>10}{'p99 ms':>10}{'tasks/s':>10}")
    for name, side in found.items():
        print(f"{name:<28}{side['p50_ms']:>10.2f}{side['p99_ms']:>10.2f}{side['tasks_per_second']:>10.0f}")
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f}")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))


if __name__ == "__main__":
    main()
