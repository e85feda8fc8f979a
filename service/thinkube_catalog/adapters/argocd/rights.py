"""What the service does in Argo CD, and so which rights its role needs there: no others."""

from __future__ import annotations

from dataclasses import dataclass

ROLE = "catalog"
"""The project's role that the service's token is of."""


@dataclass(frozen=True)
class Right:
    """One action on a kind of thing in our project, and what for."""

    resource: str
    action: str
    why: str

    @property
    def askable(self) -> bool:
        """Whether Argo CD answers if we may: it does for plain actions only."""
        return "/" not in self.action

    def __str__(self) -> str:
        return f"{self.resource} {self.action}"

    def policy(self, project: str, role: str = ROLE) -> str:
        """Return the line that gives it to a role of that project, on everything in it."""
        return f"p, proj:{project}:{role}, {self.resource}, {self.action}, {project}/*, allow"


RIGHTS = (
    Right("applications", "get", "follow what runs"),
    Right("applications", "create", "register an application"),
    Right("applications", "update", "change how it is synced"),
    Right("applications", "sync", "roll a commit out"),
    Right("applications", "delete", "remove it"),
    Right("applications", "update//PersistentVolumeClaim/*/*", "keep volumes when it is removed"),
    Right("applications", "delete/batch/Job/*/*", "make a failed job anew"),
    Right("applications", "action/apps/*/restart", "restart it when a secret has changed"),
    Right(
        "applications",
        "update/serving.knative.dev/Service/*/*",
        "the same for what Knative runs, which Argo CD has no action for",
    ),
    Right("logs", "get", "show what it writes"),
    Right("repositories", "get", "see which credentials are there"),
    Right("repositories", "create", "let Argo CD clone a repository, also with a new token"),
    Right("repositories", "delete", "take the credentials back"),
)


def cluster_key(project: str) -> str:
    """Return under which key of Argo CD's own rights `cluster_policy` stands, beside no other."""
    return f"policy.{project}.csv"


def cluster_policy(project: str, address: str) -> str:
    """Return the line that lets the role see how Argo CD reaches one cluster.

    A project gives rights on what is in it, and a cluster is in none.
    """
    return f"p, proj:{project}:{ROLE}, clusters, get, {address}, allow\n"


def policies(project: str) -> list[str]:
    """Return every line that the role needs."""
    return [right.policy(project) for right in RIGHTS]


def beyond(lines: list[str], project: str, role: str) -> list[str]:
    """Return the lines that give more than is needed, in their own spelling."""
    needed = {_squeezed(right.policy(project, role)) for right in RIGHTS}
    return [line for line in lines if _gives(line) and _squeezed(line) not in needed]


def _gives(line: str) -> bool:
    return _squeezed(line).endswith(",allow")


def _squeezed(line: str) -> str:
    return "".join(line.split())
