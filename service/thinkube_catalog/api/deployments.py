"""Routes of deployments: asking for one, seeing how it is, changing and removing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from thinkube_catalog.api import PREFIX
from thinkube_catalog.api.errors import responses
from thinkube_catalog.api.schemas.changes import RemovalPlan, RevisionPage, RollbackGiven, RunPublic
from thinkube_catalog.api.schemas.deployments import (
    DeploymentCreate,
    DeploymentDetails,
    DeploymentPage,
    SecretGiven,
)
from thinkube_catalog.api.schemas.upgrades import (
    ProposalPage,
    RemakePublic,
    UpgradeGiven,
    UpgradePublic,
    Withdrawn,
)
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations import changes, deploy, remaking, upgrade, watch
from thinkube_catalog.operations.differences import differences
from thinkube_catalog.operations.platform import Platform

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="Sending the same request again under the same key starts nothing new.",
    ),
]
Name = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=100,
        description="The deployment's name.",
    ),
]
RunId = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,64}$", description="The run's id.")]
Repository = Annotated[bool, Query(description="Delete its repository as well.")]
Volumes = Annotated[bool, Query(description="Delete what it stored as well.")]
KNOWN = responses(404, 422, 503)
LISTED = responses(422, 503)
CHANGED = responses(404, 409, 422, 503)
UPGRADED = responses(404, 409, 422, 500, 503)


def routes(platform: Platform) -> APIRouter:
    """Return the routes of deployments on a platform."""
    router = APIRouter(prefix=PREFIX, tags=["deployments"])
    _add_reading(router, platform)
    _add_changing(router, platform)
    _add_upgrading(router, platform)
    return router


def _add_reading(router: APIRouter, platform: Platform) -> None:
    @router.get("/deployments", summary="List the deployments", responses=LISTED)
    def list_deployments(
        after: Annotated[str, Query(description="The `next` of the page before.")] = "",
        limit: Annotated[int, Query(ge=1, le=200, description="The most of one page.")] = 50,
    ) -> DeploymentPage:
        """List what is deployed, by name."""
        found = platform.deployments.page(after, limit + 1)  # one more tells whether it goes on
        items = found[:limit]
        following = items[-1].name if len(found) > limit else ""
        return DeploymentPage.of({"items": items, "next": following})

    @router.get("/deployments/{name}", summary="See how a deployment is", responses=KNOWN)
    def get_deployment(name: Name) -> DeploymentDetails:
        """Return the record, what the engine says of it now, and its latest run."""
        seen = watch.look(platform, name)
        return DeploymentDetails.of(
            {
                **_fields(seen.deployment),
                "application": seen.application,
                "unavailable": seen.unavailable,
                "run": seen.run,
                "warnings": seen.warnings,
            }
        )

    @router.get("/deployments/{name}/history", summary="List its versions", responses=KNOWN)
    def get_history(name: Name) -> RevisionPage:
        """List the commits that its branch has held, newest first."""
        return RevisionPage.of({"items": changes.history(platform, name)})

    @router.get("/deployments/{name}/removal-plan", summary="Plan its removal", responses=KNOWN)
    def get_removal_plan(
        name: Name, repository: Repository = False, volumes: Volumes = False
    ) -> RemovalPlan:
        """Say what removal would delete and what it would leave; does nothing."""
        items = changes.removal_plan(platform, name, repository=repository, volumes=volumes)
        return RemovalPlan.of({"deployment": name, "items": items})

    @router.get("/runs/{run_id}", summary="See a run", responses=KNOWN)
    def get_run(run_id: RunId) -> RunPublic:
        """Return one change of a deployment, under way or ended."""
        return RunPublic.of(platform.deployments.run(run_id))


def _add_changing(router: APIRouter, platform: Platform) -> None:
    @router.post("/deployments", status_code=202, summary="Deploy", responses=CHANGED)
    def create_deployment(given: DeploymentCreate, response: Response, key: Key = "") -> RunPublic:
        """Check everything, record the deployment, and start to make it.

        Follow its events; it has succeeded when its run has.
        """
        request = deploy.DeploymentRequest(
            template=given.template,
            name=given.name,
            answers=given.answers,
            ref=given.ref,
            secrets=_secrets(given.secrets),
            key=key,
        )
        run = deploy.request(platform, request)
        response.headers["Location"] = f"{PREFIX}/deployments/{run.deployment}"
        return RunPublic.of(run)

    @router.delete("/deployments/{name}", status_code=202, summary="Remove it", responses=CHANGED)
    def remove_deployment(
        name: Name, repository: Repository = False, volumes: Volumes = False, key: Key = ""
    ) -> RunPublic:
        """Remove the application, and what was chosen beside it, in an order that cannot stick."""
        run = changes.remove(platform, name, repository=repository, volumes=volumes, key=key)
        return RunPublic.of(run)

    @router.post(
        "/deployments/{name}/retry", status_code=202, summary="Try again", responses=CHANGED
    )
    def retry_deployment(name: Name) -> RunPublic:
        """Go on with a failed run from the step that failed."""
        return RunPublic.of(changes.retry(platform, name))

    @router.post(
        "/deployments/{name}/renew", status_code=202, summary="Renew secrets", responses=CHANGED
    )
    def renew_secrets(name: Name, key: Key = "") -> RunPublic:
        """Bring up the values that its secrets have now; what reads others is started anew."""
        return RunPublic.of(changes.renew(platform, name, key=key))

    @router.post(
        "/deployments/{name}/rollback", status_code=202, summary="Roll back", responses=CHANGED
    )
    def roll_back_deployment(name: Name, given: RollbackGiven, key: Key = "") -> RunPublic:
        """Restore an earlier version by a commit on top."""
        return RunPublic.of(changes.rollback(platform, name, given.to, key=key))

    @router.post(
        "/deployments/{name}/remake", status_code=202, summary="Make k8s/ anew", responses=CHANGED
    )
    def remake_objects(name: Name, key: Key = "") -> RunPublic:
        """Bring into `k8s/` what somebody has changed in `thinkube.yaml`, by a commit on top."""
        return RunPublic.of(remaking.request(platform, name, key=key))

    @router.get("/deployments/{name}/remake", summary="Preview k8s/ made anew", responses=CHANGED)
    def preview_remake(name: Name) -> RemakePublic:
        """Say what would change, file by file; writes nothing."""
        remade = remaking.remake(platform, platform.deployments.get(name))
        files = differences(remade.before, remade.files)
        return RemakePublic.of({"files": files, "problems": remade.problems})

    @router.post("/deployments/{name}/cancel", status_code=202, summary="Cancel", responses=CHANGED)
    def cancel_run(name: Name) -> RunPublic:
        """Ask the run that is under way to end after its current step."""
        return RunPublic.of(changes.cancel(platform, name))


def _add_upgrading(router: APIRouter, platform: Platform) -> None:
    @router.post(
        "/deployments/{name}/upgrade", status_code=202, summary="Upgrade", responses=UPGRADED
    )
    def upgrade_deployment(name: Name, given: UpgradeGiven, key: Key = "") -> RunPublic:
        """Propose the template's newer release on a branch; with `apply`, bring it to main.

        What people changed stays. While a file is in conflict, nothing can be applied.
        """
        return RunPublic.of(upgrade.request(platform, _upgrade(name, given, key)))

    @router.post(
        "/deployments/{name}/upgrade/preview", summary="Preview an upgrade", responses=UPGRADED
    )
    def preview_upgrade(name: Name, given: UpgradeGiven) -> UpgradePublic:
        """Say what would change, file by file; writes nothing."""
        planned = upgrade.plan(platform, _upgrade(name, given))
        return UpgradePublic.of(
            {
                "before": planned.before.release,
                "after": planned.deployment.release,
                "form": planned.form,
                "new": list(planned.new),
                "files": differences(planned.ours, planned.merge.files),
                "conflicts": planned.conflicts,
                "left_deleted": list(planned.merge.left_deleted),
                "notes": dict(planned.notes),
                "problems": planned.problems,
                "branch": upgrade.branch_of(planned),
                "proposed": planned.proposal is not None,
            }
        )

    @router.get("/deployments/{name}/proposals", summary="List what waits", responses=KNOWN)
    def list_proposals(name: Name) -> ProposalPage:
        """List the upgrades that are proposed and not on main yet."""
        items = [
            {
                "version": upgrade.version_of(each),
                "branch": each.branch,
                "commit": each.head,
                "base": each.base,
                "url": each.url,
                "unsettled": list(upgrade.unsettled_of(platform, name, each)),
            }
            for each in upgrade.proposals(platform, name)
        ]
        return ProposalPage.of({"items": items})

    @router.delete("/deployments/{name}/proposals", summary="Withdraw", responses=CHANGED)
    def withdraw_proposals(
        name: Name,
        branch: Annotated[str, Query(max_length=200, description="Only this one.")] = "",
    ) -> Withdrawn:
        """Take back what is proposed: its branch is deleted, its pull request closed."""
        return Withdrawn.of({"branches": list(upgrade.withdraw(platform, name, branch))})


def _upgrade(name: str, given: UpgradeGiven, key: str = "") -> upgrade.UpgradeRequest:
    return upgrade.UpgradeRequest(
        name=name,
        to=given.to,
        answers=given.answers,
        ours=tuple(given.ours),
        theirs=tuple(given.theirs),
        apply=given.apply,
        force=given.force,
        key=key,
    )


def _secrets(given: Mapping[str, SecretGiven]) -> dict[str, SecretValue | str]:
    return {
        name: SecretValue(secret.value) if secret.value else secret.stored
        for name, secret in given.items()
    }


def _fields(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}  # type: ignore[attr-defined] # a dataclass
