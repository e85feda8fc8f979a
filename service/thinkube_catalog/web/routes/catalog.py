"""The catalog: search, facets and cards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from thinkube_catalog.domain.catalog import Catalog
from thinkube_catalog.operations import browse
from thinkube_catalog.web import urls
from thinkube_catalog.web.pages import Card, CatalogPage, FacetLink
from thinkube_catalog.web.routes.listing import RunningCounts
from thinkube_catalog.web.site import Site

PER_PAGE = 30
MOST_TAGS = 40
LONGEST = 200


def routes(site: Site) -> APIRouter:
    """Return the catalog's page."""
    router = APIRouter()
    counts = RunningCounts(site.platform)

    @router.get("/")
    def show_catalog(
        request: Request,
        q: Annotated[str, Query()] = "",
        category: Annotated[str, Query()] = "",
        tag: Annotated[list[str] | None, Query()] = None,
        after: Annotated[str, Query()] = "",
    ) -> Response:
        wanted = _Wanted(q[:LONGEST], category[:LONGEST], tuple(dict.fromkeys(tag or ())))
        found = browse.search(
            site.platform,
            wanted.query,
            tags=wanted.tags,
            category=wanted.category,
            after=after,
            limit=PER_PAGE,
        )
        catalog = site.platform.catalogs.load()
        cards = _cards(site, catalog, found.items, counts)
        return site.respond(request, _page(site, wanted, after, found, cards, catalog))

    return router


class _Wanted:
    """What the address asks for, and the addresses of everything one step away from it."""

    def __init__(self, query: str, category: str, tags: tuple[str, ...]) -> None:
        self.query, self.category, self.tags = query, category, tags

    def with_category(self, value: str) -> str:
        return urls.catalog(self.query, "" if value == self.category else value, self.tags)

    def with_tag(self, value: str) -> str:
        others = tuple(tag for tag in self.tags if tag != value)
        return urls.catalog(
            self.query, self.category, others if value in self.tags else (*self.tags, value)
        )

    def after(self, cursor: str) -> str:
        return urls.catalog(self.query, self.category, self.tags, cursor) if cursor else ""


def _cards(
    site: Site,
    catalog: Catalog,
    found: Iterable[browse.TemplateSummary],
    counts: RunningCounts,
) -> tuple[Card, ...]:
    items = list(found)
    inspected = site.inspections.of([catalog.entry(each.name) for each in items])
    running = counts.now()
    return tuple(
        Card(
            template=each,
            category=catalog.categories.get(each.category, each.category),
            inspection=inspected.get(each.name),
            running=running.get(each.name, 0),
        )
        for each in items
    )


def _page(
    site: Site,
    wanted: _Wanted,
    after: str,
    found: browse.Page,
    cards: Sequence[Card],
    catalog: Catalog,
) -> CatalogPage:
    chosen = [facet for facet in found.tags if facet.value in wanted.tags]
    others = [facet for facet in found.tags if facet.value not in wanted.tags]
    return CatalogPage(
        title=site.texts("catalog.title"),
        query=wanted.query,
        category=wanted.category,
        tags=wanted.tags,
        after=after,
        cards=tuple(cards),
        found=found,
        categories=tuple(
            FacetLink(
                each.label,
                each.count,
                each.value == wanted.category,
                wanted.with_category(each.value),
            )
            for each in found.categories
        ),
        tag_links=tuple(
            FacetLink(
                each.label, each.count, each.value in wanted.tags, wanted.with_tag(each.value)
            )
            for each in (*chosen, *others)[:MOST_TAGS]
        ),
        clear=urls.catalog(),
        next=wanted.after(found.next),
        offered=len(catalog.index),
    )
