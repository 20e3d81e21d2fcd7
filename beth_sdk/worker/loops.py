"""An event loop in a thread of its own: agent code that blocks its loop cannot keep the bus's from renewing."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

THREADS = 128
"""Plain functions that agents on one loop may run at once. asyncio's own default goes by the number of cores, which
would have the tasks of a worker wait for each other; threads are made only as they are needed."""


class LoopThread:
    """One event loop, running from `start` until `close`."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(THREADS, thread_name_prefix=name))
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> LoopThread:
        """Start the thread; returns itself."""
        self._thread.start()
        return self

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine there, from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and await it here. Cancelling the wait does not cancel the work: what is half
        written would be neither written nor not."""
        working = asyncio.wrap_future(self.submit(work))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            working.add_done_callback(_heard)
            raise

    def close(self, timeout: float = 5.0) -> None:
        """Cancel what still runs there, stop the loop and wait up to `timeout` seconds for its thread."""
        if self._thread.ident is None:  # never started
            self.loop.close()
        if not self._thread.is_alive():
            return
        self._stopping = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._stopping:
            self._run_until(self.loop.run_forever)
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self._run_until(lambda: self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True)))
        self._run_until(lambda: self.loop.run_until_complete(self.loop.shutdown_asyncgens()))
        self.loop.close()

    def _run_until(self, end: Callable[[], object]) -> None:
        try:
            end()
        except (SystemExit, KeyboardInterrupt):
            # asyncio lets these out of a task through its whole loop. Whoever awaits the task gets them too, and the
            # others on this loop have nothing to do with it.
            pass


def _heard(left: asyncio.Future[Any]) -> None:
    """What work raises that nobody waits for any more is no error that asyncio should complain of."""
    if not left.cancelled():
        left.exception()
