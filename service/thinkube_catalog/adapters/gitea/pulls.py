"""Pull requests of a Gitea: found by their branches, opened once, brought to their end.

What the statuses mean is told in `docs/gitea.md`.
"""

from __future__ import annotations

import logging
import threading

from pydantic import BaseModel

from thinkube_catalog.adapters.gitea.client import Answer, GiteaClient, LostAnswerError, accepted
from thinkube_catalog.adapters.gitea.repositories import path_of
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.forge import ForgeRefusedError, ForgeUnavailableError, Repository

DRAFT = "WIP:"
"""Gitea merges no pull request whose title begins so, until somebody takes it away."""

_NOT_FOUND, _CONFLICT = 404, 409
_PAGE = 50
_PAUSES = (0.0, 0.1, 0.3, 1.0, 2.0, 4.0)
_SWITCHED_OFF = "switch them on in its settings"

_log = logging.getLogger(__name__)


class _Repository(BaseModel):
    full_name: str


class _Side(BaseModel):
    ref: str
    repo: _Repository | None = None  # of a fork that is gone


class _Settings(BaseModel):
    has_pull_requests: bool


class Pull(BaseModel):
    """What Gitea says of a pull request."""

    number: int
    title: str
    body: str
    state: str
    merged: bool
    html_url: str
    head: _Side
    base: _Side

    def brings(self, repository: Repository, branch: str) -> bool:
        """Say whether it would merge this branch of the repository itself into `main`."""
        own = self.head.repo is not None and self.head.repo.full_name == str(repository)
        return own and self.head.ref == branch and self.base.ref == "main"


class Pulls:
    """Pull requests of one Gitea's repositories."""

    def __init__(self, client: GiteaClient) -> None:
        self._client = client
        self._prepared: set[Repository] = set()

    def open(self, repository: Repository) -> list[Pull]:
        """Return those that wait; none where pull requests are switched off."""
        found: list[Pull] = []
        query: dict[str, str | int] = {"state": "open", "limit": _PAGE}
        for answer in self._client.pages(f"{path_of(repository)}/pulls", query):
            if answer.status == _NOT_FOUND:
                return []
            found += accepted(answer, f"pull requests of {repository}").read(list[Pull])
        return found

    def ensure(self, repository: Repository, branch: str, title: str, body: str) -> Pull:
        """Have one wait for the branch, with this title and text. Looks first, and again."""
        failure: Exception | None = None
        for pause in _PAUSES:
            threading.Event().wait(pause)
            there = self._find(repository, branch)
            try:
                if there is None:
                    there = self._make(repository, branch, title, body)
                if there is not None:
                    return self._reworded(repository, there, title, body)
            except LostAnswerError as error:
                failure = error
        raise failure or ForgeUnavailableError(f"{branch} of {repository} gets no pull request")

    def merged(self, repository: Repository, pull: Pull, commit: str) -> None:
        """Have it count as merged by a commit that `main` holds already; else close it.

        Gitea looks at pushed branches in the background, so that it may have done either by itself.
        """
        path = f"{path_of(repository)}/pulls/{pull.number}"
        self._prepare(repository)
        body = {"Do": "manually-merged", "MergeCommitID": commit}
        try:
            answer = self._client.send("POST", f"{path}/merge", body)
        except LostAnswerError as error:
            answer = Answer(_CONFLICT, {"message": str(error)})
        if not answer.ok:
            _log.info("%s #%s was not noted as merged: %s", repository, pull.number, answer.reason)
            self.close(repository, pull)

    def close(self, repository: Repository, pull: Pull) -> None:
        """Close it, unless it is closed or merged."""
        path = f"{path_of(repository)}/pulls/{pull.number}"
        now = self._client.get(path)
        if now.status == _NOT_FOUND or now.read(Pull).state != "open":
            return
        accepted(self._client.send("PATCH", path, {"state": "closed"}), f"closing {path}")

    def _find(self, repository: Repository, branch: str) -> Pull | None:
        waiting = self.open(repository)
        return next((each for each in waiting if each.brings(repository, branch)), None)

    def _make(self, repository: Repository, branch: str, title: str, body: str) -> Pull | None:
        path = f"{path_of(repository)}/pulls"
        request = {"head": branch, "base": "main", "title": title, "body": body}
        answer = self._client.send("POST", path, request)
        if answer.status == _CONFLICT:
            return None  # there is one by now
        if answer.status == _NOT_FOUND:
            self._refuse_switched_off(repository)
            return None  # Gitea notes a pushed branch in the background
        return accepted(answer, f"proposing {branch} to {repository}").read(Pull)

    def _refuse_switched_off(self, repository: Repository) -> None:
        path = path_of(repository)
        found = accepted(self._client.get(path), f"reading {repository}").read(_Settings)
        if not found.has_pull_requests:
            raise ForgeRefusedError(f"{repository} takes no pull requests; {_SWITCHED_OFF}")

    def _reworded(self, repository: Repository, pull: Pull, title: str, body: str) -> Pull:
        if (pull.title, pull.body) == (title, body):
            return pull
        path = f"{path_of(repository)}/pulls/{pull.number}"
        answer = self._client.send("PATCH", path, {"title": title, "body": body})
        # A person may edit the text at this moment; theirs then stands.
        return answer.read(Pull) if answer.ok else pull

    def _prepare(self, repository: Repository) -> None:
        """Have merges by a push count as such; a right that we lack stops no work."""
        if repository in self._prepared:
            return
        try:
            settings = {
                "has_pull_requests": True,  # without it Gitea passes over the others
                "allow_manual_merge": True,
                "autodetect_manual_merge": True,
            }
            accepted(
                self._client.send("PATCH", path_of(repository), settings), f"settings {repository}"
            )
        except CatalogError as error:
            _log.warning("%s: %s", repository, error)
        else:
            self._prepared.add(repository)
