"""Conversations, kept in SQLite. Each belongs to one caller and is found by nobody else."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rag_agent.errors import InputError
from rag_agent.identity import Caller
from rag_agent.prompting import Turn

_LONGEST_ID = 100
_MOST_TURNS = 200  # kept of one conversation
_SECONDS_KEPT = 90 * 24 * 3600

_TABLES = """
CREATE TABLE IF NOT EXISTS turns (
    turn INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    conversation TEXT NOT NULL,
    at REAL NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS turns_of_conversation ON turns (owner, conversation, turn);
CREATE INDEX IF NOT EXISTS turns_by_age ON turns (at);
"""


class Memory:
    """Turns by caller and conversation. Anonymous callers share one owner, so the identifiers
    that the application makes for them cannot be guessed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "conversations.sqlite3"
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_TABLES)

    def recall(self, caller: Caller, conversation: str, turns: int) -> list[Turn]:
        """The last turns, oldest first."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT question, answer FROM turns WHERE owner = ? AND conversation = ? "
                "ORDER BY turn DESC LIMIT ?",
                (caller.user, checked_id(conversation), turns),
            ).fetchall()
        return [Turn(question, answer) for question, answer in reversed(rows)]

    def remember(self, caller: Caller, conversation: str, turn: Turn) -> None:
        """Add a turn; what is too old or too much is forgotten."""
        key = (caller.user, checked_id(conversation))
        with self._open() as connection:
            connection.execute(
                "INSERT INTO turns (owner, conversation, at, question, answer) "
                "VALUES (?, ?, ?, ?, ?)",
                (*key, time.time(), turn.question, turn.answer),
            )
            connection.execute("DELETE FROM turns WHERE at < ?", (time.time() - _SECONDS_KEPT,))
            connection.execute(
                "DELETE FROM turns WHERE owner = ? AND conversation = ? AND turn NOT IN (SELECT "
                "turn FROM turns WHERE owner = ? AND conversation = ? ORDER BY turn DESC LIMIT ?)",
                (*key, *key, _MOST_TURNS),
            )

    def forget(self, caller: Caller, conversation: str) -> int:
        """Remove a conversation of this caller; returns how many turns it had."""
        with self._open() as connection:
            return connection.execute(
                "DELETE FROM turns WHERE owner = ? AND conversation = ?",
                (caller.user, checked_id(conversation)),
            ).rowcount

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for each use: requests run in several threads."""
        with closing(sqlite3.connect(self._path, timeout=10)) as connection, connection:
            yield connection


def checked_id(conversation: str) -> str:
    """Raises InputError for an identifier that is empty, too long or unprintable."""
    if not 0 < len(conversation) <= _LONGEST_ID or not conversation.isprintable():
        raise InputError(f"A conversation_id has 1 to {_LONGEST_ID} printable characters.")
    return conversation
