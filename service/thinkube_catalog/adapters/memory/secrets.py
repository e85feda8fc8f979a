"""Secrets in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from thinkube_catalog.domain.secrets import SecretEntry, SecretNotFoundError, SecretValue


class MemorySecrets:
    """Keeps the promises of `Secrets` for as long as the process lives; nothing is written."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[SecretValue, datetime]] = {}

    def put(self, key: str, value: SecretValue) -> None:
        self._values[key] = (value, datetime.now(UTC))

    def get(self, key: str) -> SecretValue:
        if key not in self._values:
            raise SecretNotFoundError(key)
        return self._values[key][0]

    def entries(self) -> Sequence[SecretEntry]:
        listed = sorted(self._values.items())
        return [SecretEntry(key, changed_at) for key, (_, changed_at) in listed]

    def remove(self, key: str) -> None:
        self._values.pop(key, None)
