"""What a replica holds in its hands, and which of it is in the middle of something."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Condition

from thinkube_catalog.domain.replicas import Claim


class Hands:
    """The claims of one launch; safe for threads. Emptied once, by draining."""

    def __init__(self) -> None:
        self.draining = False
        self._held: set[Claim] = set()
        self._inside: set[Claim] = set()
        self._ended: set[Claim] = set()
        self._changed = Condition()

    def take(self, claim: Claim) -> bool:
        """Hold a claim from now on; False when everything is being given away."""
        with self._changed:
            if not self.draining:
                self._held.add(claim)
            return not self.draining

    def drop(self, claim: Claim) -> None:
        with self._changed:
            self._held.discard(claim)
            self._ended.discard(claim)

    def end(self, claim: Claim) -> None:
        """Remember a claim that is to be forgotten, once the records answer."""
        with self._changed:
            self._ended.add(claim)

    def ended(self) -> Sequence[Claim]:
        with self._changed:
            return tuple(self._ended)

    def enter(self, claim: Claim) -> bool:
        """Begin to do something for a claim; False when everything is being given away."""
        with self._changed:
            if not self.draining:
                self._inside.add(claim)
            return not self.draining

    def leave(self, claim: Claim) -> bool:
        """Say that it is done; return whether the claim is to be given away now."""
        with self._changed:
            self._inside.discard(claim)
            self._changed.notify_all()
            return self.draining

    def drain(self) -> Sequence[Claim]:
        """Refuse everything from now on; return what is held and in the middle of nothing."""
        with self._changed:
            self.draining = True
            return tuple(self._held - self._inside)

    def wait(self, seconds: float) -> bool:
        """Wait at most so long until nothing is in the middle; return whether that came."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._inside, seconds)
