"""What authors of agents test with: a transcript, a task, an assertion; and the suite that every agent passes."""

import pytest

# Before it is imported: a failing check of the suite then shows its values, as one in a test module does.
pytest.register_assert_rewrite("beth_kit.testing.agent_conformance")

from beth_kit.testing.agent_conformance import LLMAgentConformance  # noqa: E402
from beth_kit.testing.play import Stage  # noqa: E402

__all__ = ["LLMAgentConformance", "Stage"]
