"""A gateway that nobody here wrote: the LiteLLM proxy, as a process of its own with a configuration of ours."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.services import LITELLM_PROXY

KEY = "sk-canary-of-the-gateway-55d0c2"
"""What the gateway wants of those who ask it."""


def behind(name: str, model: str, **parameters: Any) -> dict[str, Any]:
    """An entry of the gateway's list: what it calls a model, and what that is."""
    return {"model_name": name, "litellm_params": {"model": model, "api_key": "none", **parameters}}


@contextmanager
def gateway(folder: Path, models: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A gateway with these models, for as long as this lasts; its address, as LLM_BASE_URL has it."""
    configuration = {
        "model_list": list(models),
        "general_settings": {"master_key": KEY},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    folder.mkdir()
    (folder / "config.yaml").write_text(json.dumps(configuration))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            str(LITELLM_PROXY / "python"),  # the first line of the script is wrong where the folder was moved
            str(LITELLM_PROXY / "litellm"),
            *("--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)),
        ],
        cwd=folder,
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_MODE": "PRODUCTION",
            "PYTHONUNBUFFERED": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        said = b""
        while b"Uvicorn running" not in said:
            line = process.stdout.readline()
            assert line, said.decode()[-2000:]
            said += line
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            drain.join()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
