"""The steps of an upgrade's run.

Until `main` has moved each makes the plan anew, from what is there now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from thinkube_catalog.domain.catalog import Source
from thinkube_catalog.domain.deployments import Run
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.forge import Change, Commit, Proposal
from thinkube_catalog.domain.merging import unsettled
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.rollout import (
    HEALTHY,
    REGISTER,
    SYNC,
    message_of,
    published_by,
    repository_of,
    signature_of,
)
from thinkube_catalog.operations.steps import Done, Failed, Outcome, Step, deployment_of, findings
from thinkube_catalog.operations.upgrade.describing import description
from thinkube_catalog.operations.upgrade.merging import unsettled_problem
from thinkube_catalog.operations.upgrade.planning import plan_for
from thinkube_catalog.operations.upgrade.proposing import branch_head, branch_of, clear_older
from thinkube_catalog.operations.upgrade.requesting import asked_in, release_of
from thinkube_catalog.operations.upgrade.values import UpgradePlan, changed_paths, name_of


def compare(platform: Platform, run: Run) -> Outcome:
    """See which release is wanted, and carry the answers over to its questions."""
    if _applied(platform, run) is not None:
        return Done("it is on main already", findings(platform, run, "compare"))
    release = release_of(run)
    now = platform.sources.resolve(Source(release.location, release.version))
    if now.commit != release.commit:
        moved = f"{name_of(release)} is another commit now than when this was asked for"
        return Failed((Problem(moved, mend="look at the new plan and ask again"),))
    planned = _planned(platform, run)
    if planned.problems:
        return Failed(planned.problems)
    details = {
        "from": name_of(planned.before.release),
        "to": name_of(release),
        "release": asdict(release),
        "answers": dict(planned.deployment.answers),
        "secrets": dict(planned.deployment.secrets),
        "new": list(planned.new),
    }
    new = f", {_counted(len(planned.new), 'new question')}" if planned.new else ""
    return Done(f"{details['from']} to {details['to']}{new}", details)


def merge(platform: Platform, run: Run) -> Outcome:
    """Join what the template changed and what people changed."""
    if _applied(platform, run) is not None:
        return Done("it is on main already")
    planned = _planned(platform, run)
    files = changed_paths(planned.ours, planned.merge.files)
    conflicts = [each.path for each in planned.conflicts]
    details = {"changed": len(files), "conflicts": conflicts}
    found = f"{_counted(len(conflicts), 'file')} in conflict" if conflicts else "no conflicts"
    return Done(f"{_counted(len(files), 'changed file')}, {found}", details)


def propose(platform: Platform, run: Run) -> Outcome:
    """Commit the merge on a branch of its own and ask for it to be merged."""
    if _applied(platform, run) is not None:
        return Done("it is on main already", findings(platform, run, "propose"))
    planned = _planned(platform, run)
    if not planned.changes_something:
        return Done("nothing differs from what is there")
    repository = repository_of(platform, run.deployment)
    head = branch_head(platform, planned)
    change = Change(
        planned.merge.files,
        message_of(run, planned.title),
        signature_of(run),
        description(planned),
        draft=bool(planned.conflicts),
    )
    made = platform.forge.propose(repository, change, branch_of(planned), planned.head, head)
    details = {"branch": made.branch, "commit": made.head, "onto": planned.head, "url": made.url}
    left = f", with {_counted(len(planned.conflicts), 'conflict')}" if planned.conflicts else ""
    return Done(f"{made.head[:12]} on {made.branch}{left}", details)


def apply(platform: Platform, run: Run) -> Outcome:
    """Move `main` to the proposal, if nothing is left to settle."""
    deployment = deployment_of(platform, run)
    repository = repository_of(platform, deployment.name)
    proposed = findings(platform, run, "propose")
    if not proposed.get("commit"):
        head = platform.forge.head(repository)
        _record(platform, run, head.id if head else deployment.commit)
        return Done("main holds it already")
    files = platform.forge.files(repository, str(proposed["commit"]))
    before = platform.forge.files(repository, str(proposed["onto"]))
    if problems := tuple(map(unsettled_problem, unsettled(files, before))):
        return Failed(problems)
    known = findings(platform, run, "compare")
    title = f"Upgrade {deployment.template} {known['from']} to {known['to']}"
    change = Change(files, message_of(run, title), signature_of(run))
    commit = platform.forge.accept(
        repository, _proposal(proposed, run), change, str(proposed["onto"])
    )
    _record(platform, run, commit.id)
    clear_older(platform, run.deployment, release_of(run))
    return Done(f"main holds {known['to']} as {commit.id[:12]}", {"commit": commit.id})


PROPOSAL_STEPS = (
    Step("compare", "Compare the releases", compare, every_attempt=True),
    Step("merge", "Merge the template's changes", merge, every_attempt=True),
    Step("propose", "Propose them on a branch", propose, every_attempt=True),
)

UPGRADE_STEPS = (
    *PROPOSAL_STEPS,
    Step("apply", "Bring them to main", apply),
    REGISTER,
    SYNC,
    HEALTHY,
)


def outcome_of(platform: Platform, run: Run) -> str:
    """Say in a line what a run that only proposes has led to."""
    branch = findings(platform, run, "propose").get("branch")
    conflicts = findings(platform, run, "merge").get("conflicts")
    if not branch:
        return f"{run.deployment} has all of it already"
    count = len(conflicts) if isinstance(conflicts, list) else 0
    left = f", and {_counted(count, 'file')} to settle" if count else ""
    return f"the upgrade of {run.deployment} is proposed on {branch}{left}"


def _planned(platform: Platform, run: Run) -> UpgradePlan:
    return plan_for(platform, asked_in(run), deployment_of(platform, run), release_of(run))


def _applied(platform: Platform, run: Run) -> Commit | None:
    return published_by(platform.forge, repository_of(platform, run.deployment), run)


def _proposal(proposed: Mapping[str, object], run: Run) -> Proposal:
    head = Commit(str(proposed["commit"]), "", "", run.created_at)
    return Proposal(str(proposed["branch"]), (head,), str(proposed["onto"]))


def _record(platform: Platform, run: Run, commit: str) -> None:
    """Say in the record what `main` holds now."""
    known = findings(platform, run, "compare")
    deployment = deployment_of(platform, run)
    platform.deployments.save(
        deployment.changed(
            platform.now(),
            commit=commit,
            release=release_of(run),
            answers=known["answers"],
            secrets=known["secrets"],
        )
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
