"""Output of any size in little memory: its beginning and its end are kept, what is between is counted."""

from __future__ import annotations


class HeadAndTail:
    """Takes bytes for as long as they come and keeps at most `limit` of them (and for a moment half as many again)."""

    def __init__(self, limit: int) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._room = limit // 2
        self._most = limit - self._room
        self.size = 0
        """Bytes that came."""

    def write(self, chunk: bytes) -> None:
        """Take a chunk."""
        self.size += len(chunk)
        taken = min(len(chunk), self._room - len(self._head))
        self._head += chunk[:taken]
        self._tail += chunk[taken:]
        if len(self._tail) > self._most + self._most // 2:
            del self._tail[: len(self._tail) - self._most]

    def value(self) -> bytes:
        """Everything, or the beginning and the end with a line between them that says how much was left out."""
        tail = bytes(self._tail[-self._most :]) if self._most else b""
        left_out = self.size - len(self._head) - len(tail)
        if left_out <= 0:
            return bytes(self._head) + tail
        return bytes(self._head) + f"\n[… {left_out:,} bytes left out …]\n".encode() + tail
