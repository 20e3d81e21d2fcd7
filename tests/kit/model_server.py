"""A server on loopback that speaks OpenAI's chat completions, and writes every call it gets into a ledger."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.chaos.ledger import Ledger
from tests.kit.play import Script

CALL = "model call"
"""What the ledger's lines of a call say."""

SECONDS = 0.03
"""How long a call takes, so that some kills come in the middle of one."""

COST = 0.001
"""US dollars a call costs."""

_COMMIT = re.compile(r"\b(commit(?:ted)?) [0-9a-f]{12}\b")


def comparable(text: str) -> str:
    """A text without the names of commits: their dates are the moments of a run, and so differ between two."""
    return _COMMIT.sub(r"\1 …", text)


@contextmanager
def serving(script: Script, ledger: Path) -> Iterator[str]:
    """Serve until the block ends; yields the base URL."""
    server = _Server(script, Ledger(ledger))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.ledger.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # the connection of a killed worker's client may still be open

    def __init__(self, script: Script, ledger: Ledger) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.ledger = ledger

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no error of the server's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        messages = json.loads(body)["messages"]
        turn = sum(message["role"] == "assistant" for message in messages)
        self.server.ledger.write(
            CALL,
            turn=turn,
            key=self.headers["idempotency-key"],
            digest=hashlib.sha256(body).hexdigest(),
            comparable=hashlib.sha256(comparable(body.decode()).encode()).hexdigest(),
            said=messages[-1]["content"],
        )
        time.sleep(SECONDS)
        self._send(_completion(self.server.script(turn, messages)))

    def _send(self, document: Mapping[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.send_header("x-litellm-response-cost", str(COST))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """The ledger is enough."""


def _completion(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "loopback",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": dict(message)}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }
