"""What our applications look like in Argo CD: the record that we write, and what we note in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from thinkube_catalog.adapters.argocd.answers import ArgoApplication
from thinkube_catalog.adapters.argocd.destination import destination
from thinkube_catalog.domain.forge import Repository
from thinkube_catalog.domain.gitops import Application

MARKER = "thinkube.io/deployment"
NAME = "thinkube.io/name"
SECRETS = "thinkube.io/secrets"  # which secrets it reads, by name: never values
MISSING = "thinkube.io/secrets-missing"
DELIVERED = "thinkube.io/secrets-revision"
SERVING = "thinkube.io/serving"
"""Annotations: whose an application is, and what has to be known after a restart of ours."""

MANAGED = {"app.kubernetes.io/managed-by": "thinkube-catalog"}
"""The label by which our applications and namespaces are listed."""

CASCADE = "resources-finalizer.argocd.argoproj.io"
"""Keeps the record until everything that it made is gone."""

SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
"""With them the cluster itself says what applying would change: it alone knows all its defaults."""

MANIFESTS = "k8s"
"""The folder of a repository that Argo CD applies."""

BRANCH = "main"


@dataclass(frozen=True)
class Retries:
    """How often a failed sync is tried again, in seconds, before it counts as failed."""

    limit: int = 3
    first: int = 5
    longest: int = 30


@dataclass(frozen=True)
class Placement:
    """Where applications go. All of it is ours to say; a repository cannot choose any."""

    project: str = "thinkube"
    cluster: str = "https://kubernetes.default.svc"
    prefix: str = "tkt-"
    repositories: str = ""
    retries: Retries = field(default_factory=Retries)

    def record_name(self, name: str) -> str:
        """Name the record in Argo CD, and the namespace: the names of all projects are shared."""
        return f"{self.prefix}{name}"

    def secret_name(self, name: str) -> str:
        return f"{name}-secrets"

    def clone_url(self, application: Application) -> str:
        """Spell the repository's address: always the same way, or Argo CD takes it for another."""
        return f"{self.repositories.rstrip('/')}/{application.repository}.git"

    def repository_of(self, spec: Mapping[str, Any]) -> Repository | None:
        """Return which repository a record applies; None where somebody has made it another."""
        source = spec.get("source")
        url = str(source.get("repoURL", "")) if isinstance(source, dict) else ""
        base = f"{self.repositories.rstrip('/')}/"
        owner, _, name = url.removeprefix(base).removesuffix(".git").partition("/")
        plain = url.startswith(base) and owner and name and "/" not in name
        return Repository(owner, name) if plain else None

    def is_of(self, url: str, name: str) -> bool:
        """Say whether credentials are those of the application's repository."""
        repository = self.repository_of({"source": {"repoURL": url}})
        return repository is not None and repository.name == name


def record(
    application: Application, placement: Placement, notes: Mapping[str, str]
) -> dict[str, Any]:
    """Return the record that we want, as Argo CD takes it."""
    return {
        "metadata": {
            "name": placement.record_name(application.name),
            "labels": dict(MANAGED),
            "annotations": {
                MARKER: application.marker,
                NAME: application.name,
                SECRETS: json.dumps(dict(application.secrets), sort_keys=True),
                COMPARE_OPTIONS: "ServerSideDiff=true,IncludeMutationWebhook=true",
                **notes,
            },
            "finalizers": [CASCADE],
        },
        "spec": {
            "project": placement.project,
            "source": {
                "repoURL": placement.clone_url(application),
                "targetRevision": BRANCH,
                "path": MANIFESTS,
                # Whatever a repository says, its objects go to its own namespace.
                "kustomize": {"namespace": placement.record_name(application.name)},
            },
            "destination": {
                **destination(placement.cluster),
                "namespace": placement.record_name(application.name),
            },
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "syncOptions": ["CreateNamespace=false", "PruneLast=true", "ServerSideApply=true"],
                "retry": _retry(placement.retries),
            },
        },
    }


def _retry(retries: Retries) -> dict[str, Any]:
    return {
        "limit": retries.limit,
        "backoff": {
            "duration": f"{retries.first}s",
            "factor": 2,
            "maxDuration": f"{retries.longest}s",
        },
        "refresh": True,  # a mended commit is taken at once, not after the broken one's retries
    }


def is_as_wanted(there: ArgoApplication, wanted: Mapping[str, Any]) -> bool:
    """Say whether a record has all that we want in it; what others added does not matter."""
    metadata = wanted["metadata"]
    return (
        metadata["labels"].items() <= there.metadata.labels.items()
        and metadata["annotations"].items() <= there.metadata.annotations.items()
        and set(metadata["finalizers"]) <= set(there.metadata.finalizers)
        and _holds(there.spec, wanted["spec"])
    )


def _holds(there: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(
            # Argo CD leaves out what is false
            _holds(there.get(key, False), value)
            for key, value in wanted.items()
        )
    return there == wanted


def secrets_of(there: ArgoApplication) -> dict[str, str]:
    """Return the keys of its secrets by environment name; none where somebody spoilt the note."""
    try:
        found = json.loads(there.metadata.annotations.get(SECRETS, "{}"))
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def missing_of(there: ArgoApplication) -> list[str]:
    """Name the secrets that had no value when they were last delivered."""
    return [name for name in there.metadata.annotations.get(MISSING, "").split(",") if name]
