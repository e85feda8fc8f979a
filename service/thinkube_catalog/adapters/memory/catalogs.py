"""A catalogue that is given rather than read."""

from __future__ import annotations

from thinkube_catalog.domain.catalog import Catalog


class MemoryCatalogs:
    """The `Catalogs` port over catalogues in memory, merged in order; `replace` changes them."""

    def __init__(self, *catalogs: Catalog) -> None:
        self._catalog = _merged(catalogs)

    def load(self) -> Catalog:
        """Return what was given last; the same object until `replace` is called."""
        return self._catalog

    def replace(self, *catalogs: Catalog) -> None:
        self._catalog = _merged(catalogs)


def _merged(catalogs: tuple[Catalog, ...]) -> Catalog:
    if not catalogs:
        return Catalog()
    merged, *later = catalogs
    for each in later:
        merged = merged.merged_with(each)
    return merged
