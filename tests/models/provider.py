"""A server on loopback that is three providers at once, and breaks down in all the ways that they do."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.models.wires import WIRES, Document, Turn, Wire

RETRY_AFTER = 2
"""Seconds that a 429 asks for: more than the longest first pause of whoever goes by no header."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came in. `at`: seconds on the monotonic clock; `fault`: what became of it, if anything."""

    at: float
    wire: Wire
    path: str
    headers: Mapping[str, str]
    body: Document
    turn: int
    fault: str | None


class Provider:
    """`scripts`: by the wire's name, what the model behind it says turn after turn."""

    def __init__(self, scripts: Mapping[str, Sequence[Turn]]) -> None:
        self.scripts = scripts
        self.seen: list[Seen] = []
        self.unknown: list[str] = []
        """Paths that nothing is at."""
        self.url = ""
        self.over = threading.Event()
        self._given: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()

    def of(self, wire: str) -> list[Seen]:
        """The requests that came in on one wire."""
        return [one for one in self.seen if one.wire.name == wire]

    def take(self, path: str, headers: Mapping[str, str], content: bytes) -> Seen | None:
        """Note a request, and decide what becomes of it."""
        at = time.monotonic()
        wire = next((one for one in WIRES if path.partition("?")[0].endswith(one.path)), None)
        if wire is None or wire.name not in self.scripts:
            self.unknown.append(path)
            return None
        body = json.loads(content)
        number = wire.turns_taken(body)
        with self._lock:
            faults = self.scripts[wire.name][number].faults
            given = self._given[wire.name, number]
            self._given[wire.name, number] += 1
            fault = faults[given] if given < len(faults) else None
            seen = Seen(at, wire, path, headers, body, number, fault)
            self.seen.append(seen)
        return seen


@contextmanager
def providing(scripts: Mapping[str, Sequence[Turn]]) -> Iterator[Provider]:
    """A provider that listens for as long as this lasts."""
    provider = Provider(scripts)

    class Handler(_Handler):
        of = provider

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        provider.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    of: Provider
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = self.of.take(self.path, headers, content)
        if seen is None:
            self._send(404, {"error": {"message": "nothing is here"}})
            return
        answer = seen.wire.answer(self.of.scripts[seen.wire.name][seen.turn], seen.turn)
        match seen.fault:
            case None:
                self._send(200, answer)
            case "429":
                self._send(429, seen.wire.error(429), {"retry-after": str(RETRY_AFTER)})
            case "500":
                self._send(500, seen.wire.error(500))
            case "garbage":
                self._send(200, "<html><h1>502 Bad Gateway</h1></html>")
            case "cut":
                self._send(200, answer, cut=True)
            case "closed":
                self._close()
            case "stall":
                self._send(200, answer, cut=True, stall=True)
            case other:
                raise AssertionError(f"no such fault: {other}")

    def _send(
        self,
        status: int,
        body: object,
        headers: Mapping[str, str] | None = None,
        *,
        cut: bool = False,
        stall: bool = False,
    ) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.wfile.flush()
        if stall:
            self.of.over.wait()
        if cut:
            self._close()

    def _close(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: Any) -> None:
        """Say nothing: what was asked is in `seen`."""
