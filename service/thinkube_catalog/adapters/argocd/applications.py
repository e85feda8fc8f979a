"""Argo CD's calls about one project's applications, each named for what it does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from thinkube_catalog.adapters.argocd.answers import (
    ArgoApplication,
    Event,
    Events,
    KnownRepositories,
    Listing,
    LogEntry,
    Node,
    Resource,
    Tree,
)
from thinkube_catalog.adapters.argocd.client import Answer, ArgoCdClient, LostAnswerError, read
from thinkube_catalog.adapters.argocd.desired import MANAGED, SYNC_OPTIONS, is_as_wanted
from thinkube_catalog.domain.gitops import EngineBusyError

OPERATION_INFO = "thinkube-operation"
"""The entry of a sync's infos by which it is known to be ours."""

_NOT_FOUND, _INVALID = 404, 400
_RESTARTED = "kubectl.kubernetes.io/restartedAt"
_REFRESH_SECONDS = 2.0
_SELECTOR = ",".join(f"{key}={value}" for key, value in MANAGED.items())


class Applications:
    """Every call names the project: without it Argo CD says 403 for what does not exist."""

    def __init__(self, client: ArgoCdClient, project: str) -> None:
        self._client = client
        self.project = project

    def find(self, record: str) -> ArgoApplication | None:
        """Return the record as it is now; None where there is none in this project."""
        answer = self._client.get(_path(record), {"project": self.project})
        if answer.status == _NOT_FOUND:
            return None
        return answer.expect(f"reading the application {record}").read(ArgoApplication)

    def all(self) -> tuple[ArgoApplication, ...]:
        """Return all of ours."""
        query = {"projects": self.project, "selector": _SELECTOR}
        answer = self._client.get("applications", query)
        return answer.expect("listing the applications").read(Listing).items

    def watch(self) -> Iterator[tuple[str, ArgoApplication] | None]:
        """Follow changes of ours; None is a sign of life. See `ArgoCdClient.events`."""
        query = {"projects": self.project, "selector": _SELECTOR}
        for event in self._client.events("stream/applications", query):
            if event is None:
                yield None
            else:
                application = read(ArgoApplication, event.get("application"))
                yield str(event.get("type")), application

    def write(self, record: Mapping[str, Any], *, anew: bool) -> ArgoApplication | None:
        """Make the record, or make it so where it exists; None if one is there and was not to be.

        It may name a repository that Argo CD cannot read yet.
        """
        name = record["metadata"]["name"]
        query = {"upsert": "false" if anew else "true", "validate": "false"}
        try:
            answer = self._client.send("POST", "applications", query, record)
        except LostAnswerError:
            there = self.find(name)
            if there is None or not is_as_wanted(there, record):
                raise
            return there
        if anew and answer.status == _INVALID and "existing application" in answer.reason:
            return None
        return answer.expect(f"writing the application {name}").read(ArgoApplication)

    def note(self, there: ArgoApplication, notes: Mapping[str, str]) -> None:
        """Change annotations of a record; never makes one."""
        name = there.metadata.name
        found = self._client.get(_path(name), {"project": self.project})
        body = found.expect(f"reading the application {name}").body
        metadata = body["metadata"]
        kept = ("name", "namespace", "labels", "finalizers")
        changed = {
            "metadata": {
                **{key: metadata[key] for key in kept if key in metadata},
                "annotations": {**(metadata.get("annotations") or {}), **notes},
            },
            "spec": body["spec"],
        }
        query = {"validate": "false", "project": self.project}
        answer = self._client.send("PUT", _path(name), query, changed)
        answer.expect(f"noting something at the application {name}")

    def refresh(self, record: str, *, hard: bool = False) -> None:
        """Have Argo CD look at the branch again. It answers when it has; nobody waits for that.

        `hard` forgets what it knows of the commit, as well that it could not be read: after
        some failures Argo CD does not try that commit again for an hour.
        """
        query = {"project": self.project, "refresh": "hard" if hard else "normal"}
        self._client.poke(_path(record), query, _REFRESH_SECONDS)

    def sync(self, record: str, operation: str) -> bool:
        """Ask for a sync to the branch; False where another operation is under way."""
        body = {
            "name": record,
            "project": self.project,
            "prune": True,
            "infos": [{"name": OPERATION_INFO, "value": operation}],
        }
        answer = self._client.send("POST", f"{_path(record)}/sync", None, body)
        if answer.status == _INVALID and "another operation" in answer.reason:
            return False
        if answer.status == _INVALID and "deleting" in answer.reason:
            raise EngineBusyError(f"{record} is being deleted")
        answer.expect(f"syncing the application {record}")
        return True

    def terminate(self, record: str) -> None:
        """End the operation that is under way, if one is."""
        path = f"{_path(record)}/operation"
        answer = self._client.send("DELETE", path, {"project": self.project})
        if answer.status not in {_INVALID, _NOT_FOUND}:
            answer.expect(f"ending the operation of {record}")

    def delete(self, record: str) -> bool:
        """Begin to delete the record with what it made; False where there is none."""
        query = {
            "cascade": "true",
            "propagationPolicy": "foreground",
            "project": self.project,
        }
        answer = self._client.send("DELETE", _path(record), query)
        if answer.status == _NOT_FOUND:
            return False
        answer.expect(f"deleting the application {record}")
        return True

    def tree(self, record: str, seconds: float = 0.0) -> Tree:
        """Return all objects: those of the repository, and those that grew out of them."""
        path = f"{_path(record)}/resource-tree"
        answer = self._client.get(path, {"project": self.project}, seconds)
        return answer.expect(f"reading the objects of {record}").read(Tree)

    def events(self, record: str, node: Node) -> tuple[Event, ...]:
        """Return what Kubernetes told about an object."""
        query = {
            "project": self.project,
            "resourceNamespace": node.namespace,
            "resourceName": node.name,
            "resourceUID": node.uid,
        }
        answer = self._client.get(f"{_path(record)}/events", query)
        return answer.read(Events).items if answer.ok else ()  # it may be gone by now

    def manifest(self, record: str, node: Node | Resource) -> dict[str, Any]:
        """Return an object as it is in the cluster; empty if it is gone."""
        answer = self._client.get(f"{_path(record)}/resource", self._naming(node))
        text = answer.body.get("manifest") if answer.ok and isinstance(answer.body, dict) else None
        return _object(text)

    def keep(self, record: str, resource: Resource) -> None:
        """Have a deletion leave one object where it is."""
        annotations = {SYNC_OPTIONS: "Delete=false"}
        self._patch(record, resource, {"metadata": {"annotations": annotations}}, "keeping")

    def remove(self, record: str, resource: Resource) -> None:
        """Delete one object; a sync makes it anew."""
        answer = self._client.send("DELETE", f"{_path(record)}/resource", self._naming(resource))
        if not _is_absent(answer):
            answer.expect(f"deleting {resource.kind} {resource.name}")

    def restart(self, record: str, resource: Resource) -> None:
        """Replace the pods of a workload, in its own careful way."""
        if "knative" in resource.group:
            self._begin_revision(record, resource)  # Argo CD has no action for these
            return
        body = {**self._naming(resource), "name": record, "action": "restart"}
        path = f"{_path(record)}/resource/actions/v2"
        answer = self._client.send("POST", path, None, body)
        if not _is_absent(answer):
            answer.expect(f"restarting {resource.kind} {resource.name}")

    def _begin_revision(self, record: str, resource: Resource) -> None:
        """Have Knative begin a new Revision, which takes the requests once it is ready."""
        annotations = {_RESTARTED: datetime.now(UTC).isoformat(timespec="seconds")}
        template = {"metadata": {"annotations": annotations}}
        self._patch(record, resource, {"spec": {"template": template}}, "restarting")

    def _patch(
        self, record: str, resource: Resource, patch: Mapping[str, object], doing: str
    ) -> None:
        query = {**self._naming(resource), "patchType": "application/merge-patch+json"}
        path = f"{_path(record)}/resource"
        answer = self._client.send("POST", path, query, json.dumps(patch))
        if not _is_absent(answer):
            answer.expect(f"{doing} {resource.kind} {resource.name}")

    def log(self, record: str, node: Node, query: Mapping[str, str | int]) -> list[LogEntry]:
        """Return the lines of one pod in order."""
        asked = {
            "project": self.project,
            "namespace": node.namespace,
            "podName": node.name,
            **query,
        }
        found = self._client.lines(f"{_path(record)}/logs", asked)
        return [read(LogEntry, line) for line in found]

    def write_repository(self, url: str, token: str) -> None:
        """Give Argo CD the credentials of one repository, for this project alone."""
        body = {
            "repo": url,
            "type": "git",
            "username": "thinkube-catalog",  # any but an empty one
            "password": token,
            "project": self.project,
        }
        answer = self._client.send("POST", "repositories", {"upsert": "true"}, body)
        answer.expect("giving Argo CD the credentials of the repository")

    def delete_repositories(self, ours: Callable[[str], bool]) -> None:
        """Forget credentials. Argo CD says 403 for unknown ones, so the list is asked first."""
        query = {"appProject": self.project}
        answer = self._client.get("repositories", query)
        known = answer.expect("listing the repositories").read(KnownRepositories).items
        for url in (each.repo for each in known if each.project == self.project):
            if ours(url):
                done = self._client.send("DELETE", f"repositories/{quote(url, safe='')}", query)
                done.expect("removing the credentials of the repository")

    def _naming(self, one: Node | Resource) -> dict[str, str]:
        return {
            "project": self.project,
            "namespace": one.namespace,
            "resourceName": one.name,
            "kind": one.kind,
            "group": one.group,
            "version": one.version,
        }


def _path(record: str) -> str:
    return f"applications/{quote(record, safe='')}"


def _is_absent(answer: Answer) -> bool:
    """Whether an object of an application is not in the cluster."""
    absent = answer.status == _INVALID and "not found as part of" in answer.reason
    return absent or answer.status == _NOT_FOUND


def _object(text: object) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
