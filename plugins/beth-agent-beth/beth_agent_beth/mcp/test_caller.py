from __future__ import annotations

from pathlib import Path

import mcp_types as types

from beth_agent_beth.mcp.caller import folders


def told(*uris: str) -> types.ListRootsResult:
    return types.ListRootsResult(roots=[types.Root(uri=uri) for uri in uris])


def test_roots_are_folders() -> None:
    assert folders(told("file:///home/me/my%20app", "file://localhost/srv")) == [Path("/home/me/my app"), Path("/srv")]


def test_a_folder_of_another_machine_is_none_of_them() -> None:
    assert folders(told("file://fileserver/share")) == []
