"""Secrets: values that applications need and that appear nowhere but where they are used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from thinkube_catalog.domain.errors import ConflictError, NotFoundError


@dataclass(frozen=True)
class SecretValue:
    """A value that does not show itself when printed, logged or formatted."""

    _value: str

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "SecretValue(…)"

    __str__ = __repr__

    def __format__(self, spec: str, /) -> str:
        return repr(self)


@dataclass(frozen=True)
class SecretEntry:
    """That a secret exists, without its value. `changed_at` is in UTC."""

    key: str
    changed_at: datetime


class Secrets(Protocol):
    """The encrypted store.

    A key is a shared secret's name (`HF_TOKEN`), or `<deployment>/<NAME>` for one that a single
    deployment was given.
    """

    def put(self, key: str, value: SecretValue) -> None:
        """Store or replace."""
        ...

    def get(self, key: str) -> SecretValue:
        """Return the value. Raises SecretNotFoundError, or SecretUnreadableError."""
        ...

    def entries(self) -> Sequence[SecretEntry]:
        """List what is stored, by key."""
        ...

    def remove(self, key: str) -> None:
        """Delete; do nothing if there is none."""
        ...


class SecretNotFoundError(NotFoundError):
    def __init__(self, key: str) -> None:
        super().__init__(f"there is no secret {key}; store it with: tkt secret set {key}")
        self.key = key


class SecretUnreadableError(ConflictError):
    def __init__(self, key: str, reason: str) -> None:
        super().__init__(
            f"the secret {key} cannot be read: {reason}; start the service with the key that "
            f"it was stored under (THINKUBE_SECRET_KEY), or store it again: tkt secret set {key}",
        )
        self.key = key
