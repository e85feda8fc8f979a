"""Secrets on their way to processes: read when one starts, compared by keyed digests only."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from thinkube_catalog.domain.descriptor import Variable
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.gitops import Application, Cause, CauseKind
from thinkube_catalog.domain.secrets import Secrets


class SecretMissingError(Exception):
    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.message)
        self.cause = cause


@dataclass(frozen=True)
class Vault:
    """`key` makes digests useless to anybody who does not have it."""

    secrets: Secrets
    key: bytes

    @staticmethod
    def open(secrets_: Secrets, path: Path) -> Vault:
        try:
            return Vault(secrets_, path.read_bytes())
        except FileNotFoundError:
            key = secrets.token_bytes(32)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(key)
            return Vault(secrets_, key)

    def digest(self, application: Application) -> str:
        """Return what changes when a value does; a secret that is missing counts as empty."""
        digest = hmac.new(self.key, digestmod=hashlib.sha256)
        for name, key in sorted(application.secrets.items()):
            try:
                value = self.secrets.get(key).reveal()
            except CatalogError:
                value = ""
            for part in (name, value):
                digest.update(f"{len(part.encode())} ".encode() + part.encode())
        return digest.hexdigest()[:16]

    def missing(self, application: Application) -> tuple[Cause, ...]:
        causes = []
        for name in application.secrets:
            try:
                self._value(application, name)
            except SecretMissingError as error:
                causes.append(error.cause)
        return tuple(causes)

    def values(self, application: Application) -> dict[str, str]:
        """Return every declared secret by environment name. Raises SecretMissingError."""
        return {name: self._value(application, name) for name in application.secrets}

    def reader(self, application: Application) -> Callable[[Variable], str]:
        """Return what answers for variables that are references. It raises SecretMissingError."""

        def read(variable: Variable) -> str:
            for name in (variable.key, variable.name):
                if name in application.secrets:
                    return self._value(application, name)
            raise SecretMissingError(_undeclared(variable))

        return read

    def _value(self, application: Application, name: str) -> str:
        try:
            return self.secrets.get(application.secrets[name]).reveal()
        except CatalogError as error:
            cause = Cause(CauseKind.MISSING_SECRET, f"{name}: {error}", "store it, then sync")
            raise SecretMissingError(cause) from error


def _undeclared(variable: Variable) -> Cause:
    kind, source = "secret", variable.secret
    if variable.config_map:
        kind, source = "config map", variable.config_map
    return Cause(
        CauseKind.MISSING_SECRET,
        f"{variable.name} comes from the {kind} {source}, which this deployment was not given",
        f"deploy again with the secret {variable.name}",
    )
