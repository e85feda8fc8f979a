"""The catalogue as people use it: templates that come as folders stand where they are published."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from thinkube_catalog.domain.catalog import Catalog, Catalogs
from thinkube_catalog.operations.publish import Published


class PublishedCatalogs:
    """The `Catalogs` port over another: it publishes what has a `source`, once per change.

    So what is rendered and deployed names the published repository (`_src_path`), from which
    `copier update` works. A template that cannot be published stays at its folder, with a warning.
    """

    def __init__(self, catalogs: Catalogs, publish: Callable[[Catalog], Published]) -> None:
        self._catalogs = catalogs
        self._publish = publish
        self._lock = threading.Lock()
        self._seen: Catalog | None = None
        self._catalog = Catalog()

    def load(self) -> Catalog:
        """Keep the promises of the catalogue below; publishes when that one has changed."""
        catalog = self._catalogs.load()
        with self._lock:
            if catalog is not self._seen:
                self._catalog = _placed(catalog, self._publish(catalog))
                self._seen = catalog
            return self._catalog


def _placed(catalog: Catalog, published: Published) -> Catalog:
    entries = tuple(
        replace(entry, location=published.releases[entry.name].location)
        if entry.name in published.releases
        else entry
        for entry in catalog.entries
    )
    return replace(catalog, entries=entries, warnings=(*catalog.warnings, *published.problems))
