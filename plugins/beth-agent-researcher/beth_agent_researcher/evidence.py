"""Looks evidence up: whether the words that a model quotes stand where it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beth_kit import KitContext
from beth_kit.claims.documents import NotThere, committed_lines
from beth_kit.mcp.config import configured
from beth_sdk.manifest import Manifest

_LEFT_OUT = re.compile(r"\[?(?:…|\.{3})\]?")


def reads_pages(manifest: Manifest, environ: Mapping[str, str], home: Path) -> bool:
    """Whether the role can have read a page: its commands reach the network, or an MCP server of its own does.

    Raises `ConfigurationError` for a file of MCP servers with a mistake in it."""
    servers = configured(manifest, environ, home)
    return manifest.network == "open" or any(one.entry.url or one.network == "open" for one in servers)


async def problem(ctx: KitContext, evidence: Mapping[str, Any], *, online: bool) -> str | None:
    """What is wrong with one piece of evidence, in words for the model. `online`: whether pages can be read.

    Commands are not run again, pages not fetched: what can be looked up here is what the repository holds."""
    name, kind, source = evidence["id"], evidence["kind"], evidence["source"]
    if kind == "url" and not online:
        return (
            f"{name}: you cannot have read {source}, the network is closed: if you know it, its kind is `knowledge`, "
            "with the address as where to look it up"
        )
    if kind == "url" and not re.match(r"https?://[^\s/]", source):
        return f"{name}: {source!r} is no URL; what stands in a file has the kind `file`"
    if kind != "file":
        return None
    try:
        lines = await committed_lines(ctx, source)
    except NotThere as error:
        return f"{name}: {error}"
    if not is_quoted(evidence["quote"], lines):
        return f"{name}: the quote does not stand in {source}; there it says: {_short(lines)}"
    return None


def is_quoted(quote: str, text: str) -> bool:
    """Whether the words stand in the text, in their order, whatever the blanks; `…` stands for what is left out."""
    rest, at = _plain(text), 0
    parts = [plain for part in _LEFT_OUT.split(quote) if (plain := _plain(part))]
    for part in parts:
        at = rest.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return bool(parts)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    plain = _plain(text)
    return repr(plain if len(plain) <= 200 else f"{plain[:200]} …")
