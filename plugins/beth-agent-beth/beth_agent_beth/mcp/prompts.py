"""What the user can pick in the client by name, as a slash command: `build`."""

from __future__ import annotations

from collections.abc import Mapping

import mcp_types as types
from mcp.shared.exceptions import MCPError

BUILD = types.Prompt(
    name="build",
    title="Have Beth build something",
    description="Hands a request to Beth's team, follows it to its end and shows what was built.",
    arguments=[
        types.PromptArgument(name="what", description="What shall be built or changed.", required=True),
        types.PromptArgument(name="criteria", description="How you will know that it is done.", required=False),
    ],
)


def build(arguments: Mapping[str, str]) -> types.GetPromptResult:
    """The prompt with what the user typed. Raises `MCPError`."""
    what = arguments.get("what", "").strip()
    if not what:
        raise MCPError(code=types.INVALID_PARAMS, message="what is missing: say what shall be built or changed")
    criteria = arguments.get("criteria", "").strip()
    done = (
        f"It is done when: {criteria}"
        if criteria
        else "Where it is not clear when it is done, propose acceptance criteria that can be tested, and ask me first."
    )
    text = (
        f"Have Beth's team do this:\n\n{what}\n\n{done}\n\n"
        "Submit it with submit_request and tell me its id and what it starts from. Then follow it with watch_request, "
        "telling me in a line whenever something was finished. Put each of its questions to me and pass on what I "
        "answer. At the end, show me with show_work what was done, and how I take it over."
    )
    message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.GetPromptResult(description=BUILD.description, messages=[message])
