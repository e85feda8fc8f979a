"""Upgrade: a template's newer release, merged into a deployment that people may have changed.

What would change is a plan, made anew whenever it is looked at. An upgrade proposes it on a branch
of its own, with its conflicts; it reaches `main` only when it is applied and none is left.
"""

from thinkube_catalog.operations.upgrade.planning import NothingPublishedError, NotNewerError, plan
from thinkube_catalog.operations.upgrade.proposing import (
    BranchTakenError,
    NoProposalError,
    branch_of,
    proposals,
    unsettled_of,
    version_of,
    withdraw,
)
from thinkube_catalog.operations.upgrade.requesting import UpgradeInvalidError, request
from thinkube_catalog.operations.upgrade.steps import PROPOSAL_STEPS, UPGRADE_STEPS, outcome_of
from thinkube_catalog.operations.upgrade.values import (
    UpgradePlan,
    UpgradeRequest,
    changed_paths,
    name_of,
)

__all__ = [
    "PROPOSAL_STEPS",
    "UPGRADE_STEPS",
    "BranchTakenError",
    "NoProposalError",
    "NotNewerError",
    "NothingPublishedError",
    "UpgradeInvalidError",
    "UpgradePlan",
    "UpgradeRequest",
    "branch_of",
    "changed_paths",
    "name_of",
    "outcome_of",
    "plan",
    "proposals",
    "request",
    "unsettled_of",
    "version_of",
    "withdraw",
]
