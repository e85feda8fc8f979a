"""Organisations and repositories of a Gitea: found, made, deleted; nothing is assumed, all is read.

What the statuses mean and which mistakes surface as 500 is told in `docs/gitea.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from urllib.parse import quote, urlsplit

from pydantic import BaseModel

from thinkube_catalog.adapters.gitea.client import Answer, GiteaClient, accepted
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.domain.forge import (
    ForgeRefusedError,
    Repository,
    RepositoryMovedError,
)

_OK, _NOT_FOUND, _CONFLICT, _INVALID = 200, 404, 409, 422
_OWNER_MOVED = 307
_TARGET = re.compile(r".*/repos/([^/?]+)/([^/?]+)")
_PAGE = 50


class Found(BaseModel):
    """What Gitea says of a repository. `id` stays the same whatever it is called."""

    id: int
    full_name: str
    empty: bool
    default_branch: str
    description: str
    updated_at: datetime

    @property
    def repository(self) -> Repository:
        owner, _, name = self.full_name.partition("/")
        return Repository(owner, name)


class _Identified(BaseModel):
    id: int


class _Object(BaseModel):
    sha: str


class _Reference(BaseModel):
    ref: str
    object: _Object


class _SearchPage(BaseModel):
    data: list[Found]


class _Named(BaseModel):
    name_pattern: str


class _Person(BaseModel):
    login: str


@dataclass(frozen=True)
class Gone:
    """What a redirect tells: the path leads elsewhere now."""

    target: Repository | None
    with_owner: bool  # the whole organisation was renamed


class Repositories:
    """One Gitea's organisations and repositories, as its token may see them."""

    def __init__(self, client: GiteaClient) -> None:
        self._client = client
        self._owners: dict[str, int] = {}

    def find(self, repository: Repository) -> Found | Gone | None:
        """Look it up under this very name."""
        answer = self._client.get(path_of(repository))
        if answer.status == _NOT_FOUND:
            return None
        if answer.moved:
            return Gone(_target(answer), answer.status == _OWNER_MOVED)
        return accepted(answer, f"reading {repository}").read(Found)

    def references(
        self, repository: Repository, prefix: str, seconds: float = 0.0
    ) -> dict[str, str]:
        """Return full names and ids of the references below `refs/` that begin so.

        Read from Git itself, so it is true the moment a push returns. Nothing while the repository
        is empty, and for one that does not exist: Gitea does not tell these apart.
        Raises RepositoryMovedError.
        """
        answer = self._client.get(
            f"{path_of(repository)}/git/refs/{quote(prefix)}", seconds=seconds
        )
        if answer.status in {_NOT_FOUND, _CONFLICT}:
            return {}
        if answer.moved:
            target = _target(answer)
            raise RepositoryMovedError(repository, str(target or answer.location))
        body = accepted(answer, f"reading {repository}").body
        found = Answer(_OK, body if isinstance(body, list) else [body]).read(list[_Reference])
        return {each.ref: each.object.sha for each in found}

    def ensure_owner(self, owner: str) -> int:
        """Make the organisation exist, private, and return its id.

        Raises InvalidError if the name cannot be an organisation's, ForgeRefusedError.
        """
        if owner not in self._owners:
            self._owners[owner] = self._find_owner(owner) or self._make_owner(owner)
        return self._owners[owner]

    def create(self, repository: Repository, description: str) -> Found | None:
        """Make the repository, private and empty; None if one of that name exists.

        Raises LostAnswerError: also when two make it at once, or leftovers were in the way.
        """
        body = {
            "name": repository.name,
            "description": description,
            "private": True,
            "auto_init": False,  # a first commit that is not ours would stand in our way
            "default_branch": "main",
            "object_format_name": "sha1",
        }
        answer = self._client.send("POST", f"orgs/{quote(repository.owner)}/repos", body)
        if answer.status == _CONFLICT:
            return None
        if answer.status == _NOT_FOUND:
            self._owners.pop(repository.owner, None)
            return None
        if answer.status == _INVALID:
            _refuse_name("repository", repository.name, answer)
        return accepted(answer, f"making {repository}").read(Found)

    def delete(self, repository: Repository) -> None:
        """Delete it, or find that it is gone."""
        answer = self._client.send("DELETE", path_of(repository))
        if answer.status != _NOT_FOUND:
            accepted(answer, f"deleting {repository}", "this needs the team Owners")

    def recently_updated(self, owner: str) -> Iterator[Sequence[Found]]:
        """Give pages of an owner's repositories, those that changed last first."""
        query: dict[str, str | int] = {
            "uid": self.ensure_owner(owner),
            "exclusive": "true",
            "sort": "updated",
            "order": "desc",
            "limit": _PAGE,
        }
        for answer in self._client.pages("repos/search", query):
            page = accepted(answer, f"listing {owner}").read(_SearchPage).data
            if not page:
                return
            yield page

    def protect(self, found: Found) -> None:
        """Have `main` be the default branch, and keep everybody from rewriting or deleting it.

        Who may write can still push. A rule that somebody has made is left as it is.
        """
        path = path_of(found.repository)
        if found.default_branch != "main":
            self._change("PATCH", path, {"default_branch": "main"})
        if self._client.get(f"{path}/branch_protections/main").status == _NOT_FOUND:
            rule = {"rule_name": "main", "enable_push": True, "enable_force_push": False}
            self._change("POST", f"{path}/branch_protections", rule)

    def protect_tags(self, found: Found, pattern: str) -> None:
        """Have nobody but us make or move tags of that pattern."""
        path = f"{path_of(found.repository)}/tag_protections"
        listed = accepted(self._client.get(path), f"reading {path}")
        if pattern not in [each.name_pattern for each in listed.read(list[_Named])]:
            us = accepted(self._client.get("user"), "reading the account").read(_Person)
            self._change("POST", path, {"name_pattern": pattern, "whitelist_usernames": [us.login]})

    def _change(self, method: str, path: str, body: Mapping[str, object]) -> None:
        accepted(self._client.send(method, path, body), f"{method} {path}")

    def _find_owner(self, owner: str) -> int | None:
        answer = self._client.get(f"orgs/{quote(owner)}")
        if answer.status == _NOT_FOUND:
            return None
        if answer.moved:
            raise ForgeRefusedError(
                f"the organisation {owner} has been renamed; rename it back, or set "
                "THINKUBE_GITEA_ORG or THINKUBE_TEMPLATES_ORG to its new name"
            )
        return accepted(answer, f"reading {owner}").read(_Identified).id

    def _make_owner(self, owner: str) -> int:
        answer = self._client.send("POST", "orgs", {"username": owner, "visibility": "private"})
        if answer.status == _INVALID:
            there = self._find_owner(owner)  # somebody made it just now
            return there if there is not None else self._refuse_owner(owner, answer)
        mend = f"have an administrator make the organisation {owner} and add this account"
        return accepted(answer, f"making {owner}", mend).read(_Identified).id

    def _refuse_owner(self, owner: str, answer: Answer) -> NoReturn:
        if self._client.get(f"users/{quote(owner)}").status == _OK:
            problem = Problem(f"{owner} is a person, not an organisation", mend="choose another")
            raise InvalidError("repositories cannot be kept there:", [problem])
        _refuse_name("organisation", owner, answer)


def path_of(repository: Repository) -> str:
    """Return where the API has the repository."""
    return f"repos/{quote(repository.owner)}/{quote(repository.name)}"


def _target(answer: Answer) -> Repository | None:
    match = _TARGET.fullmatch(urlsplit(answer.location).path.partition("/git/refs")[0])
    return Repository(match[1], match[2]) if match else None


def _refuse_name(kind: str, name: str, answer: Answer) -> NoReturn:
    problem = Problem(f"{name!r} is not a name for this {kind}: {answer.reason}", field="name")
    raise InvalidError(f"Gitea refuses the name of the {kind}:", [problem])
