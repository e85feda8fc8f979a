"""The cluster that applications run on: by its address, or by the name that Argo CD has for it."""

from __future__ import annotations


def is_address(cluster: str) -> bool:
    """Say whether a cluster is told by its address; else it is a name."""
    return "://" in cluster


def destination(cluster: str) -> dict[str, str]:
    """Return how records and projects name a cluster: one of the two, never both."""
    return {"server" if is_address(cluster) else "name": cluster}
