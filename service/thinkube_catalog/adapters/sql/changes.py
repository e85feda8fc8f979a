"""Whether a SQLite database has changed since: asked in microseconds, whoever changed it."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path


class SqliteChanges:
    """Watches a database file by a connection of its own, which never writes.

    SQLite counts for each connection the commits of all others, in this process or another.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)

    def count(self) -> int | None:
        """Return a number that is another one after each commit; None when it cannot be told."""
        try:
            with self._lock:
                (found,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return None
        return int(found)

    def close(self) -> None:
        self._connection.close()
