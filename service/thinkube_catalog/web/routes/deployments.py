"""All deployments: the list with its filters, and what is out of date."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from thinkube_catalog.domain.deployments import DeploymentSummary
from thinkube_catalog.operations.releases import is_newer
from thinkube_catalog.web import urls
from thinkube_catalog.web.newest import newest_versions
from thinkube_catalog.web.pages import DeploymentLine, DeploymentsPage, Option
from thinkube_catalog.web.site import Site

PER_PAGE = 50
MOST_OPTIONS = 200

_BY: Mapping[str, Callable[[DeploymentSummary], str]] = {
    name: attrgetter(name) for name in ("template", "version", "owner", "state")
}


def routes(site: Site) -> APIRouter:
    """Return the list of deployments."""
    router = APIRouter(prefix="/deployments")

    @router.get("")
    def show_deployments(
        request: Request,
        q: Annotated[str, Query()] = "",
        template: Annotated[str, Query()] = "",
        version: Annotated[str, Query()] = "",
        owner: Annotated[str, Query()] = "",
        state: Annotated[str, Query()] = "",
        outdated: Annotated[str, Query()] = "",
        after: Annotated[str, Query()] = "",
    ) -> Response:
        given = {"q": q, "template": template, "version": version, "owner": owner, "state": state}
        filters = {name: value for name, value in given.items() if value}
        if outdated:
            filters["outdated"] = "1"
        return site.respond(request, _page(site, filters, after))

    return router


def _page(site: Site, filters: Mapping[str, str], after: str) -> DeploymentsPage:
    every = site.platform.deployments.summaries()
    newest = newest_versions(site, {each.template for each in every})
    found = _found(every, filters, newest)
    following = [each for each in found if each.name > after] if after else found
    shown = following[:PER_PAGE]
    more = len(following) > len(shown)
    return DeploymentsPage(
        title=site.texts("deployments.title"),
        lines=tuple(DeploymentLine(each, _outdated(each, newest)) for each in shown),
        total=len(found),
        all=len(every),
        filters=filters,
        options={name: _options(every, by) for name, by in _BY.items()},
        next=urls.deployments(filters, shown[-1].name) if more else "",
        after=after,
    )


def _outdated(each: DeploymentSummary, newest: Mapping[str, str]) -> str:
    version = newest.get(each.template, "")
    return version if is_newer(version, each.version) else ""


def _found(
    every: Sequence[DeploymentSummary], filters: Mapping[str, str], newest: Mapping[str, str]
) -> Sequence[DeploymentSummary]:
    """Return what fits every filter; each passes over what the one before has left."""
    found = every
    for name, by in _BY.items():
        if wanted := filters.get(name):
            found = [each for each in found if by(each) == wanted]
    for word in filters.get("q", "").lower().split():
        found = [
            each for each in found if word in f"{each.name} {each.template} {each.owner}".lower()
        ]
    return [each for each in found if _outdated(each, newest)] if "outdated" in filters else found


def _options(
    every: Sequence[DeploymentSummary], by: Callable[[DeploymentSummary], str]
) -> tuple[Option, ...]:
    counts = Counter(map(by, every))
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Option(value, value, count) for value, count in ordered[:MOST_OPTIONS] if value)
