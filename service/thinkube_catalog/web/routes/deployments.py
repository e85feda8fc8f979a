"""All deployments: the list with its filters, what is out of date, and bulk actions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from thinkube_catalog.domain.deployments import DeploymentSummary, KeyReusedError
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.operations import changes, upgrade
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.releases import is_newer
from thinkube_catalog.operations.upgrade import UpgradeInvalidError, UpgradeRequest
from thinkube_catalog.web import urls
from thinkube_catalog.web.fields import Fields, SentFields
from thinkube_catalog.web.pages import BulkPage, BulkPlan, DeploymentLine, DeploymentsPage, Option
from thinkube_catalog.web.site import Site

PER_PAGE = 50
MOST_OPTIONS = 200
MOST_AT_ONCE = 200
MOST_PLANNED = 20
"""Merging takes a while, so the plan of a long list says no more than the releases."""

ACTIONS = ("retry", "upgrade", "remove")

_BY: Mapping[str, Callable[[DeploymentSummary], str]] = {
    name: attrgetter(name) for name in ("template", "version", "owner", "state")
}


def routes(site: Site) -> APIRouter:
    """Return the list of deployments and what can be done to several of them."""
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

    @router.post("")
    def act_on_several(request: Request, fields: SentFields) -> Response:
        names = fields.all("name")[:MOST_AT_ONCE]
        action = fields.get("action")
        if action not in ACTIONS:
            action = ACTIONS[0]
        confirmed = fields.get("confirmed") == "true"
        if confirmed:
            plans = tuple(_perform(site.platform, action, name, fields) for name in names)
        else:
            plans = tuple(_plan(site, action, name, n) for n, name in enumerate(names))
        page = BulkPage(
            title=site.texts(f"bulk.{action}", n=len(names)),
            action=action,
            plans=plans,
            done=confirmed,
            key=fields.get("key") or uuid4().hex,
        )
        return site.respond(request, page)

    return router


def _page(site: Site, filters: Mapping[str, str], after: str) -> DeploymentsPage:
    every = site.platform.deployments.summaries()
    newest = _newest(site, {each.template for each in every})
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


def _newest(site: Site, templates: Iterable[str]) -> Mapping[str, str]:
    """Return the newest version of each template, as far as it is known now."""
    catalog = site.platform.catalogs.load()
    entries = []
    for template in sorted(templates):
        try:
            entries.append(catalog.entry(template))
        except CatalogError:
            continue  # it is not offered any more; what runs goes on running
    return {name: seen.version for name, seen in site.inspections.of(entries).items()}


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


def _plan(site: Site, action: str, name: str, place: int) -> BulkPlan:
    platform = site.platform
    try:
        if action == "remove":
            return BulkPlan(name, changes.removal_plan(platform, name))
        if action == "upgrade" and place < MOST_PLANNED:
            return _upgrade_plan(site, name)
        platform.deployments.get(name)
    except CatalogError as error:
        return BulkPlan(name, (), str(error))
    return BulkPlan(name, ())


def _upgrade_plan(site: Site, name: str) -> BulkPlan:
    planned = upgrade.plan(site.platform, UpgradeRequest(name))
    if planned.problems:
        return BulkPlan(name, (), "; ".join(map(str, planned.problems)))
    before, after = (upgrade.name_of(each.release) for each in (planned.before, planned.deployment))
    files = len(upgrade.changed_paths(planned.ours, planned.merge.files))
    said = [
        site.texts("bulk.to", before=before, after=after),
        site.texts("bulk.changes", n=files),
        *([site.texts("bulk.conflicts", n=len(planned.conflicts))] if planned.conflicts else ()),
    ]
    return BulkPlan(name, (), said=" · ".join(said))


def _upgrade(platform: Platform, name: str, fields: Fields) -> None:
    asked = UpgradeRequest(name, apply=fields.get("apply") == "true", key=fields.get("key"))
    try:
        upgrade.request(platform, asked)
    except (UpgradeInvalidError, KeyReusedError):
        if not asked.apply:
            raise
        # What is in conflict is only proposed, now or when this was sent before.
        upgrade.request(platform, replace(asked, apply=False))


def _perform(platform: Platform, action: str, name: str, fields: Fields) -> BulkPlan:
    try:
        if action == "remove":
            changes.remove(
                platform,
                name,
                repository=fields.get("repository") == "true",
                volumes=fields.get("volumes") == "true",
                key=fields.get("key"),
            )
        elif action == "upgrade":
            _upgrade(platform, name, fields)
        else:
            changes.retry(platform, name)
    except CatalogError as error:
        return BulkPlan(name, (), str(error))
    return BulkPlan(name, ())
