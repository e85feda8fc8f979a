"""Secrets, sealed in the database: AES-256-GCM under a key that is not in it.

A sealed value is bound to its name, so that exchanging two rows is noticed. Each row says by
which key it is sealed; several keys can open, the first one seals: that is how keys are changed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.tables import SecretRow
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.domain.secrets import (
    SecretEntry,
    SecretNotFoundError,
    SecretUnreadableError,
    SecretValue,
)

SHORTEST_KEY = 32
"""Characters. Shorter ones could be tried out one by one."""

_NONCE_BYTES = 12


class SecretKeyInvalidError(InvalidError):
    def __init__(self, problem: Problem) -> None:
        super().__init__("the key of the secret store cannot be used", [problem])


@dataclass(frozen=True)
class SealingKey:
    """A key and a name for it, which gives nothing of it away."""

    id: str
    _key: bytes

    @classmethod
    def of(cls, text: str) -> SealingKey:
        """Make a key from a long random text. Raises SecretKeyInvalidError."""
        if len(text) < SHORTEST_KEY:
            raise SecretKeyInvalidError(
                Problem(
                    f"it has {len(text)} characters",
                    field="THINKUBE_SECRET_KEY",
                    mend=f"use {SHORTEST_KEY} random ones or more, for example by: "
                    "openssl rand -base64 32",
                )
            )
        key = hashlib.sha256(b"thinkube-catalog seal " + text.encode()).digest()
        return cls(hashlib.sha256(b"id " + key).hexdigest()[:12], key)

    def derive(self, purpose: str) -> str:
        """Return a secret of its own for a purpose: nobody finds another, or the key, by it."""
        return hmac.new(self._key, b"for " + purpose.encode(), hashlib.sha256).hexdigest()

    def seal(self, name: str, value: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._key).encrypt(nonce, value.encode(), name.encode())

    def open(self, name: str, sealed: bytes) -> str:
        """Return the value. Raises SecretUnreadableError if it was sealed otherwise."""
        try:
            nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            return AESGCM(self._key).decrypt(nonce, rest, name.encode()).decode()
        except (InvalidTag, ValueError):
            raise SecretUnreadableError(name, "its stored value was changed") from None

    def __repr__(self) -> str:
        return f"SealingKey({self.id})"


def new_key() -> str:
    """Return a key that nobody has had before."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def keys_from(text: str) -> tuple[SealingKey, ...]:
    """Read keys separated by commas; the first one seals. Raises SecretKeyInvalidError."""
    return tuple(SealingKey.of(part.strip()) for part in text.split(","))


def keys_in(path: Path) -> tuple[SealingKey, ...]:
    """Read the keys in a file that only its owner may read, made with a new key if missing.

    Raises SecretKeyInvalidError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _make_key_file(path)
    if path.stat().st_mode & 0o077:
        raise SecretKeyInvalidError(
            Problem("others may read the key file", file=str(path), mend=f"chmod 600 {path}")
        )
    return keys_from(path.read_text().strip())


class SqlSecrets:
    """Keeps the promises of `Secrets` in a database that never sees a value."""

    def __init__(self, database: Database, keys: Sequence[SealingKey]) -> None:
        self._database = database
        self._sealing = keys[0]
        self._keys = {key.id: key for key in keys}

    def put(self, key: str, value: SecretValue) -> None:
        row = SecretRow(
            key=key,
            key_id=self._sealing.id,
            sealed=self._sealing.seal(key, value.reveal()),
            changed_at=datetime.now(UTC),
        )
        # Two replicas may store a new one at once.
        with suppress(IntegrityError), self._database.writing() as session:
            session.merge(row)
            return
        with self._database.writing() as session:
            session.merge(row)

    def get(self, key: str) -> SecretValue:
        with self._database.reading() as session:
            row = session.get(SecretRow, key)
            if row is None:
                raise SecretNotFoundError(key)
            return SecretValue(self._open(row))

    def entries(self) -> Sequence[SecretEntry]:
        with self._database.reading() as session:
            rows = session.exec(
                select(SecretRow.key, SecretRow.changed_at).order_by(col(SecretRow.key))
            )
            return [SecretEntry(key, changed_at) for key, changed_at in rows]

    def remove(self, key: str) -> None:
        with self._database.writing() as session:
            session.execute(delete(SecretRow).where(col(SecretRow.key) == key))

    def reseal(self) -> int:
        """Seal everything with the first key; return how many were sealed by another.

        Afterwards the other keys are not needed. Raises SecretUnreadableError, and changes
        nothing, if one cannot be opened.
        """
        with self._database.writing() as session:
            others = select(SecretRow).where(col(SecretRow.key_id) != self._sealing.id)
            rows = session.exec(others).all()
            for row in rows:
                row.sealed = self._sealing.seal(row.key, self._open(row))
                row.key_id = self._sealing.id
                session.add(row)
            return len(rows)

    def _open(self, row: SecretRow) -> str:
        key = self._keys.get(row.key_id)
        if key is None:
            reason = f"it was sealed with another key ({row.key_id})"
            raise SecretUnreadableError(row.key, reason)
        return key.open(row.key, row.sealed)


def _make_key_file(path: Path) -> None:
    # Linked into place whole, so that of two processes one wins and nobody reads half a key.
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(new_key().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(aside)
    finally:
        aside.unlink()
