"""The plan: which release, which questions, and what it would change of what is there now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from thinkube_catalog.domain.catalog import Release, Source, TemplateNotFoundError
from thinkube_catalog.domain.deployments import Deployment
from thinkube_catalog.domain.errors import ConflictError
from thinkube_catalog.domain.forge import Proposal
from thinkube_catalog.domain.merging import Merge
from thinkube_catalog.domain.standard import PROJECT_NAME
from thinkube_catalog.operations import changelog
from thinkube_catalog.operations.browse import locate
from thinkube_catalog.operations.deploy import secret_answers
from thinkube_catalog.operations.forms import evaluate_release
from thinkube_catalog.operations.held import as_held
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.releases import is_newer
from thinkube_catalog.operations.rollout import repository_of, run_named_by
from thinkube_catalog.operations.upgrade.merging import with_merge
from thinkube_catalog.operations.upgrade.proposing import waiting_for
from thinkube_catalog.operations.upgrade.values import UpgradePlan, UpgradeRequest, name_of


class NothingPublishedError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"nothing of {name} is published yet, so there is nothing to upgrade; "
            f"go on with: tkt retry {name}",
        )


class NotNewerError(ConflictError):
    def __init__(self, name: str, held: Release, wanted: Release) -> None:
        said = (
            "has" if held.commit == wanted.commit else f"has {name_of(held)}, which is newer than"
        )
        super().__init__(
            f"{name} {said} {name_of(wanted)} already; to render that anyway: "
            f"tkt upgrade {name} --to {name_of(wanted)} --force",
        )


def plan(platform: Platform, asked: UpgradeRequest) -> UpgradePlan:
    """Say what the upgrade would change. Writes nothing.

    Raises DeploymentNotFoundError, NothingPublishedError, NotNewerError, BranchTakenError, and
    what finding, asking and rendering the release raises.
    """
    deployment = platform.deployments.get(asked.name)
    source = Source(deployment.release.location, asked.to or _offered(platform, deployment))
    return plan_for(platform, asked, deployment, platform.sources.resolve(source))


def plan_for(
    platform: Platform, asked: UpgradeRequest, recorded: Deployment, release: Release
) -> UpgradePlan:
    """Say what an upgrade to this release would change. Raises as `plan` does."""
    repository = repository_of(platform, recorded.name)
    head = platform.forge.head(repository) if recorded.repository else None
    if head is None:
        raise NothingPublishedError(recorded.name)
    ours = platform.forge.files(repository, head.id)
    before = as_held(platform, recorded, ours)
    waiting = waiting_for(platform, recorded, release)
    # What was proposed with force, and is still made for this very head, needs it no more.
    if not asked.force and (waiting is None or waiting.base != head.id):
        _refuse_older(before, release)
    resumed = waiting if waiting is not None and not asked.answers else None
    branch = platform.forge.files(repository, resumed.head) if resumed else None
    if waiting is not None and resumed is None and not all(map(run_named_by, waiting.commits)):
        raise ConflictError(_touched(recorded.name, waiting))
    carried = as_held(platform, replace(before, release=release), branch).answers if branch else {}
    kept = {**before.answers, **carried, PROJECT_NAME: recorded.name}
    raw = {**kept, **asked.answers, PROJECT_NAME: recorded.name}
    form = evaluate_release(platform, release, raw, recorded.template)
    old = evaluate_release(platform, before.release, before.answers, recorded.template)
    asked_before = {question.name for question in old.questions}
    draft = UpgradePlan(
        before=before,
        deployment=replace(before, release=release),
        form=form,
        carried=kept,
        new=tuple(each.name for each in form.questions if each.name not in asked_before),
        head=head.id,
        ours=ours,
        theirs=ours,
        merge=Merge(ours),
        notes=_notes(platform, before.release, release),
        proposal=waiting,
        problems=(*form.problems, *secret_answers(form)),
    )
    return draft if draft.problems else with_merge(platform, asked, draft, branch)


def _offered(platform: Platform, deployment: Deployment) -> str:
    """Return what of the template's source is offered now; empty: the newest release."""
    try:
        entry = locate(platform, deployment.template)
    except TemplateNotFoundError:
        return ""  # no longer in the catalog; its releases may be there all the same
    return entry.ref if entry.location == deployment.release.location else ""


def _refuse_older(before: Deployment, release: Release) -> None:
    if before.release.commit == release.commit or is_newer(before.release.version, release.version):
        raise NotNewerError(before.name, before.release, release)


def _touched(name: str, proposal: Proposal) -> str:
    return (
        f"somebody has worked on {proposal.branch} of {name}; apply it as it is, or withdraw it "
        f"before asking for other answers: tkt upgrade {name} --withdraw"
    )


def _notes(platform: Platform, before: Release, after: Release) -> Mapping[str, str]:
    return changelog.between(platform.sources.checkout(after), before.version, after.version)
