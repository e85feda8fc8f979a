"""Replicas: several services on one database, of which one carries a run at a time.

A replica is alive while it renews its lease, by the database's clock. What a dead one carried is
taken over by another, which may be wrong: a process can be stopped for a minute and wake in the
middle of a step. So every write that is made for a run says by which claim, and is refused when
the run has changed hands since.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from thinkube_catalog.domain.deployments import Run
from thinkube_catalog.domain.errors import ConflictError, UnavailableError


@dataclass(frozen=True)
class Replica:
    """One service process, with the version of its program and how many runs are in its hands."""

    id: str
    version: str
    carried: int = 0


@dataclass(frozen=True)
class Claim:
    """One attempt of a run in a replica's hands. `number` grows whenever it changes hands."""

    run: str
    attempt: int
    number: int = 0


class Replicas(Protocol):
    """The replicas of one installation, as one of them sees them: the one named `id`."""

    id: str

    def join(self, predecessor: str = "") -> None:
        """Become one of them, and inherit the claims of a predecessor that is known to be gone."""
        ...

    def beat(self) -> bool:
        """Renew the lease, and take the claims of those who let theirs run out.

        Returns whether this one leads: the one that has been alive longest does. One that was
        taken for dead joins anew, with empty hands.
        """
        ...

    def claim(self, runs: Sequence[Run]) -> Sequence[Claim]:
        """Take what is in nobody's hands; return the claims on those of the runs that are ours."""
        ...

    def carrying(self, claim: Claim) -> AbstractContextManager[None]:
        """Refuse every write in this context, with RunTakenError, once the claim is not ours.

        Raises that at once if it is not, or LeaseExpiredError while the lease is not renewed.
        """
        ...

    def check(self) -> None:
        """Raise as `carrying` does if the claim that is carried in this context is not ours.

        For acts outside the database. Does nothing where none is carried.
        """
        ...

    def finish(self, claim: Claim) -> None:
        """Forget a claim whose run has ended."""
        ...

    def release(self, claims: Sequence[Claim]) -> None:
        """Give claims into nobody's hands, so that another replica takes them with its next beat.

        What others have taken is left with them.
        """
        ...

    def pass_on(self, runs: Sequence[Run]) -> None:
        """Give what is held of these runs into nobody's hands: others know how to carry them."""
        ...

    def leave(self) -> None:
        """Release everything, and be none of them any more."""
        ...

    def alive(self) -> Sequence[Replica]:
        """Return the replicas whose lease runs, longest alive first."""
        ...


class RunTakenError(ConflictError):
    def __init__(self, claim: Claim) -> None:
        super().__init__(f"run {claim.run} is in the hands of another replica now")
        self.claim = claim


class LeaseExpiredError(UnavailableError):
    def __init__(self) -> None:
        super().__init__("this replica has not been able to renew its lease")
