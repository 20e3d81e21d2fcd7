"""What a model's client costs in memory: an agent's process before and after its first call, for each kind of client.

Run as `python -m benchmarks.model_memory`. Each client is called in a fresh process, against a server on loopback.
"""

from __future__ import annotations

import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
from typing import Any

ROUNDS = 5

REPLY = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5.6",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
}

PROBE = """
import asyncio, os, time
from pathlib import Path
from beth_kit import LLMAgent
from beth_kit.model.base import ModelRequest
from beth_kit.loop.equipment import Equipment
from beth_sdk.manifest import parse_manifest
from beth_sdk.settings import Settings

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

manifest = parse_manifest('manifest_version = 1\\nrole = "a"\\ndescription = "A"\\nclass = "beth_kit:LLMAgent"\\n')
equipment = Equipment.of(manifest, Settings.from_environment())
idle = resident()
async def call():
    await equipment.model.complete(ModelRequest([{"role": "user", "content": "hello"}], max_tokens=16))
    await equipment.close()
began = time.perf_counter()
asyncio.run(call())
print(idle, resident(), time.perf_counter() - began)
"""

CLIENTS = {
    "litellm, in the agent's process": {"LLM_PROVIDER": "openai", "LLM_MODEL": "gpt-5.6", "OPENAI_API_KEY": "none"},
    "thin client, behind a gateway": {"LLM_PROVIDER": "gateway", "LLM_MODEL": "gpt-5.6", "LLM_API_KEY": "none"},
}


class Answering(http.server.BaseHTTPRequestHandler):
    """Says hello, whatever it is asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps(REPLY).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


def main() -> None:
    """Measure and print."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = {"LLM_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1", "BETH_ALLOW_UNKNOWN_PRICE": "1"}
    found: dict[str, list[list[float]]] = {name: [] for name in CLIENTS}
    for _ in range(ROUNDS):
        for name, variables in CLIENTS.items():
            printed = subprocess.run(
                [sys.executable, "-c", PROBE],
                env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **base, **variables},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            found[name].append([float(word) for word in printed.split()])
    print(f"{f'medians of {ROUNDS} rounds':<34}{'idle MiB':>10}{'after MiB':>11}{'first call ms':>15}")
    for name, rounds in found.items():
        idle, after, seconds = (statistics.median(values) for values in zip(*rounds, strict=True))
        print(f"{name:<34}{idle:>10.1f}{after:>11.1f}{seconds * 1000:>15.0f}")
    server.shutdown()


if __name__ == "__main__":
    main()
