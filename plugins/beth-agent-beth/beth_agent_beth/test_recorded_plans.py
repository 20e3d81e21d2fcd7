"""What is recorded of a request whose plan a person edited."""

from __future__ import annotations

import json
from pathlib import Path

from beth_agent_beth import recorded, requests
from beth_agent_beth.conftest import Office, Studio, inputs, plan_of, result_of


async def test_the_recorded_plan_is_the_one_that_was_carried_out(
    office: Office, studio: Studio, tmp_path: Path
) -> None:
    await office.submit(plan=None, approve_plan=True)
    beth = office.beth(workspaces=studio.workspaces)
    await beth.attend("r")
    made = {"name": "made", "task": [{"name": "a", "agent": "a", "type": "act"}]}
    await beth.attend("r", inputs(result_of(await office.one_queued("beth"), result={"plan": made})))
    await requests.answer(office.bus, office.journal, "r", "approve", plan=plan_of("b", name="edited"))
    await beth.attend("r")
    await beth.attend("r", inputs(await studio.work(await office.one_queued("b"), b_txt="b\n")))
    folder = tmp_path / "recording"
    folder.mkdir()
    recorded.write(folder, await office.state())
    again = recorded.read(folder)
    assert again.plan == plan_of("b", name="edited")
    assert again.order == ["publish r.1:0", "merge r.1"]
    assert json.loads((folder / recorded.FILE).read_text())["request_id"] == "r"
