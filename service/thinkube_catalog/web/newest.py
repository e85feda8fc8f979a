"""The newest version of templates, as far as it is known now: looking for it delays no page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.web.site import Site


def newest_versions(site: Site, templates: Iterable[str]) -> Mapping[str, str]:
    """Return the newest version of each template, by name. What is not known yet is left out."""
    catalog = site.platform.catalogs.load()
    entries = []
    for template in sorted(set(templates)):
        try:
            entries.append(catalog.entry(template))
        except CatalogError:
            continue  # it is not offered any more; what runs goes on running
    return {name: seen.version for name, seen in site.inspections.of(entries).items()}
