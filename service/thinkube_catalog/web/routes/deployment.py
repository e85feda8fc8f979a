"""One deployment: how it is, why not well, what happened, and what can be done."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from thinkube_catalog.domain.deployments import (
    Deployment,
    DeploymentNotFoundError,
    Event,
    Run,
    State,
)
from thinkube_catalog.domain.errors import CatalogError, NotFoundError, Problem, UnavailableError
from thinkube_catalog.domain.forge import CommitNotFoundError
from thinkube_catalog.domain.gitops import (
    ApplicationNotFoundError,
    ApplicationStatus,
    Health,
    LogLine,
)
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.operations import changes, remaking, secret_delivery
from thinkube_catalog.operations.changes import Revision
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.releases import is_newer
from thinkube_catalog.operations.rollout import problem_of, repository_of
from thinkube_catalog.web import urls
from thinkube_catalog.web.fields import SentFields
from thinkube_catalog.web.pages import DeploymentPage, RemovalPage, RemovedPage, RevisionPage
from thinkube_catalog.web.pipeline import steps_of
from thinkube_catalog.web.routes.upgrade import proposal_lines
from thinkube_catalog.web.site import Site, redirect
from thinkube_catalog.web.trees import differences

MOST_EVENTS = 60
MOST_FILES = 200
MOST_LINES = 200
LONGEST_LINE = 4000
_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WELL = frozenset({Health.HEALTHY, Health.PROGRESSING, Health.SUSPENDED})


def routes(site: Site) -> APIRouter:
    """Return the pages of single deployments."""
    router = APIRouter(prefix="/deployments/{name}")
    _add_looking(router, site)
    _add_changing(router, site)
    _add_removing(router, site)
    return router


def _add_looking(router: APIRouter, site: Site) -> None:
    platform = site.platform

    @router.get("")
    def show_deployment(
        request: Request, name: str, container: Annotated[str, Query(max_length=200)] = ""
    ) -> Response:
        try:
            deployment = platform.deployments.get(name)
        except DeploymentNotFoundError:
            runs = platform.deployments.runs(name, limit=1)
            if not runs:
                raise
            return site.respond(request, _removed(platform, runs[0]), 410)
        return site.respond(request, _page(site, deployment, container))

    @router.get("/history/{commit}")
    def show_revision(
        request: Request, name: str, commit: str, back: Annotated[bool, Query()] = False
    ) -> Response:
        deployment = platform.deployments.get(name)
        return site.respond(request, _revision(site, deployment, commit, rolling_back=back))


def _add_changing(router: APIRouter, site: Site) -> None:
    platform = site.platform

    @router.post("/retry")
    def retry(name: str, fields: SentFields) -> Response:  # noqa: ARG001 (read for its token)
        changes.retry(platform, name)
        return redirect(urls.deployment(name))

    @router.post("/cancel")
    def cancel(name: str, fields: SentFields) -> Response:  # noqa: ARG001 (as above)
        changes.cancel(platform, name)
        return redirect(urls.deployment(name))

    @router.post("/renew")
    def renew(name: str, fields: SentFields) -> Response:
        changes.renew(platform, name, key=fields.get("key"))
        return redirect(urls.deployment(name))

    @router.post("/rollback")
    def roll_back(name: str, fields: SentFields) -> Response:
        changes.rollback(platform, name, fields.get("to"), key=fields.get("key"))
        return redirect(urls.deployment(name))


def _add_removing(router: APIRouter, site: Site) -> None:
    platform = site.platform

    @router.get("/remove")
    def show_removal(
        request: Request,
        name: str,
        repository: Annotated[bool, Query()] = False,
        volumes: Annotated[bool, Query()] = False,
    ) -> Response:
        plan = changes.removal_plan(platform, name, repository=repository, volumes=volumes)
        page = RemovalPage(
            title=site.texts("removal.title", name=name),
            deployment=platform.deployments.get(name),
            plan=plan,
            users=site.dependencies.graph().users_of(name),
            repository=repository,
            volumes=volumes,
            key=uuid4().hex,
        )
        return site.respond(request, page)

    @router.post("/remove")
    def remove(name: str, fields: SentFields) -> Response:
        changes.remove(
            platform,
            name,
            repository=fields.get("repository") == "true",
            volumes=fields.get("volumes") == "true",
            key=fields.get("key"),
        )
        return redirect(urls.deployment(name))


def plain(text: str) -> str:
    """Return a log line without what only terminals understand, and not endlessly long."""
    return _CODES.sub("", text)[:LONGEST_LINE]


def _page(site: Site, deployment: Deployment, container: str) -> DeploymentPage:
    platform = site.platform
    name = deployment.name
    run = _latest(platform, deployment)
    events = _events(platform, name)
    application, unavailable = _application(platform, name)
    revisions, history_error = _history(platform, name)
    containers = tuple(each.name for each in application.containers) if application else ()
    chosen = container if container in containers else ""
    logs = _logs(platform, name, chosen)
    return DeploymentPage(
        title=name,
        deployment=deployment,
        application=application,
        unavailable=unavailable,
        run=run,
        steps=steps_of(run, platform.deployments.ledger(run.id)) if run is not None else (),
        problems=_problems(platform, deployment, application, run),
        cause_lines=_cause_lines(platform, deployment, application),
        events=tuple(reversed(events[-MOST_EVENTS:])),
        cursor=events[-1].cursor if events else 0,
        containers=containers,
        container=chosen,
        logs=logs,
        log_cursor=logs[-1].cursor if logs else "",
        revisions=revisions,
        history_error=history_error,
        newest=_newest(site, deployment),
        proposals=proposal_lines(site, deployment),
        warnings=remaking.warnings(platform, deployment),
        key=uuid4().hex,
    )


def _removed(platform: Platform, run: Run) -> RemovedPage:
    return RemovedPage(
        title=run.deployment,
        name=run.deployment,
        run=run,
        steps=steps_of(run, platform.deployments.ledger(run.id)),
        left=tuple(changes.left_behind(platform, run)),
        events=tuple(reversed(_events(platform, run.deployment)[-MOST_EVENTS:])),
    )


def _latest(platform: Platform, deployment: Deployment) -> Run | None:
    runs = platform.deployments.runs(deployment.name, limit=1)
    return runs[0] if runs and runs[0].deployment_id == deployment.id else None


def _events(platform: Platform, name: str) -> list[Event]:
    events: list[Event] = []
    while page := platform.deployments.events(name, events[-1].cursor if events else 0):
        events += page
    return events


def _application(platform: Platform, name: str) -> tuple[ApplicationStatus | None, str]:
    try:
        return platform.engine.status(name), ""
    except ApplicationNotFoundError:
        return None, ""
    except UnavailableError as error:
        return None, str(error)


def _problems(
    platform: Platform,
    deployment: Deployment,
    application: ApplicationStatus | None,
    run: Run | None,
) -> tuple[Problem, ...]:
    """Return what is wrong now: what the engine sees, else what was recorded."""
    troubled = application is not None and (application.failed or application.health not in _WELL)
    live = [problem_of(cause) for cause in application.causes] if application and troubled else []
    # A run that failed is past and gone once something else has made the application healthy.
    past = deployment.state in {State.HEALTHY, State.ROLLING_OUT}
    of_run = run.problems if run is not None and not past else ()
    recorded = deployment.problems or of_run
    found: Sequence[Problem] = live or recorded
    keys = tuple(deployment.secrets.values())
    return tuple(
        replace(each, message=secret_delivery.hide(platform, keys, each.message)) for each in found
    )


def _cause_lines(
    platform: Platform, deployment: Deployment, application: ApplicationStatus | None
) -> tuple[str, ...]:
    if application is None or not (application.failed or application.health not in _WELL):
        return ()
    keys = tuple(deployment.secrets.values())
    lines = [line for cause in application.causes for line in cause.lines]
    return tuple(secret_delivery.hide(platform, keys, plain(line)) for line in lines)


def _logs(platform: Platform, name: str, container: str) -> tuple[LogLine, ...]:
    try:
        lines = platform.engine.logs(name, container, limit=MOST_LINES)
    except CatalogError:
        return ()
    return tuple(replace(line, text=plain(line.text)) for line in lines)


def _history(platform: Platform, name: str) -> tuple[tuple[Revision, ...], str]:
    """Return the versions, or why they cannot be read: the rest of the page still helps."""
    try:
        return changes.history(platform, name), ""
    except NotFoundError:
        return (), ""  # nothing is published yet
    except CatalogError as error:
        return (), str(error)


def _newest(site: Site, deployment: Deployment) -> str:
    """Return the template's newest release where it is newer."""
    try:
        entry = site.platform.catalogs.load().entry(deployment.template)
    except CatalogError:
        return ""
    known = site.inspections.of([entry]).get(entry.name)
    version = known.version if known is not None else ""
    return version if is_newer(version, deployment.release.version) else ""


def _revision(
    site: Site, deployment: Deployment, commit: str, *, rolling_back: bool
) -> RevisionPage:
    platform = site.platform
    repository = repository_of(platform, deployment.name)
    revisions = changes.history(platform, deployment.name)
    matches = [n for n, each in enumerate(revisions) if each.commit.startswith(commit)]
    if len(matches) != 1:
        raise CommitNotFoundError(repository, commit)
    revision = revisions[matches[0]]
    earlier = revisions[matches[0] + 1].commit if matches[0] + 1 < len(revisions) else ""
    before = revisions[0].commit if rolling_back else earlier
    files = platform.forge.files
    old = files(repository, before) if before else FileTree({})
    changed = differences(old, files(repository, revision.commit))
    key = "revision.back_title" if rolling_back else "revision.title"
    return RevisionPage(
        title=site.texts(key, commit=revision.commit[:12]),
        deployment=deployment,
        revision=revision,
        before=before,
        rolling_back=rolling_back,
        changes=changed[:MOST_FILES],
        left_out=max(len(changed) - MOST_FILES, 0),
        key=uuid4().hex,
    )
