"""The protocol's side of the tools: what a client sends becomes their arguments, and what goes wrong a line to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from beth_agent_beth.mcp import prompts
from beth_agent_beth.mcp.access import Access
from beth_agent_beth.mcp.caller import ROOTS, Caller, RootsWanted
from beth_agent_beth.mcp.tools import TOOLS, Tool
from beth_sdk import __version__, logs
from beth_sdk.cli.text import one_line
from beth_sdk.errors import BethError
from beth_sdk.redact import redact

INSTRUCTIONS = """\
Beth leads a team of AI agents that does software work in a git branch of its own: requirements, research, design, \
implementation, tests and a security review. Submit what the user wants with submit_request, then call watch_request \
until it has ended. What the team asks is for the user to answer: put it to them, and pass their answer on with \
answer_question. At the end, show_work tells what was built and how the user takes it over. Requests go on while \
nobody watches; list_requests finds them again."""

log = logs.get(__name__)

Context = ServerRequestContext[Any, Any]


def server_of(access: Access, log_file: Path | None = None) -> Server[Any]:
    """Beth's server. `log_file`: where a client is sent that met something unexpected."""
    tools = {one.name: one for one in TOOLS}

    async def list_tools(context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        del context, params
        return types.ListToolsResult(tools=[one.listed() for one in TOOLS])

    async def call_tool(
        context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        tool = tools.get(params.name)
        if tool is None:
            raise MCPError(code=types.INVALID_PARAMS, message=f"there is no tool {params.name!r}")
        try:
            return await _called(tool, access, params, Caller(context, params))
        except RootsWanted:
            return types.InputRequiredResult(input_requests={ROOTS: types.ListRootsRequest()})
        except Exception as error:  # noqa: BLE001 - whatever it is, the server goes on
            return _failed(_said(tool, error, log_file))

    async def list_prompts(context: Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        del context, params
        return types.ListPromptsResult(prompts=[prompts.BUILD])

    async def get_prompt(context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        del context
        if params.name != prompts.BUILD.name:
            raise MCPError(code=types.INVALID_PARAMS, message=f"there is no prompt {params.name!r}")
        return prompts.build(params.arguments or {})

    return Server(
        "beth",
        version=__version__,
        title="Beth",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )


async def _called(
    tool: Tool, access: Access, params: types.CallToolRequestParams, caller: Caller
) -> types.CallToolResult:
    report = await tool.run(access, tool.takes.model_validate(params.arguments or {}), caller)
    told = report.model_dump(mode="json", exclude_none=True)
    text = report.model_dump_json(exclude_none=True)
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], structured_content=told)


def _failed(line: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=line)], is_error=True)


def _said(tool: Tool, error: Exception, log_file: Path | None) -> str:
    """An error as one line for a model, which may try again."""
    if isinstance(error, ValidationError):
        return f"{tool.name}: {'; '.join(_wrong(one) for one in error.errors(include_url=False))}"
    if isinstance(error, BethError):
        return one_line(redact(str(error)))
    if isinstance(error, click.UsageError):
        return one_line(error.format_message())
    log.error("a tool failed", exc_info=error, tool=tool.name)
    where = f"; {log_file} has more" if log_file is not None else ""
    return f"{tool.name} failed, and the fault is Beth's: {type(error).__name__}{where}"


def _wrong(found: Any) -> str:
    where = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        return f"there is no argument {where}"
    return f"{where}: {found['msg'][:1].lower()}{found['msg'][1:]}"
