"""Catalogs whose in-tree templates are offered from where they are published."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from thinkube_catalog.domain.catalog import Catalog, CatalogEntry, Catalogs
from thinkube_catalog.operations.publish import Published

FRESH_SECONDS = 2.0
"""How soon a change in a template's folder is noticed."""


class PublishedCatalogs:
    """Keeps the promise of `Catalogs`: entries with a source folder point at their repository.

    So a template in development is rendered exactly as people will get it, from a commit.
    """

    def __init__(
        self,
        catalogs: Catalogs,
        publish: Callable[[Catalog], Published],
        fresh_seconds: float = FRESH_SECONDS,
    ) -> None:
        self._catalogs = catalogs
        self._publish = publish
        self._fresh_seconds = fresh_seconds
        self._lock = threading.Lock()
        self._read: Catalog | None = None
        self._offered = Catalog()
        self._published_at = 0.0

    def load(self) -> Catalog:
        """Publish what has changed, and return the catalog with the published locations."""
        catalog = self._catalogs.load()
        with self._lock:
            fresh = time.monotonic() - self._published_at < self._fresh_seconds
            if catalog is not self._read or not fresh:
                self._offered = self._offer(catalog)
                self._read = catalog
                self._published_at = time.monotonic()
            return self._offered

    def _offer(self, catalog: Catalog) -> Catalog:
        published = self._publish(catalog)
        entries = tuple(_published(entry, published) for entry in catalog.entries)
        if entries == self._offered.entries and catalog is self._read:
            return self._offered  # with the index that it has built
        return replace(catalog, entries=entries, warnings=(*catalog.warnings, *published.problems))


def _published(entry: CatalogEntry, published: Published) -> CatalogEntry:
    release = published.releases.get(entry.name)
    if release is None:
        return entry
    return replace(entry, location=release.location, ref=release.commit)
