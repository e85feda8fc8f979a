"""Accounts: the administrator who makes all of this, and those that are made."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import BaseModel

from thinkube_catalog.adapters.gitea.bootstrap.asking import NOT_FOUND, PRESENT, InGitea, refusal
from thinkube_catalog.adapters.gitea.bootstrap.bodies import account_body
from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.domain.bootstrap import Finding, ImpossibleError, State
from thinkube_catalog.domain.forge import ForgeRefusedError


class _User(BaseModel):
    login: str
    is_admin: bool = False
    prohibit_login: bool = False
    restricted: bool = False


@dataclass(frozen=True)
class Administrator(InGitea):
    """Who makes all of this: found, never made."""

    login: str

    @property
    def name(self) -> str:
        return f"administrator {self.login}"

    def look(self) -> Finding:
        try:
            answer = self.client.get("user")
        except ForgeRefusedError as error:
            reason = f"Gitea does not accept the name {self.login} with that password"
            raise ImpossibleError(reason) from error
        if not answer.ok or not answer.read(_User).is_admin:
            reason = f"{self.login} is no administrator of that Gitea; name one with --gitea-admin"
            raise ImpossibleError(reason)
        return PRESENT

    def make(self) -> None:
        """Do nothing: `look` raises where there is none."""


@dataclass(frozen=True)
class Account(InGitea):
    """An account that administers nothing; nobody knows its password, it has tokens."""

    login: str
    whose: str

    @property
    def name(self) -> str:
        return f"account {self.login} of {self.whose}"

    def look(self) -> Finding:
        user = _found(self.client, f"users/{quote(self.login)}", _User)
        if user is None:
            return Finding(State.MISSING)
        if user.is_admin:
            reason = f"{self.login} administers all of Gitea: take that away, or name another"
            raise ImpossibleError(f"{reason} with --account or --reader")
        if user.prohibit_login:
            return Finding(State.DIFFERENT, "may not log in")
        return PRESENT

    def make(self) -> None:
        if _found(self.client, f"users/{quote(self.login)}", _User) is None:
            body = account_body(self.login, self.whose, secrets.token_urlsafe(32))
            self.ask("POST", "admin/users", body, f"making the account {self.login}")
        else:
            body = {"login_name": self.login, "source_id": 0, "prohibit_login": False}
            self.ask("PATCH", f"admin/users/{quote(self.login)}", body, "letting it log in")


def _found(client: GiteaClient, path: str, form: type[_User]) -> _User | None:
    answer = client.get(path)
    if answer.status == NOT_FOUND:
        return None
    if not answer.ok:
        raise refusal(answer, "looking for it")
    return answer.read(form)
