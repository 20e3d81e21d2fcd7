"""What the SQLite bus and the SQLite journal share: one file, one writing thread a process, waking other processes."""

from beth_sdk._sqlite.database import Connection, Database, open_database
from beth_sdk._sqlite.file import file_id, is_another_boot, path_of
from beth_sdk._sqlite.wake import WakeSocket

__all__ = ["Connection", "Database", "WakeSocket", "file_id", "is_another_boot", "open_database", "path_of"]
