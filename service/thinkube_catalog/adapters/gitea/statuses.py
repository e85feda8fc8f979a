"""Statuses of commits: those of the workflow that builds, and our own, which say what became of it.

The workflow's are told from all others by its name, with which Gitea begins their context.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from pydantic import BaseModel

from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.domain.builds import WORKFLOW_NAME
from thinkube_catalog.domain.forge import (
    Build,
    BuildState,
    ForgeRefusedError,
    ForgeUnavailableError,
    Repository,
    RolloutState,
)

CONTEXT = "thinkube/deploy"

_NOT_FOUND = 404
_PAGE = 50
_LONGEST = 250
_SECONDS = 5.0
_STATES = {
    RolloutState.PENDING: "pending",
    RolloutState.SUCCEEDED: "success",
    RolloutState.FAILED: "failure",
}
_BUILD_STATES = {
    "pending": BuildState.RUNNING,
    "success": BuildState.SUCCEEDED,
    "warning": BuildState.SUCCEEDED,
    "skipped": BuildState.SUCCEEDED,
    "failure": BuildState.FAILED,
    "error": BuildState.FAILED,
}


class _Status(BaseModel):
    context: str
    status: str
    target_url: str = ""
    description: str = ""


class _Combined(BaseModel):
    statuses: list[_Status] | None = None


class Statuses:
    """Reads and writes them at the Gitea of that address."""

    def __init__(self, client: GiteaClient, url: str) -> None:
        self._client = client
        self._url = url

    def build(self, repository: Repository, commit: str) -> Build | None:
        """Return how the workflow's jobs for a commit are, as the one that says most.

        A failed job counts before one that runs, and that before those that are done.
        """
        jobs = [each for each in self._read(repository, commit) if _is_a_job(each)]
        for state in (BuildState.FAILED, BuildState.RUNNING, BuildState.SUCCEEDED):
            for job in jobs:
                if _BUILD_STATES.get(job.status, BuildState.RUNNING) is state:
                    return Build(state, self._page(job.target_url), _told(job))
        return None

    def show(
        self,
        repository: Repository,
        commit: str,
        state: RolloutState,
        description: str,
        page: str,
    ) -> None:
        """Add a status. Raises ForgeUnavailableError, ForgeRefusedError."""
        body = {
            "context": CONTEXT,
            "state": _STATES[state],
            "description": " ".join(description.split())[:_LONGEST],
            "target_url": page,
        }
        path = f"{_path(repository)}/statuses/{quote(commit, safe='')}"
        answer = self._client.send("POST", path, body, _SECONDS)
        if not answer.ok:
            raise ForgeRefusedError(f"the status of {commit[:12]}: {answer.reason}")

    def _read(self, repository: Repository, commit: str) -> list[_Status]:
        found: list[_Status] = []
        path = f"{_path(repository)}/commits/{quote(commit, safe='')}/status"
        number, page = 1, self._page_of(path, 1)
        while page:
            found += page
            number += 1
            page = self._page_of(path, number)
        return found

    def _page_of(self, path: str, number: int) -> list[_Status]:
        answer = self._client.get(path, {"page": number, "limit": _PAGE})
        if answer.status == _NOT_FOUND or answer.moved:
            return []
        if not answer.ok:
            raise ForgeUnavailableError(f"reading the statuses: {answer.reason}")
        return answer.read(_Combined).statuses or []

    def _page(self, target: str) -> str:
        """Return the address of a job's page; empty if it is none that a browser should open."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return ""
        if target.startswith("/") and not parts.netloc:
            base = urlsplit(self._url)
            return f"{base.scheme}://{base.netloc}{target}"
        return target if parts.scheme in {"http", "https"} and parts.hostname else ""


def _is_a_job(status: _Status) -> bool:
    return status.context.startswith(f"{WORKFLOW_NAME} / ")


def _told(job: _Status) -> str:
    name = job.context.removeprefix(f"{WORKFLOW_NAME} / ").rpartition(" (")[0]
    return f"{name}: {job.description}" if name and job.description else name or job.description


def _path(repository: Repository) -> str:
    return f"repos/{quote(repository.owner)}/{quote(repository.name)}"
