"""What a server answered to a call, as text for a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from beth_kit.tools.base import ToolReply, shortened

if TYPE_CHECKING:
    from mcp_types import CallToolResult, ContentBlock


def reply(result: CallToolResult) -> ToolReply:
    """The texts of a result, what else it holds in words, all of it cut to what a model gets."""
    parts = [_told(block) for block in result.content]
    if not parts and result.structured_content is not None:
        parts = [json.dumps(result.structured_content, ensure_ascii=False)]
    return ToolReply(shortened("\n".join(parts) or "(nothing)"), error=bool(result.is_error))


def _told(block: ContentBlock) -> str:
    match block.type:
        case "text":
            return block.text
        case "image" | "audio":
            return f"[{block.type}, {block.mime_type}, {_size(block.data)} bytes, not shown]"
        case "resource_link":
            return f"[resource {block.name}: {block.uri}]"
        case "resource":
            inside = block.resource
            text = getattr(inside, "text", None)
            if isinstance(text, str):
                return f"[resource {inside.uri}]\n{text}"
            size = _size(getattr(inside, "blob", ""))
            return f"[resource {inside.uri}, {inside.mime_type or 'binary'}, {size} bytes, not shown]"
    return f"[{block.type}, not shown]"


def _size(base64: str) -> int:
    """Bytes that a Base64 text stands for (RFC 4648)."""
    return len(base64) * 3 // 4 - base64[-2:].count("=")
