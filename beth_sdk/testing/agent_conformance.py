"""The suite that every agent passes: one with a model, plain code, or a command.

```python
class TestTranslator(AgentConformance):
    role = "translator"
```

The package has to be installed. Task types are played with the examples in their input schemas, or with `payloads`;
overriding `environ`, `answer` and `delegated` says what the agent meets. It needs pytest-asyncio. An `LLMAgent` has
`beth_kit.testing.LLMAgentConformance`, which is this one with a scripted model.
"""

from __future__ import annotations

from beth_sdk.testing.agent_package_conformance import AgentPackageConformance
from beth_sdk.testing.agent_task_conformance import AgentTaskConformance


class AgentConformance(AgentPackageConformance, AgentTaskConformance):
    """Everything that is promised of an `Agent` and its package."""
