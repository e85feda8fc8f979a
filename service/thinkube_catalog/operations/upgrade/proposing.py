"""The branches on which upgrades wait to be merged into `main`."""

from __future__ import annotations

import re

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.deployments import Deployment, RunKind
from thinkube_catalog.domain.errors import ConflictError
from thinkube_catalog.domain.forge import Proposal
from thinkube_catalog.domain.merging import unsettled
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.releases import is_newer
from thinkube_catalog.operations.rollout import repository_of, run_named_by
from thinkube_catalog.operations.upgrade.values import UpgradePlan, name_of

BRANCHES = "catalog/upgrade-"
_NOT_IN_BRANCHES = re.compile(r"[^A-Za-z0-9._+-]+")


class BranchTakenError(ConflictError):
    def __init__(self, name: str, branch: str) -> None:
        super().__init__(
            f"the branch {branch} of {name} was made by somebody else; rename or delete it",
        )


class NoProposalError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(f"no upgrade of {name} is proposed; propose one with: tkt upgrade {name}")


def proposals(platform: Platform, name: str) -> tuple[Proposal, ...]:
    """Return the upgrades that are proposed and wait, by branch. Raises DeploymentNotFoundError."""
    deployment = platform.deployments.get(name)
    runs = platform.deployments.runs(name)
    if not deployment.repository or not any(run.kind is RunKind.UPGRADE for run in runs):
        return ()  # so that pages of deployments that never were upgraded ask no forge
    found = platform.forge.proposals(repository_of(platform, name), BRANCHES)
    return tuple(each for each in found if each.open and _is_ours(each))


def unsettled_of(platform: Platform, name: str, proposal: Proposal) -> tuple[str, ...]:
    """Return the files of a proposal in which a conflict still stands."""
    repository = repository_of(platform, name)
    files, base = (
        platform.forge.files(repository, each) for each in (proposal.head, proposal.base)
    )
    return unsettled(files, base)


def withdraw(platform: Platform, name: str, branch: str = "") -> tuple[str, ...]:
    """Take back what is proposed, all of it or one branch; return the branches.

    Raises DeploymentNotFoundError, NoProposalError, ProposalMovedError.
    """
    waiting = [each for each in proposals(platform, name) if branch in {"", each.branch}]
    if not waiting:
        raise NoProposalError(name)
    for each in waiting:
        platform.forge.withdraw(repository_of(platform, name), each)
    return tuple(each.branch for each in waiting)


def version_of(proposal: Proposal) -> str:
    """Return the version that a proposal would bring, as its branch names it."""
    return proposal.branch.removeprefix(BRANCHES)


def branch_of(planned: UpgradePlan) -> str:
    """Return the branch on which an upgrade is proposed."""
    return _branch(planned.deployment.release)


def waiting_for(platform: Platform, deployment: Deployment, release: Release) -> Proposal | None:
    """Return the proposal of this release that waits. Raises BranchTakenError."""
    branch = _branch(release)
    repository = repository_of(platform, deployment.name)
    for each in platform.forge.proposals(repository, branch):
        if each.branch == branch and each.open:
            if not _is_ours(each):
                raise BranchTakenError(deployment.name, branch)
            return each
    return None


def branch_head(platform: Platform, planned: UpgradePlan) -> str:
    """Return what the branch holds: what waits, or what was closed and is proposed anew.

    Raises BranchTakenError.
    """
    if planned.proposal is not None:
        return planned.proposal.head
    repository = repository_of(platform, planned.before.name)
    there = platform.forge.proposals(repository, branch_of(planned))
    mine = (each for each in there if each.branch == branch_of(planned))
    closed = next(mine, None)
    if closed is not None and not _is_ours(closed):
        raise BranchTakenError(planned.before.name, closed.branch)
    return closed.head if closed is not None else ""


def clear_older(platform: Platform, name: str, release: Release) -> None:
    """Withdraw proposals of releases that are older than this one, which `main` holds now.

    Those on which people have worked stay, for them to look at.
    """
    repository = repository_of(platform, name)
    for each in platform.forge.proposals(repository, BRANCHES):
        older = is_newer(release.version, version_of(each))
        if older and all(map(run_named_by, each.commits)):
            platform.forge.withdraw(repository, each)


def _branch(release: Release) -> str:
    return BRANCHES + (_NOT_IN_BRANCHES.sub("-", name_of(release)).strip("-.") or "release")


def _is_ours(proposal: Proposal) -> bool:
    return bool(run_named_by(proposal.commits[-1]))
