"""What this service needs in a Gitea, as parts of a bootstrap: made with an administrator's rights.

The service gets an account of its own that administers nothing but its organisations, and Argo CD
one that reads code and nothing else.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from pydantic import BaseModel

from thinkube_catalog.adapters.gitea.client import Answer, GiteaClient
from thinkube_catalog.adapters.gitea.doctor import BUILD_SCOPES, SCOPES
from thinkube_catalog.domain.bootstrap import Finding, ImpossibleError, Kept, Part, State
from thinkube_catalog.domain.forge import ForgeRefusedError, ForgeUnavailableError
from thinkube_catalog.domain.secrets import SecretValue

READER_SCOPES = ("read:repository",)
"""What Argo CD's token has to be good for, and no more."""

SERVICE_TOKEN = "thinkube-catalog"  # noqa: S105 (the name of a token)
READER_TOKEN = "argocd"  # noqa: S105 (the name of a token)
BUILDER_TOKEN = "builds"  # noqa: S105 (the name of a token)
TOKEN = "GITEA_TOKEN"  # noqa: S105 (the name of a setting)
READ_TOKEN = "GITEA_READ_TOKEN"  # noqa: S105 (the name of a setting)
BUILD_TOKEN = "BUILD_TOKEN"  # noqa: S105 (the name of a setting)

_SYSTEM = "gitea"
_OWNERS = "Owners"  # Gitea's own name, in every language
_READERS, _READ_CODE = "argocd", {"repo.code": "read"}
_BUILDERS, _WRITE_IMAGES = "builders", {"repo.code": "write", "repo.packages": "write"}
_NOT_FOUND, _INVALID, _FORBIDDEN = 404, 422, 403

_PRESENT = Finding(State.PRESENT)


@dataclass(frozen=True)
class GiteaPlan:
    """What is wanted there; `prefix` begins the names of our settings.

    `reader` is empty where no Argo CD reads there, `builder` where no images are built.
    """

    account: str
    reader: str
    builder: str
    deployments: str
    templates: str
    prefix: str


def gitea_parts(client: GiteaClient, administrator: str, plan: GiteaPlan, kept: Kept) -> list[Part]:
    """Return the parts in the order in which they build on each other."""
    owned = tuple(dict.fromkeys((plan.deployments, plan.templates)))
    return [
        _Administrator(client, administrator),
        _Account(client, plan.account, "the service"),
        *(_Organisation(client, each, plan.account) for each in owned),
        *(_Ownership(client, each, plan.account) for each in owned),
        _Token(client, plan.account, SERVICE_TOKEN, SCOPES, plan.prefix + TOKEN, kept),
        *(_reader_parts(client, plan, kept) if plan.reader else ()),
        *(_builder_parts(client, plan, kept) if plan.builder else ()),
    ]


def _reader_parts(client: GiteaClient, plan: GiteaPlan, kept: Kept) -> list[Part]:
    setting = plan.prefix + READ_TOKEN
    return [
        _Account(client, plan.reader, "Argo CD"),
        _Membership(client, plan.deployments, _READERS, plan.reader, _READ_CODE),
        _Token(client, plan.reader, READER_TOKEN, READER_SCOPES, setting, kept),
    ]


def _builder_parts(client: GiteaClient, plan: GiteaPlan, kept: Kept) -> list[Part]:
    setting = plan.prefix + BUILD_TOKEN
    return [
        _Account(client, plan.builder, "builds"),
        _Membership(client, plan.deployments, _BUILDERS, plan.builder, _WRITE_IMAGES),
        _Token(client, plan.builder, BUILDER_TOKEN, BUILD_SCOPES, setting, kept),
    ]


def by_hand(url: str, plan: GiteaPlan, password: str) -> list[tuple[str, list[str]]]:
    """Return the same as commands for an administrator: what each gives, and its lines.

    `password` stands for those of the new accounts; `curl` asks for its own by itself.
    The account for whom an organisation is made is its owner.
    """
    owned = tuple(dict.fromkeys((plan.deployments, plan.templates)))
    service = _account(plan.account, "the service", password)
    steps = [
        ("The account of the service", [_curl(url, "admin/users", service)]),
        (
            "The organisations",
            [_curl(url, f"admin/users/{plan.account}/orgs", _organisation(it)) for it in owned],
        ),
        _token_by_hand(url, plan.account, SERVICE_TOKEN, SCOPES, plan.prefix + TOKEN),
    ]
    if plan.reader:
        steps += _reader_by_hand(url, plan, password)
    if plan.builder:
        steps += _builder_by_hand(url, plan, password)
    return steps


def _builder_by_hand(url: str, plan: GiteaPlan, password: str) -> list[tuple[str, list[str]]]:
    builder = _account(plan.builder, "builds", password)
    return [
        ("The account of builds", [_curl(url, "admin/users", builder)]),
        _team_by_hand(url, plan, _BUILDERS, plan.builder, _WRITE_IMAGES),
        _token_by_hand(url, plan.builder, BUILDER_TOKEN, BUILD_SCOPES, plan.prefix + BUILD_TOKEN),
    ]


def _reader_by_hand(url: str, plan: GiteaPlan, password: str) -> list[tuple[str, list[str]]]:
    reader = _account(plan.reader, "Argo CD", password)
    return [
        ("The account of Argo CD", [_curl(url, "admin/users", reader)]),
        _team_by_hand(url, plan, _READERS, plan.reader, _READ_CODE),
        _token_by_hand(url, plan.reader, READER_TOKEN, READER_SCOPES, plan.prefix + READ_TOKEN),
    ]


def _team_by_hand(
    url: str, plan: GiteaPlan, team: str, account: str, units: Mapping[str, str]
) -> tuple[str, list[str]]:
    title = f"A team with {account} in it (`id` in the first answer is `TEAM-ID`)"
    made = _curl(url, f"orgs/{plan.deployments}/teams", _team_body(team, units))
    return title, [made, _curl(url, f"teams/TEAM-ID/members/{account}", {}, method="PUT")]


def _token_by_hand(
    url: str, account: str, name: str, scopes: Sequence[str], setting: str
) -> tuple[str, list[str]]:
    body = {"name": name, "scopes": list(scopes)}
    title = f"A token, `sha1` in the answer, for {setting}"
    return title, [_curl(url, f"users/{account}/tokens", body)]


def _curl(url: str, path: str, body: Mapping[str, object], method: str = "POST") -> str:
    text = json.dumps(body).replace("'", "'\\''")
    form = "-H 'Content-Type: application/json'"
    return f"curl -fsS -u ADMINISTRATOR -X {method} {url}/api/v1/{path} {form} -d '{text}'"


class _User(BaseModel):
    login: str
    is_admin: bool = False
    prohibit_login: bool = False
    restricted: bool = False


class _Team(BaseModel):
    id: int
    name: str
    permission: str = ""
    includes_all_repositories: bool = False
    can_create_org_repo: bool = False
    units_map: dict[str, str] = {}

    def has(self, units: Mapping[str, str]) -> bool:
        """Say whether it has exactly these rights, in every repository."""
        wide = self.can_create_org_repo or self.permission in {"admin", "owner"}
        rights = {unit: right for unit, right in self.units_map.items() if right != "none"}
        return self.includes_all_repositories and not wide and rights == units


class _Listed(BaseModel):
    id: int
    name: str
    scopes: list[str] = []
    token_last_eight: str = ""


class _Created(BaseModel):
    sha1: str


@dataclass(frozen=True)
class _InGitea:
    """What its parts share."""

    client: GiteaClient
    system: ClassVar[str] = _SYSTEM

    def _ask(self, method: str, path: str, body: Mapping[str, object], what: str) -> Answer:
        answer = self.client.send(method, path, body)
        if not answer.ok:
            raise _refusal(answer, what)
        return answer


@dataclass(frozen=True)
class _Administrator(_InGitea):
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
        return _PRESENT

    def make(self) -> None:
        """Do nothing: `look` raises where there is none."""


@dataclass(frozen=True)
class _Account(_InGitea):
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
        return _PRESENT

    def make(self) -> None:
        if _found(self.client, f"users/{quote(self.login)}", _User) is None:
            body = _account(self.login, self.whose, secrets.token_urlsafe(32))
            self._ask("POST", "admin/users", body, f"making the account {self.login}")
        else:
            body = {"login_name": self.login, "source_id": 0, "prohibit_login": False}
            self._ask("PATCH", f"admin/users/{quote(self.login)}", body, "letting it log in")


@dataclass(frozen=True)
class _Organisation(_InGitea):
    """An organisation that only its members see."""

    organisation: str
    owner: str

    @property
    def name(self) -> str:
        return f"organisation {self.organisation}"

    def look(self) -> Finding:
        answer = self.client.get(f"orgs/{quote(self.organisation)}")
        if answer.moved:
            raise ImpossibleError(f"{self.organisation} has been renamed; set its new name")
        if answer.ok:
            return _PRESENT
        if answer.status != _NOT_FOUND:
            raise _refusal(answer, "looking for it")
        if self.client.get(f"users/{quote(self.organisation)}").ok:
            raise ImpossibleError(f"{self.organisation} is a person; set another name")
        return Finding(State.MISSING)

    def make(self) -> None:
        body = _organisation(self.organisation)
        path = f"admin/users/{quote(self.owner)}/orgs"
        answer = self.client.send("POST", path, body)
        # 422 also where somebody was quicker: looking again tells.
        if not answer.ok and (answer.status != _INVALID or self.look().state is not State.PRESENT):
            raise _refusal(answer, f"making the organisation {self.organisation}")


@dataclass(frozen=True)
class _Ownership(_InGitea):
    """The service's place among an organisation's owners: without it, it can delete nothing."""

    organisation: str
    account: str

    @property
    def name(self) -> str:
        return f"{self.account} among the owners of {self.organisation}"

    def look(self) -> Finding:
        team = _team(self.client, self.organisation, _OWNERS)
        if team is None or not _is_member(self.client, team, self.account):
            return Finding(State.MISSING)
        return _PRESENT

    def make(self) -> None:
        team = _team(self.client, self.organisation, _OWNERS)
        if team is None:
            raise ImpossibleError(f"{self.organisation} has no team {_OWNERS}")
        path = f"teams/{team.id}/members/{quote(self.account)}"
        self._ask("PUT", path, {}, f"making {self.account} one of the owners")


@dataclass(frozen=True)
class _Membership(_InGitea):
    """A team with the same rights in every repository of an organisation, and its one member."""

    organisation: str
    team: str
    account: str
    units: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"{self.account} in the team {self.team} of {self.organisation}"

    def look(self) -> Finding:
        team = _team(self.client, self.organisation, self.team)
        if team is None:
            return Finding(State.MISSING)
        if not team.has(self.units):
            return Finding(State.DIFFERENT, "the team has other rights than it needs")
        if not _is_member(self.client, team, self.account):
            return Finding(State.DIFFERENT, f"{self.account} is not in it")
        return _PRESENT

    def make(self) -> None:
        what = f"making the team {self.team}"
        body = _team_body(self.team, self.units)
        team = _team(self.client, self.organisation, self.team)
        if team is None:
            made = self._ask("POST", f"orgs/{quote(self.organisation)}/teams", body, what)
            team = made.read(_Team)
        elif not team.has(self.units):
            self._ask("PATCH", f"teams/{team.id}", body, what)
        self._ask("PUT", f"teams/{team.id}/members/{quote(self.account)}", {}, what)


@dataclass(frozen=True)
class _Token(_InGitea):
    """An access token with exactly these scopes, whose value is kept as a setting."""

    account: str
    token: str
    scopes: Sequence[str]
    setting: str
    kept: Kept

    @property
    def name(self) -> str:
        return f"token {self.token} of {self.account}"

    def look(self) -> Finding:
        there = list(self._tokens())
        value = self.kept.value(self.setting)
        if value is not None:
            mine = [each for each in there if value.reveal().endswith(each.token_last_eight or "?")]
            if mine:
                return self._judged(mine[0])
        if any(each.name == self.token for each in there):
            told = f"{self.setting} does not hold its value; it is replaced"
            return Finding(State.DIFFERENT, told)
        if value is not None:
            return Finding(State.DIFFERENT, f"{self.setting} holds none of {self.account}'s")
        return Finding(State.MISSING)

    def _judged(self, token: _Listed) -> Finding:
        if set(token.scopes) == set(self.scopes):
            return _PRESENT
        told = f"it is good for {', '.join(sorted(token.scopes))}; it is replaced by one that is "
        return Finding(State.DIFFERENT, f"{told}for {', '.join(self.scopes)} alone")

    def make(self) -> None:
        if any(each.name == self.token for each in self._tokens()):
            self.client.send("DELETE", f"{self._path}/{quote(self.token)}")
        body = {"name": self.token, "scopes": list(self.scopes)}
        made = self._ask("POST", self._path, body, f"making the token {self.token}")
        self.kept.keep(self.setting, SecretValue(made.read(_Created).sha1))

    def _tokens(self) -> Iterator[_Listed]:
        for answer in self.client.pages(self._path, {"limit": 50}):
            if answer.status == _NOT_FOUND:
                return  # nor is the account there
            if not answer.ok:
                raise _refusal(answer, f"listing the tokens of {self.account}")
            yield from answer.read(list[_Listed]) if answer.body else ()

    @property
    def _path(self) -> str:
        return f"users/{quote(self.account)}/tokens"


def _account(login: str, whose: str, password: str) -> Mapping[str, object]:
    return {
        "username": login,
        "full_name": f"Account of {whose}",
        "email": f"{login}@accounts.invalid",  # a name that no mail can ever be sent to
        "password": password,
        "must_change_password": False,
        "send_notify": False,
        "visibility": "private",
    }


def _organisation(name: str) -> Mapping[str, object]:
    return {"username": name, "visibility": "private"}


def _team_body(name: str, units: Mapping[str, str]) -> Mapping[str, object]:
    return {
        "name": name,
        "permission": "read",
        "includes_all_repositories": True,
        "can_create_org_repo": False,
        "units_map": units,
    }


def _team(client: GiteaClient, organisation: str, name: str) -> _Team | None:
    for answer in client.pages(f"orgs/{quote(organisation)}/teams", {"limit": 50}):
        if answer.status == _NOT_FOUND:
            return None  # nor is the organisation there
        if not answer.ok:
            raise _refusal(answer, f"listing the teams of {organisation}")
        for team in answer.read(list[_Team]) if answer.body else ():
            if team.name == name:
                return team
    return None


def _is_member(client: GiteaClient, team: _Team, account: str) -> bool:
    return client.get(f"teams/{team.id}/members/{quote(account)}").ok


def _found(client: GiteaClient, path: str, form: type[_User]) -> _User | None:
    answer = client.get(path)
    if answer.status == _NOT_FOUND:
        return None
    if not answer.ok:
        raise _refusal(answer, "looking for it")
    return answer.read(form)


def _refusal(answer: Answer, what: str) -> ForgeUnavailableError | ImpossibleError:
    if answer.status == _FORBIDDEN:
        return ImpossibleError(f"Gitea refuses {what}: {answer.reason}")
    return ForgeUnavailableError(f"{what}: {answer.reason}")
