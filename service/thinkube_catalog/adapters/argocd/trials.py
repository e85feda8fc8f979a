"""Whether Argo CD is told of pushes and reads repositories, for `tkt doctor`.

What Gitea delivers for a repository makes Argo CD ask for a refresh of the applications on it. It
asks by an annotation that is there for a moment, so applications are watched for that mark. Before
the first deployment there is none: one that applies nothing is made, and deleted again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

from pydantic import BaseModel, Field

from thinkube_catalog.adapters.argocd.applications import Applications
from thinkube_catalog.adapters.argocd.client import ArgoCdClient, read
from thinkube_catalog.adapters.argocd.destination import destination
from thinkube_catalog.adapters.argocd.project import ProjectPlan
from thinkube_catalog.domain.gitops import EngineUnavailableError

REFRESH = "argocd.argoproj.io/refresh"

_LABEL = {"app.kubernetes.io/managed-by": "thinkube-catalog-doctor"}
_UNREAD = "ComparisonError"
_FIRST_SECONDS = 10.0
_PAUSE = 0.2


class _Metadata(BaseModel):
    name: str
    annotations: dict[str, str] = {}


class _Source(BaseModel):
    repo: str = Field("", alias="repoURL")


class _Spec(BaseModel):
    source: _Source = Field(default_factory=lambda: _Source(repoURL=""))


class _Condition(BaseModel):
    type: str = ""
    message: str = ""


class _Status(BaseModel):
    compared_at: str = Field("", alias="reconciledAt")
    conditions: list[_Condition] = []


class _Application(BaseModel):
    metadata: _Metadata
    spec: _Spec = _Spec()
    status: _Status = Field(default_factory=lambda: _Status(reconciledAt=""))


class _Applications(BaseModel):
    items: list[_Application] | None = None


class Marks:
    """Looks at applications of our project for what Argo CD notes there."""

    def __init__(
        self, open_client: Callable[[], ArgoCdClient], plan: ProjectPlan, read_token: str = ""
    ) -> None:
        """`read_token` is what Argo CD is to read repositories by, where the service gives it."""
        self._open = open_client
        self._plan = plan
        self._read_token = read_token

    def applications(self) -> dict[str, str]:
        """Name our applications, by the address of the repository that each is on.

        Raises EngineUnavailableError, EngineRefusedError.
        """
        query = {"projects": self._plan.name, "fields": "items.metadata.name,items.spec"}
        with self._client() as client:
            found = client.get("applications", query)
            there = found.expect("listing applications").read(_Applications).items or ()
        return {it.spec.source.repo: it.metadata.name for it in there}

    @contextmanager
    def probing(self, repository: str) -> Iterator[str]:
        """Give the name of an application on that repository that applies nothing.

        It has the credentials that a deployment's has. One that was left by somebody who was
        interrupted is taken. Raises as `applications`.
        """
        name = f"{self._plan.name}-doctor"
        query = {"upsert": "true", "validate": "false"}
        with self._client() as client:
            known = Applications(client, self._plan.name)
            try:
                if self._read_token:
                    known.write_repository(repository, self._read_token)
                made = client.send("POST", "applications", query, self._record(name, repository))
                made.expect("making an application for a trial")
                yield name
            finally:
                gone = {"project": self._plan.name, "cascade": "false"}
                client.send("DELETE", f"applications/{quote(name, safe='')}", gone)
                if self._read_token:
                    known.delete_repositories(lambda url: url == repository)

    def complaint(self, name: str) -> str | None:
        """Return why Argo CD cannot read what an application is on; empty where it can.

        None where it has not looked in time. Raises as `applications`.
        """
        path, query = f"applications/{quote(name, safe='')}", {"project": self._plan.name}
        deadline = time.monotonic() + _FIRST_SECONDS
        with self._client() as client:
            while time.monotonic() < deadline:
                there = client.get(path, query).expect("reading an application").read(_Application)
                if there.status.compared_at:
                    told = (it.message for it in there.status.conditions if it.type == _UNREAD)
                    return next(told, "")
                threading.Event().wait(_PAUSE)
        return None

    @contextmanager
    def watching(self, name: str) -> Iterator[Callable[[], bool]]:
        """Give what says whether the mark has been seen since. Raises EngineUnavailableError."""
        client = self._open()
        seen, begun = threading.Event(), threading.Event()
        arguments = (client, name, begun, seen)
        thread = threading.Thread(target=self._watch, args=arguments, daemon=True)
        thread.start()
        try:
            if not begun.wait(_FIRST_SECONDS):
                raise EngineUnavailableError(f"it shows no changes of {name}")
            yield seen.is_set
        finally:
            client.close()
            thread.join(timeout=_FIRST_SECONDS)

    def _watch(
        self, client: ArgoCdClient, name: str, begun: threading.Event, seen: threading.Event
    ) -> None:
        query = {"name": name, "projects": self._plan.name}
        marked = True  # what is there at the beginning was left by somebody else
        try:
            for event in client.events("stream/applications", query):
                if event is None:
                    continue
                there = REFRESH in read(_Application, event.get("application")).metadata.annotations
                if there and not marked:
                    seen.set()
                marked = there
                begun.set()
        except EngineUnavailableError:
            return  # the stream is over; what was not seen is told as not seen

    @contextmanager
    def _client(self) -> Iterator[ArgoCdClient]:
        client = self._open()
        try:
            yield client
        finally:
            client.close()

    def _record(self, name: str, repository: str) -> dict[str, object]:
        return {
            "metadata": {"name": name, "labels": dict(_LABEL)},
            "spec": {
                "project": self._plan.name,
                "source": {"repoURL": repository, "targetRevision": "main", "path": "."},
                "destination": {
                    **destination(self._plan.cluster),
                    "namespace": f"{self._plan.namespace_prefix}doctor",
                },
            },
        }
