"""Whether Argo CD is told of pushes, for `tkt doctor`: by the mark that a webhook leaves.

What Gitea delivers for a repository makes Argo CD ask for a refresh of the applications on it. It
asks by an annotation that is there for a moment, so applications are watched for it. Before the
first deployment there is none: one that makes nothing is made for it, and deleted again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

from pydantic import BaseModel, Field

from thinkube_catalog.adapters.argocd.client import ArgoCdClient, read
from thinkube_catalog.adapters.argocd.destination import destination
from thinkube_catalog.adapters.argocd.project import ProjectPlan
from thinkube_catalog.domain.gitops import EngineUnavailableError

REFRESH = "argocd.argoproj.io/refresh"

_LABEL = {"app.kubernetes.io/managed-by": "thinkube-catalog-doctor"}
_FIRST_SECONDS = 10.0


class _Metadata(BaseModel):
    name: str
    annotations: dict[str, str] = {}


class _Source(BaseModel):
    repo: str = Field("", alias="repoURL")


class _Spec(BaseModel):
    source: _Source = Field(default_factory=lambda: _Source(repoURL=""))


class _Application(BaseModel):
    metadata: _Metadata
    spec: _Spec = _Spec()


class _Applications(BaseModel):
    items: list[_Application] | None = None


class Marks:
    """Looks for the mark at applications of our project."""

    def __init__(self, open_client: Callable[[], ArgoCdClient], plan: ProjectPlan) -> None:
        self._open = open_client
        self._plan = plan

    def application_of(self, repository: str) -> str:
        """Name an application on that repository; empty where there is none.

        Raises EngineUnavailableError, EngineRefusedError.
        """
        with self._client() as client:
            found = client.get("applications", {"projects": self._plan.name})
            there = found.expect("listing applications").read(_Applications).items or ()
        names = (it.metadata.name for it in there if it.spec.source.repo == repository)
        return next(names, "")

    @contextmanager
    def probing(self, repository: str) -> Iterator[str]:
        """Give the name of an application on that repository that applies nothing.

        One that was left by somebody who was interrupted is taken. Raises as `application_of`.
        """
        name = f"{self._plan.name}-doctor"
        query = {"upsert": "true", "validate": "false"}
        with self._client() as client:
            made = client.send("POST", "applications", query, self._record(name, repository))
            made.expect("making an application to try webhooks")
            try:
                yield name
            finally:
                gone = {"project": self._plan.name, "cascade": "false"}
                client.send("DELETE", f"applications/{quote(name, safe='')}", gone)

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
