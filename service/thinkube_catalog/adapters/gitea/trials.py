"""Test deliveries of webhooks, for `tkt doctor`: of a deployment's repository, or of a probe.

Before the first deployment there is no webhook to try, so a small private repository is made for
it and deleted again. One that somebody who was interrupted has left is deleted the next time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from pydantic import BaseModel

from thinkube_catalog.adapters.gitea.client import GiteaClient, accepted
from thinkube_catalog.adapters.gitea.connections import Hook, HooksRefusedError, whole
from thinkube_catalog.adapters.gitea.webhooks import LOOKED_AT, PROBE
from thinkube_catalog.domain.errors import ConflictError, NotFoundError
from thinkube_catalog.domain.forge import ForgeRefusedError, Repository

DESCRIPTION = "Made by tkt doctor to try webhooks; it deletes it at once"

_LEFT = timedelta(minutes=2)
"""A probe that is older was left by somebody who was interrupted."""

_WHOLE_SECOND = 1.1  # Gitea's times have no fractions
_FORBIDDEN, _NOT_FOUND, _CONFLICT = 403, 404, 409
_WHAT = "trying webhooks"


@dataclass(frozen=True)
class Place:
    """A webhook at a repository; `page` is what people see of it."""

    repository: Repository
    id: int
    hook: int
    page: str


class ProbeBusyError(ConflictError):
    def __init__(self, repository: Repository) -> None:
        super().__init__(f"{repository} is there: another tkt doctor tries at this moment")


class ProbeTakenError(ConflictError):
    def __init__(self, repository: Repository) -> None:
        super().__init__(f"{repository} was not made by tkt doctor: give it another name")


class NoOrganisationError(NotFoundError):
    def __init__(self, organisation: str) -> None:
        super().__init__(f"the organisation {organisation} is not there yet, or hidden from us")


class _Config(BaseModel):
    url: str = ""


class _Listed(BaseModel):
    id: int
    active: bool = False
    config: _Config = _Config()
    updated_at: str = ""


class _Stored(BaseModel):
    id: int
    name: str
    empty: bool = False
    description: str = ""
    html_url: str = ""
    created_at: datetime = datetime.min.replace(tzinfo=UTC)


class Trials:
    """Finds, makes and tries webhooks in one organisation."""

    def __init__(self, client: GiteaClient, organisation: str) -> None:
        self._client = client
        self._organisation = organisation

    def places(self, hook: Hook) -> list[Place]:
        """Return where that webhook is and could be tried, among the first repositories.

        Raises ForgeUnavailableError, ForgeRefusedError.
        """
        path = f"orgs/{quote(self._organisation)}/repos"
        answer = self._client.get(path, {"limit": LOOKED_AT})
        found = answer.read(list[_Stored]) if answer.ok and answer.body else []
        there = [it for it in found if not it.empty and it.name != PROBE]
        return [place for each in there if (place := self._place(each, hook))]

    @contextmanager
    def probing(self, hooks: Sequence[Hook]) -> Iterator[list[Place]]:
        """Give a repository with these webhooks, in their order, as long as it is needed.

        Raises ProbeBusyError, ProbeTakenError, NoOrganisationError, ForgeUnavailableError,
        ForgeRefusedError.
        """
        self._clear()
        stored = self._make()
        try:
            yield [self._connect(stored, hook) for hook in hooks]
        finally:
            accepted(self._client.send("DELETE", self._path(PROBE)), f"deleting {PROBE}")

    def sending(self, place: Place) -> GiteaSending:
        return GiteaSending(self._client, f"{self._path(place.repository.name)}/hooks/{place.hook}")

    def _place(self, stored: _Stored, hook: Hook) -> Place | None:
        answer = self._client.get(f"{self._path(stored.name)}/hooks", {"limit": 50})
        listed = answer.read(list[_Listed]) if answer.ok and answer.body else []
        address = hook.address(stored.id)
        there = (it.id for it in listed if it.active and it.config.url == address)
        found = next(there, None)
        return None if found is None else self._at(stored, found)

    def _at(self, stored: _Stored, hook: int) -> Place:
        repository = Repository(self._organisation, stored.name)
        return Place(repository, stored.id, hook, stored.html_url)

    def _clear(self) -> None:
        """Delete what was left by somebody who was interrupted, and nothing else."""
        answer = self._client.get(self._path(PROBE))
        if answer.status == _NOT_FOUND:
            return
        there = accepted(answer, _WHAT).read(_Stored)
        if there.description != DESCRIPTION:
            raise ProbeTakenError(Repository(self._organisation, PROBE))
        if datetime.now(UTC) - there.created_at < _LEFT:
            raise ProbeBusyError(Repository(self._organisation, PROBE))
        accepted(self._client.send("DELETE", self._path(PROBE)), _WHAT)

    def _make(self) -> _Stored:
        body = {
            "name": PROBE,
            "description": DESCRIPTION,
            "private": True,
            "auto_init": True,  # without a commit nothing is delivered
            "default_branch": "main",
        }
        answer = self._client.send("POST", f"orgs/{quote(self._organisation)}/repos", body)
        if answer.status == _CONFLICT:
            raise ProbeBusyError(Repository(self._organisation, PROBE))
        if answer.status == _NOT_FOUND:
            raise NoOrganisationError(self._organisation)
        return accepted(answer, _WHAT).read(_Stored)

    def _connect(self, stored: _Stored, hook: Hook) -> Place:
        config = {
            "url": hook.address(stored.id),
            "content_type": "json",
            "secret": hook.secret(stored.id).reveal(),
        }
        body = {**whole(config), "type": "gitea"}
        answer = self._client.send("POST", f"{self._path(PROBE)}/hooks", body)
        if answer.status == _FORBIDDEN:
            raise HooksRefusedError(answer.reason)
        return self._at(stored, accepted(answer, _WHAT).read(_Listed).id)

    def _path(self, name: str) -> str:
        return f"repos/{quote(self._organisation)}/{quote(name)}"


class GiteaSending:
    """Keeps the promises of `Sending`: Gitea notes at a webhook when it last tried it."""

    def __init__(self, client: GiteaClient, path: str) -> None:
        self._client = client
        self._path = path
        self._before = ""

    def begin(self) -> None:
        self._before = self._tried()
        threading.Event().wait(_WHOLE_SECOND)  # or the next time could look the same
        answer = self._client.send("POST", f"{self._path}/tests")
        if not answer.ok:
            raise ForgeRefusedError(f"{_WHAT}: {answer.reason}")

    def is_over(self) -> bool:
        return self._tried() != self._before

    def _tried(self) -> str:
        return accepted(self._client.get(self._path), _WHAT).read(_Listed).updated_at
