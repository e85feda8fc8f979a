"""`k8s/` made anew: what it would change, and the request."""

from __future__ import annotations

from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from thinkube_catalog.operations import remaking
from thinkube_catalog.operations.remaking import RemakeInvalidError
from thinkube_catalog.web import urls
from thinkube_catalog.web.fields import SentFields
from thinkube_catalog.web.pages import RemakePage
from thinkube_catalog.web.site import Site, redirect
from thinkube_catalog.web.trees import differences


def routes(site: Site) -> APIRouter:
    """Return the page of a deployment whose `k8s/` can be made anew."""
    router = APIRouter(prefix="/deployments/{name}/remake")

    @router.get("")
    def show_remake(request: Request, name: str) -> Response:
        return site.respond(request, _page(site, name))

    @router.post("")
    def send_remake(name: str, fields: SentFields) -> Response:
        remaking.request(site.platform, name, key=fields.get("key"))
        return redirect(urls.deployment(name))

    return router


def _page(site: Site, name: str) -> RemakePage:
    deployment = site.platform.deployments.get(name)
    page = RemakePage(
        title=site.texts("remake.title", name=name),
        deployment=deployment,
        changes=(),
        problems=(),
        key=uuid4().hex,
    )
    try:
        remade = remaking.remake(site.platform, deployment)
    except RemakeInvalidError as error:
        return page.with_problems(error.problems)
    if remade.problems:
        return page.with_problems(remade.problems)
    return page.with_changes(differences(remade.before, remade.files))
