"""Several deployments at once: what it means for each of them, and asking for it one by one.

A page lists them at once. What an upgrade changes in one is merged when somebody looks at it, and
what is asked for goes on for a moment: the rest waits for a button, which scripts press.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from thinkube_catalog.domain.deployments import Deployment, KeyReusedError
from thinkube_catalog.domain.errors import CatalogError, InvalidError, Problem
from thinkube_catalog.operations import changes, upgrade
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.releases import is_newer
from thinkube_catalog.operations.upgrade import UpgradeInvalidError, UpgradeRequest
from thinkube_catalog.web.fields import Fields, SentFields
from thinkube_catalog.web.newest import newest_versions
from thinkube_catalog.web.pages import BulkPage, BulkPlan
from thinkube_catalog.web.site import Site

MOST_AT_ONCE = 200
PATIENCE_SECONDS = 1.0
"""How long one page goes on asking for one after the other. The first is always asked for."""

ACTIONS = ("retry", "upgrade", "remove")
CHOICES = ("repository", "volumes", "apply")


class TooManyError(InvalidError):
    def __init__(self, count: int) -> None:
        mend = f"choose at most {MOST_AT_ONCE} at once, then the others"
        super().__init__(
            "these are too many deployments to act on at once",
            [Problem(f"{count} are chosen", mend=mend)],
        )


def routes(site: Site) -> APIRouter:
    """Return what can be done to several deployments."""
    router = APIRouter(prefix="/deployments")

    @router.post("")
    def act_on_several(request: Request, fields: SentFields) -> Response:
        names = tuple(dict.fromkeys(fields.all("name")))
        if len(names) > MOST_AT_ONCE:
            raise TooManyError(len(names))
        action = fields.get("action")
        if action not in ACTIONS:
            action = ACTIONS[0]
        confirmed = fields.get("confirmed") == "true"
        plans = (
            _performed(site, action, names, fields) if confirmed else _plans(site, action, names)
        )
        page = BulkPage(
            title=site.texts(f"bulk.{action}", n=len(names)),
            action=action,
            plans=plans,
            left=names[len(plans) :],
            chosen=tuple(name for name in CHOICES if fields.get(name) == "true"),
            done=confirmed,
            key=fields.get("key") or uuid4().hex,
        )
        return site.respond(request, page)

    @router.get("/{name}/upgrade/summary")
    def show_summary(request: Request, name: str) -> Response:
        page = BulkPage(
            title=site.texts("bulk.upgrade", n=1),
            action="upgrade",
            plans=(_upgrade_plan(site, name),),
            left=(),
            chosen=(),
            done=False,
            key=uuid4().hex,
        )
        return site.respond(request, page)

    return router


def _plans(site: Site, action: str, names: Sequence[str]) -> tuple[BulkPlan, ...]:
    """Return what is known without merging anything."""
    if action == "upgrade":
        return _unmerged(site, [_recorded(site.platform, name) for name in names])
    return tuple(_plan(site.platform, action, name) for name in names)


def _plan(platform: Platform, action: str, name: str) -> BulkPlan:
    try:
        if action == "remove":
            return BulkPlan(name, changes.removal_plan(platform, name))
        platform.deployments.get(name)
    except CatalogError as error:
        return BulkPlan(name, refused=str(error))
    return BulkPlan(name)


def _recorded(platform: Platform, name: str) -> Deployment | BulkPlan:
    try:
        return platform.deployments.get(name)
    except CatalogError as error:
        return BulkPlan(name, refused=str(error))


def _unmerged(site: Site, found: Sequence[Deployment | BulkPlan]) -> tuple[BulkPlan, ...]:
    templates = {each.template for each in found if isinstance(each, Deployment)}
    newest = newest_versions(site, templates)
    return tuple(
        _versions(site, each, newest.get(each.template, ""))
        if isinstance(each, Deployment)
        else each
        for each in found
    )


def _versions(site: Site, deployment: Deployment, newest: str) -> BulkPlan:
    before = upgrade.name_of(deployment.release)
    newer = is_newer(newest, deployment.release.version)
    said = site.texts("bulk.to", before=before, after=newest) if newer else before
    return BulkPlan(deployment.name, said=said, merged=False)


def _upgrade_plan(site: Site, name: str) -> BulkPlan:
    try:
        planned = upgrade.plan(site.platform, UpgradeRequest(name))
    except CatalogError as error:
        return BulkPlan(name, refused=str(error))
    if planned.problems:
        return BulkPlan(name, refused="; ".join(map(str, planned.problems)))
    before, after = (upgrade.name_of(each.release) for each in (planned.before, planned.deployment))
    files = len(upgrade.changed_paths(planned.ours, planned.merge.files))
    said = [
        site.texts("bulk.to", before=before, after=after),
        site.texts("bulk.changes", n=files),
        *([site.texts("bulk.conflicts", n=len(planned.conflicts))] if planned.conflicts else ()),
    ]
    return BulkPlan(name, said=" · ".join(said))


def _performed(
    site: Site, action: str, names: Sequence[str], fields: Fields
) -> tuple[BulkPlan, ...]:
    """Ask for one after the other while patience lasts; return those that were asked for."""
    until = time.monotonic() + PATIENCE_SECONDS
    plans: list[BulkPlan] = []
    for name in names:
        if plans and time.monotonic() >= until:
            break
        plans.append(_perform(site.platform, action, name, fields))
    return tuple(plans)


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
        return BulkPlan(name, refused=str(error))
    return BulkPlan(name)


def _upgrade(platform: Platform, name: str, fields: Fields) -> None:
    asked = UpgradeRequest(name, apply=fields.get("apply") == "true", key=fields.get("key"))
    try:
        upgrade.request(platform, asked)
    except (UpgradeInvalidError, KeyReusedError):
        if not asked.apply:
            raise
        # What is in conflict is only proposed, now or when this was sent before.
        upgrade.request(platform, replace(asked, apply=False))
