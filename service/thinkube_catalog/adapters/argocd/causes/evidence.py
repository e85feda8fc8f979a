"""What was seen of an application that is not healthy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from thinkube_catalog.adapters.argocd.answers import ArgoApplication, Event, Node
from thinkube_catalog.domain.forge import Build


@dataclass(frozen=True)
class Seen:
    """One object that is not well: its node, itself as the cluster has it, what was told of it.

    `lines` are the last ones of its log, where it has one.
    """

    node: Node
    manifest: Mapping[str, Any]
    events: tuple[Event, ...] = ()
    lines: tuple[str, ...] = ()

    def told(self, *reasons: str) -> Event | None:
        """Return the newest event for one of these reasons."""
        fitting = [each for each in self.events if each.reason in reasons]
        return max(fitting, key=_time_of, default=None)

    @property
    def status(self) -> Mapping[str, Any]:
        return mapping(self.manifest.get("status"))

    @property
    def spec(self) -> Mapping[str, Any]:
        return mapping(self.manifest.get("spec"))


@dataclass(frozen=True)
class Evidence:
    """All that was seen at one time."""

    application: ArgoApplication
    seen: tuple[Seen, ...]
    now: datetime
    build: Build | None = None


def mapping(found: object) -> Mapping[str, Any]:
    """Return what is a mapping, and an empty one for what is none: it comes from outside."""
    return found if isinstance(found, dict) else {}


def items(found: object) -> Iterator[Mapping[str, Any]]:
    """Give the mappings of a list."""
    if isinstance(found, list):
        yield from (each for each in found if isinstance(each, dict))


def time_of(found: object) -> datetime | None:
    """Return a time of Kubernetes."""
    try:
        at = datetime.fromisoformat(str(found))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _time_of(event: Event) -> datetime:
    return event.last_timestamp or event.event_time or datetime.min.replace(tzinfo=UTC)
