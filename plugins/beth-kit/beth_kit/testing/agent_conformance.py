"""The suite that every agent with a model passes.

```python
class TestDeveloper(LLMAgentConformance):
    role = "developer"
    transcript = TRANSCRIPT
```

`transcript` is the one of a `ScriptedModel`. A task type that it does not have is played by a model that looks around
and finishes with the first of the `examples` in the type's output schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from beth_kit.loop.agent import LLMAgent
from beth_sdk import schema
from beth_sdk.manifest import Manifest
from beth_sdk.messages import Finding, Verdict
from beth_sdk.plugins import InstalledAgent
from beth_sdk.testing import AgentConformance
from beth_sdk.testing.agent_files import find

LOOK_AROUND = {"say": "I look around first.", "calls": [{"name": "bash", "arguments": {"command": "ls"}}]}


class LLMAgentConformance(AgentConformance):
    """Everything that is promised of an agent, and what people and Beth count on where a model plays the role."""

    most_kills = 6  # each delivery makes a workspace

    transcript: ClassVar[str] = ""
    """What the model says, as YAML: `roles: {developer: {implement: [{calls: …}]}}`."""

    def environ(self, home: Path) -> Mapping[str, str]:
        """Have a scripted model play the role, and no other model."""
        script = home.with_name(f"{home.name}.yaml")
        script.write_text(json.dumps(self._whole_transcript()), encoding="utf-8")
        none = dict.fromkeys(("BETH_RECORD", "BETH_REPLAY", "LLM_MODEL", "LLM_PROVIDER", "LLM_FALLBACKS"), "")
        return {**none, "BETH_MODELS": f"scripted/{script}"}

    def _whole_transcript(self) -> dict[str, Any]:
        given: dict[str, Any] = (yaml.safe_load(self.transcript) or {}) if self.transcript else {}
        turns = dict(given.get("roles", {}).get(self.role, {}))
        manifest = find(self.role, self.distribution).manifest
        assert manifest is not None
        for task_type in manifest.task_types:
            if task_type not in turns and "*" not in turns:
                turns[task_type] = _from_examples(manifest, task_type)
        return {"roles": {**given.get("roles", {}), self.role: turns}}

    # -- the tests ------------------------------------------------------------------------------

    def test_it_is_played_by_a_model(self, installed: InstalledAgent) -> None:
        assert isinstance(installed.load(), LLMAgent)

    def test_every_task_type_has_a_prompt_and_an_output_schema(self, manifest: Manifest) -> None:
        assert manifest.task_types
        lacking = [name for name, kind in manifest.task_types.items() if kind.prompt is None or kind.output is None]
        assert lacking == []

    def test_every_result_is_an_object_with_a_summary_for_people(self, manifest: Manifest) -> None:
        for task_type in manifest.task_types:
            rules = _output(manifest, task_type)
            assert rules.get("type") == "object", task_type
            assert "summary" in rules.get("required", []), task_type
            assert rules.get("properties", {}).get("summary", {}).get("type") == "string", task_type

    def test_a_verdict_is_one_that_a_gate_understands(self, manifest: Manifest) -> None:
        finding = Finding(title="It fails", severity="high", place="a.py:1", detail="pytest: 1 failed")
        verdicts = [Verdict(decision="approved"), Verdict(decision="changes_requested", findings=[finding])]
        for task_type in manifest.task_types:
            rules = _output(manifest, task_type).get("properties", {}).get("verdict")
            if rules is None:
                continue
            whole = {"$defs": _output(manifest, task_type).get("$defs", {}), **rules}
            for verdict in verdicts:
                flaws = schema.violations(whole, verdict.to_json(), what="verdict")
                assert [str(one) for one in flaws] == [], task_type


def _output(manifest: Manifest, task_type: str) -> dict[str, Any]:
    """The output schema of a task type; empty where it names none."""
    name = manifest.task_types[task_type].output
    if name is None:
        return {}
    assert manifest.directory is not None
    found: dict[str, Any] = json.loads((manifest.directory / name).read_text("utf-8"))
    return found


def _from_examples(manifest: Manifest, task_type: str) -> list[dict[str, Any]]:
    examples = _output(manifest, task_type).get("examples", [])
    assert examples, f"{task_type}: give its turns in `transcript`, or `examples` in its output schema"
    finish = {"name": "finish", "arguments": {"result": examples[0]}}
    return [LOOK_AROUND, {"say": "That is all.", "calls": [finish]}]
