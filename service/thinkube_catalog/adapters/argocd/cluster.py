"""The cluster's own API, for what Argo CD does not do: namespaces, secrets, what holds them up.

Each promise below is kept by `tests/contracts/test_cluster.py`, for every cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from thinkube_catalog.domain.errors import ConflictError
from thinkube_catalog.domain.gitops import Cause
from thinkube_catalog.domain.secrets import SecretValue


@dataclass(frozen=True)
class Supply:
    """One secret to be delivered: the key that it stands under in `Secrets`, and its value.

    `value` is None where nothing is stored under that key.
    """

    key: str
    value: SecretValue | None


@dataclass(frozen=True)
class Delivery:
    """What was delivered.

    `revision` is a word that stays the same until one of the values (or names) changes, also
    across restarts and replicas; it tells nothing about them, not even to who can guess. It is
    empty where there are no values: none is to be delivered, or they have not been fetched yet.
    `missing` are the names that have no value.
    """

    revision: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrival:
    """How far values have come that somebody else fetches.

    `revision` is that of `Delivery` for the values that are there now: another one says that they
    have changed since. It is empty until all of them are there. `causes` say why they are not, or
    why newer ones are not; `lacking` that their store does not have one of them.
    """

    revision: str = ""
    causes: tuple[Cause, ...] = ()
    lacking: bool = False

    @property
    def awaited(self) -> bool:
        """Whether what reads them cannot run yet."""
        return bool(self.causes) and not self.revision


@dataclass(frozen=True)
class RegistryAccount:
    """By whom images are pulled. The registry has no scheme, as in the names of its images."""

    registry: str
    user: str
    token: SecretValue


class Cluster(Protocol):
    """Namespaces of applications and what is in them beside what Argo CD puts there.

    Everything raises EngineUnavailableError where the cluster does not answer or refuses.
    """

    def ensure_namespace(self, name: str, marker: str, labels: Mapping[str, str]) -> None:
        """Make the namespace exist with these labels, marked with the deployment's id.

        Does nothing if it does. One that was released may be taken by any marker. Raises
        NamespaceTakenError if it exists with another marker, or with none;
        EngineUnavailableError while it is being deleted.
        """
        ...

    def deliver(
        self, namespace: str, name: str, supplies: Mapping[str, Supply], marker: str
    ) -> Delivery:
        """Make the Secret of that name hold exactly these values, by environment name.

        Names without a value are left out and reported. Delivering the same again changes
        nothing. An empty mapping makes sure that there is no such Secret. Where somebody else
        fetches the values, has them fetched anew and waits a moment for that. Raises
        NamespaceTakenError if the namespace has another marker.
        """
        ...

    def arrival(self, namespace: str, name: str) -> Arrival:
        """Say how far a delivered Secret has come that somebody else fills.

        Says nothing of one that was delivered whole, and of none.
        """
        ...

    def allow_pulls(
        self, namespace: str, name: str, account: RegistryAccount | None, marker: str
    ) -> None:
        """Make the Secret of that name what images of the registry are pulled by, and no more.

        Allowing the same again changes nothing; without an account there is no such Secret
        afterwards. Raises NamespaceTakenError if the namespace has another marker.
        """
        ...

    def claims(self, namespace: str) -> Sequence[str]:
        """Name the volume claims in the namespace; none where there is no such namespace."""
        ...

    def release_namespace(self, name: str, marker: str, secrets: tuple[str, ...]) -> None:
        """Keep the namespace and its claims for the next application of that name.

        Deletes the Secrets of those names and takes the marker off. Does nothing if there is no
        such namespace, or it is released. Raises NamespaceTakenError if its marker is another.
        """
        ...

    def remove_namespace(self, name: str, marker: str) -> Sequence[str]:
        """Begin to delete the namespace with all that is in it; return at once.

        Returns what is still there, in words, each with the finalizers that hold it; nothing
        once it is gone. Safe to repeat. Raises NamespaceTakenError if its marker is another;
        a released one may be removed by any.
        """
        ...


class NamespaceTakenError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"the namespace {name} exists and was not made for this deployment; "
            "choose another name, or remove that namespace",
        )
        self.name = name
