"""A Gitea that stands in, as its administrator sees it: accounts, organisations, teams, tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.faulty import Faulty, FaultyHandler, Reply, serving

PAGE = re.compile(r"page=(\d+)")
KINDS = {
    "orgs": "organization",
    "repos": "repository",
    "user": "user",
    "users": "user",
    "teams": "organization",
    "admin": "admin",
    "notifications": "notification",
    "packages": "package",
}
ALL = frozenset(f"write:{kind}" for kind in KINDS.values())


@dataclass
class Token:
    """An access token with its value, which answers show once."""

    id: int
    name: str
    scopes: tuple[str, ...]
    sha1: str


@dataclass
class Account:
    """A person or a service."""

    password: str
    is_admin: bool = False
    prohibit_login: bool = False
    tokens: list[Token] = field(default_factory=list)


@dataclass
class Team:
    """Members of an organisation with the same rights."""

    id: int
    name: str
    rights: dict[str, Any]
    members: set[str] = field(default_factory=set)


@dataclass(kw_only=True)
class AdministeredGitea(Faulty):
    """Its content, for tests to look at and to change as somebody else would."""

    accounts: dict[str, Account] = field(
        default_factory=lambda: {"root": Account("root-password", is_admin=True)}
    )
    organisations: dict[str, list[Team]] = field(default_factory=dict)
    repositories: dict[str, set[str]] = field(default_factory=dict)
    hooks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)  # addresses that it may not deliver to
    ids: int = 0

    def next_id(self) -> int:
        self.ids += 1
        return self.ids

    def found(self, name: str, owner: str) -> None:
        """Make an organisation, as somebody else may."""
        owners = Team(self.next_id(), "Owners", {"permission": "owner"}, {owner})
        self.organisations[name] = [owners]
        self.repositories[name] = set()

    def team(self, organisation: str, name: str) -> Team:
        return next(it for it in self.organisations[organisation] if it.name == name)

    def state(self) -> object:
        """Return everything that there is, but for passwords and values."""
        return (
            {
                name: (it.is_admin, it.prohibit_login, [(t.name, t.scopes) for t in it.tokens])
                for name, it in self.accounts.items()
            },
            {
                name: [(it.name, sorted(it.members), it.rights) for it in teams]
                for name, teams in self.organisations.items()
            },
            {name: sorted(there) for name, there in self.repositories.items()},
        )


@contextmanager
def administered_gitea() -> Generator[AdministeredGitea]:
    """Serve, on a free port."""
    gitea = AdministeredGitea()
    with serving(gitea, _Handler):
        yield gitea


class _Handler(FaultyHandler):
    stand_in: AdministeredGitea

    def answer(self) -> None:
        body = self.body()
        with self.stand_in.lock:
            self.send(self._reply(body))

    def _reply(self, body: Any) -> Reply:  # noqa: PLR0911 (a line for each call)
        parts = [part for part in urlsplit(self.path).path.split("/") if part][2:]
        if parts == ["version"]:
            return Reply(200, {"version": "1.26.0"})
        caller, scopes, with_password = self._caller()
        if caller is None:
            return _refused(401, "invalid username, password or token")
        kind = "issue" if parts == ["repos", "issues", "search"] else KINDS.get(parts[0])
        level = "read" if self.command == "GET" else "write"
        if kind and not {f"write:{kind}", f"{level}:{kind}"} & set(scopes):
            return _refused(403, f"token does not have at least one of required scope(s) {kind}")
        match parts:
            case ["admin", *rest]:
                return self._administer(caller, rest, body)
            case ["users", login, "tokens", *rest]:
                return self._tokens(login, rest, body) if with_password else _refused(401, "no")
            case ["orgs", name, *rest] if name in self.stand_in.organisations:
                return self._organisation(name, rest, body)
            case ["teams", id_, "members", login]:
                return self._member(int(id_), login)
            case ["teams", id_]:
                self._team(int(id_)).rights = body
                return Reply(200, {"id": int(id_)})
        return self._about(caller, parts, body)

    def _caller(self) -> tuple[str | None, frozenset[str], bool]:
        given = self.headers.get("Authorization", "")
        if given.startswith("Basic "):
            name, _, password = base64.b64decode(given[6:]).decode().partition(":")
            account = self.stand_in.accounts.get(name)
            good = account is not None and account.password == password
            return (name if good else None), ALL, True
        for name, account in self.stand_in.accounts.items():
            for token in account.tokens:
                if given == f"token {token.sha1}":
                    return name, frozenset(token.scopes), False
        return None, frozenset(), False

    def _about(self, caller: str, parts: list[str], body: Any) -> Reply:  # noqa: PLR0911 (a line for each call)
        accounts = self.stand_in.accounts
        match parts:
            case ["settings", "repository"]:
                return Reply(200, {"http_git_disabled": False})
            case ["user"]:
                return Reply(200, _shown(caller, accounts[caller]))
            case ["users", name] if name in accounts:
                return Reply(200, _shown(name, accounts[name]))
            case ["users", name, "orgs", organisation, "permissions"]:
                owner = name in self.stand_in.team(organisation, "Owners").members
                return Reply(200, {"can_create_repository": owner, "is_owner": owner})
            case ["packages", owner, *_]:
                return self._packages(caller, owner)
            case ["repos", owner, name, *rest] if self._reads(caller, owner, name):
                return self._repository(owner, name, rest, body)
        return _refused(404, "not found")

    def _repository(self, owner: str, name: str, rest: list[str], body: Any) -> Reply:
        hooks = self.stand_in.hooks.setdefault(name, [])
        match self.command, rest:
            case "DELETE", []:
                self.stand_in.repositories[owner].remove(name)
                del self.stand_in.hooks[name]
                return Reply(204)
            case "POST", ["hooks"]:
                hooks.append({**body, "id": self.stand_in.next_id(), "updated_at": _now()})
                return Reply(201, _shown_hook(hooks[-1]))
            case "GET", ["hooks"]:
                return Reply(200, [_shown_hook(each) for each in hooks])
            case "GET", ["hooks", id_]:
                return Reply(200, _shown_hook(_hook(hooks, id_)))
            case "POST", ["hooks", id_, "tests"]:
                self._test(owner, name, _hook(hooks, id_))
                return Reply(204)
        return Reply(200, self._shown_repository(owner, name))

    def _test(self, owner: str, name: str, hook: dict[str, Any]) -> None:
        """Deliver a push that changes nothing, once, and note when."""
        there = self._shown_repository(owner, name)
        content = {"ref": "refs/heads/main", "before": "1" * 40, "after": "1" * 40}
        body = json.dumps({**content, "repository": there}).encode()
        secret = hook["config"]["secret"].encode()
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Gitea-Event": "push",
            "X-Gitea-Delivery": secrets.token_hex(8),
            "X-Gitea-Signature": signature,
            "X-Gogs-Event": "push",
            "X-Gogs-Signature": signature,
        }
        url = hook["config"]["url"]
        if url.partition("?")[0] not in self.stand_in.denied:
            httpx.post(url, content=body, headers=headers, timeout=5)
        hook["updated_at"] = _now()

    def _shown_repository(self, owner: str, name: str) -> dict[str, Any]:
        return {
            "id": 1,
            "name": name,
            "full_name": f"{owner}/{name}",
            "html_url": f"{self.stand_in.url}/{owner}/{name}",
            "created_at": _now(),
        }

    def _packages(self, caller: str, organisation: str) -> Reply:
        if organisation not in self.stand_in.organisations:
            return _refused(404, "user redirect does not exist")
        teams = self.stand_in.organisations[organisation]
        mine = [team.rights for team in teams if caller in team.members]
        reads = any(
            rights["permission"] == "owner" or "repo.packages" in rights["units_map"]
            for rights in mine
        )
        return Reply(200, []) if reads else _refused(403, "user should have specific permission")

    def _reads(self, caller: str, organisation: str, name: str) -> bool:
        teams = self.stand_in.organisations.get(organisation, ())
        there = name in self.stand_in.repositories.get(organisation, ())
        return there and any(caller in team.members for team in teams)

    def _administer(self, caller: str, rest: list[str], body: Any) -> Reply:  # noqa: PLR0911 (a line for each call)
        accounts = self.stand_in.accounts
        if not accounts[caller].is_admin:
            return _refused(403, "Only site admins may do this")
        match self.command, rest:
            case "POST", ["users"]:
                if body["username"] in accounts:
                    return _refused(422, "user already exists")
                accounts[body["username"]] = Account(body["password"])
                return Reply(201, _shown(body["username"], accounts[body["username"]]))
            case "PATCH", ["users", login]:
                accounts[login].prohibit_login = body["prohibit_login"]
                return Reply(200, _shown(login, accounts[login]))
            case "POST", ["users", login, "orgs"]:
                if body["username"] in {*self.stand_in.organisations, *accounts}:
                    return _refused(422, "user already exists")
                self.stand_in.found(body["username"], login)
                return Reply(201, {"name": body["username"]})
        return _refused(404, "not found")

    def _tokens(self, login: str, rest: list[str], body: Any) -> Reply:
        account = self.stand_in.accounts.get(login)
        if account is None:
            return _refused(404, "user does not exist")
        if self.command == "GET":
            page = PAGE.search(self.path)
            shown = [_shown_token(each) for each in account.tokens]
            return Reply(200, shown if page is None or page[1] == "1" else [])
        if self.command == "DELETE":
            account.tokens = [each for each in account.tokens if each.name != rest[0]]
            return Reply(204)
        if any(each.name == body["name"] for each in account.tokens):
            return _refused(400, "access token name has been used already")
        value = secrets.token_hex(20)
        made = Token(self.stand_in.next_id(), body["name"], tuple(body["scopes"]), value)
        account.tokens.append(made)
        return Reply(201, {**_shown_token(made), "sha1": made.sha1})

    def _organisation(self, name: str, rest: list[str], body: Any) -> Reply:  # noqa: PLR0911 (a line for each call)
        teams = self.stand_in.organisations[name]
        match self.command, rest:
            case "GET", []:
                return Reply(200, {"id": 1, "name": name})
            case "POST", ["repos"]:
                self.stand_in.repositories[name].add(body["name"])
                return Reply(201, self._shown_repository(name, body["name"]))
            case "GET", ["repos"]:
                return Reply(200, [{"name": it} for it in self.stand_in.repositories[name]])
            case "GET", ["teams"]:
                page = PAGE.search(self.path)
                shown = [{"id": it.id, "name": it.name, **it.rights} for it in teams]
                return Reply(200, shown if page is None or page[1] == "1" else [])
            case "POST", ["teams"]:
                if any(it.name == body["name"] for it in teams):
                    return _refused(422, "team already exists")
                teams.append(Team(self.stand_in.next_id(), body["name"], _rights(body)))
                return Reply(201, {"id": teams[-1].id, "name": body["name"], **_rights(body)})
        return _refused(404, "not found")

    def _member(self, id_: int, login: str) -> Reply:
        team = self._team(id_)
        if self.command == "PUT":
            team.members.add(login)
            return Reply(204)
        return Reply(200, {"login": login}) if login in team.members else _refused(404, "no")

    def _team(self, id_: int) -> Team:
        teams = (it for each in self.stand_in.organisations.values() for it in each)
        return next(it for it in teams if it.id == id_)


def _rights(body: dict[str, Any]) -> dict[str, Any]:
    # Gitea shows a team with one unit as having no permission of its own.
    return {**{key: value for key, value in body.items() if key != "name"}, "permission": "none"}


def _shown(login: str, account: Account) -> dict[str, Any]:
    return {
        "login": login,
        "is_admin": account.is_admin,
        "prohibit_login": account.prohibit_login,
    }


def _shown_token(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": list(token.scopes),
        "token_last_eight": token.sha1[-8:],
        "sha1": "",
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _hook(hooks: list[dict[str, Any]], id_: str) -> dict[str, Any]:
    return next(it for it in hooks if str(it["id"]) == id_)


def _shown_hook(hook: dict[str, Any]) -> dict[str, Any]:
    config = {key: text for key, text in hook["config"].items() if key != "secret"}
    return {"id": 0, **hook, "config": config}


def _refused(status: int, message: str) -> Reply:
    return Reply(status, {"message": message, "url": "about:blank"})
