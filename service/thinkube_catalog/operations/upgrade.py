"""Upgrade: a template's newer release, merged into a deployment that people may have changed.

What would change is a plan, made anew whenever it is looked at. An upgrade proposes it on a branch
of its own, with its conflicts; it reaches `main` only when it is applied and none is left.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import cast
from uuid import uuid4

from thinkube_catalog.domain.bindings import Bindings, resolve
from thinkube_catalog.domain.catalog import Release, Source, TemplateNotFoundError
from thinkube_catalog.domain.deployments import Deployment, KeyReusedError, Run, RunKind, State
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.errors import ConflictError, InvalidError, Problem
from thinkube_catalog.domain.forge import Change, Commit, Proposal
from thinkube_catalog.domain.merging import (
    BESIDE,
    Conflict,
    ConflictKind,
    Merge,
    Side,
    settled,
    unsettled,
)
from thinkube_catalog.domain.questions import Answers, Form
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.domain.standard import PROJECT_NAME
from thinkube_catalog.operations import changelog, providers, secret_delivery
from thinkube_catalog.operations.browse import locate
from thinkube_catalog.operations.composition import built_images, compose
from thinkube_catalog.operations.deploy import context_of, secret_answers
from thinkube_catalog.operations.forms import evaluate_release
from thinkube_catalog.operations.held import (
    answers_files,
    as_held,
    declared_by,
    read_held,
    with_secrets,
)
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.prospect import descriptor_for
from thinkube_catalog.operations.releases import is_newer
from thinkube_catalog.operations.rollout import (
    HEALTHY,
    REGISTER,
    SYNC,
    message_of,
    published_by,
    repository_of,
    run_named_by,
    signature_of,
)
from thinkube_catalog.operations.steps import Done, Failed, Outcome, Step, deployment_of, findings

BRANCHES = "catalog/upgrade-"
_NOT_IN_BRANCHES = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class UpgradeRequest:
    """What a person asks for. `to` is a tag, branch or commit; empty: the newest release.

    `answers` replace those given before. `ours` and `theirs` settle conflicts, file by file.
    `apply` brings it to `main`. `force` also takes an older release, or the same one anew.
    """

    name: str
    to: str = ""
    answers: Mapping[str, object] = field(default_factory=dict)
    ours: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    apply: bool = False
    force: bool = False
    key: str = ""
    by: str = ""


@dataclass(frozen=True)
class UpgradePlan:
    """What an upgrade would change. `before` is what `main` holds, `deployment` what it would be.

    `head` is the commit of `main` that it is made for; `carried` are the answers given before, and
    `new` names the questions that nobody was asked then; `found` are the conflicts, and `conflicts`
    those that no choice settles. `proposal` is what waits already; `problems` stand in the way.
    """

    before: Deployment
    deployment: Deployment
    form: Form
    carried: Mapping[str, object]
    new: tuple[str, ...]
    head: str
    ours: FileTree
    theirs: FileTree
    merge: Merge
    notes: Mapping[str, str]
    found: tuple[Conflict, ...] = ()
    proposal: Proposal | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        return self.merge.conflicts

    @property
    def changes_something(self) -> bool:
        return self.merge.files != self.ours

    @property
    def title(self) -> str:
        old, new = name_of(self.before.release), name_of(self.deployment.release)
        return f"Upgrade {self.before.template} {old} to {new}"


class UpgradeInvalidError(InvalidError):
    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        super().__init__(f"{name} cannot be upgraded as asked", problems)


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


class BranchTakenError(ConflictError):
    def __init__(self, name: str, branch: str) -> None:
        super().__init__(
            f"the branch {branch} of {name} was made by somebody else; rename or delete it",
        )


class NoProposalError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(f"no upgrade of {name} is proposed; propose one with: tkt upgrade {name}")


def plan(platform: Platform, asked: UpgradeRequest) -> UpgradePlan:
    """Say what the upgrade would change. Writes nothing.

    Raises DeploymentNotFoundError, NothingPublishedError, NotNewerError, BranchTakenError, and
    what finding, asking and rendering the release raises.
    """
    deployment = platform.deployments.get(asked.name)
    source = Source(deployment.release.location, asked.to or _offered(platform, deployment))
    return _plan(platform, asked, deployment, platform.sources.resolve(source))


def request(platform: Platform, asked: UpgradeRequest) -> Run:
    """Check everything and start to propose the upgrade, and to apply it where that is asked.

    The same key returns the earlier run. Raises UpgradeInvalidError with every problem, what
    `plan` raises, KeyReusedError or DeploymentBusyError.
    """
    deployment = platform.deployments.get(asked.name)
    if earlier := _earlier(platform, asked):
        return earlier
    planned = plan(platform, asked)
    problems = [*planned.problems, *(_left(planned) if asked.apply else ())]
    if problems:
        raise UpgradeInvalidError(asked.name, problems)
    run = Run(
        id=uuid4().hex,
        deployment_id=deployment.id,
        deployment=deployment.name,
        kind=RunKind.UPGRADE,
        created_at=platform.now(),
        key=asked.key,
        input=_input(asked, planned),
    )
    rolling = deployment.changed(platform.now(), state=State.DEPLOYING, problems=())
    begun = platform.deployments.begin(run, rolling if asked.apply else None)
    platform.runs.start(begun)
    return begun


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


def name_of(release: Release) -> str:
    """Return what people call a release: its version, or the beginning of its commit."""
    return release.version or release.commit[:12]


# The steps of a run. Until `main` has moved each makes the plan anew, from what is there now.


def compare(platform: Platform, run: Run) -> Outcome:
    """See which release is wanted, and carry the answers over to its questions."""
    if _applied(platform, run) is not None:
        return Done("it is on main already", findings(platform, run, "compare"))
    release = _release(run)
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
    head = _branch_head(platform, planned)
    change = Change(
        planned.merge.files,
        message_of(run, planned.title),
        signature_of(run),
        _body(planned),
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
    if problems := tuple(map(_unsettled, unsettled(files, before))):
        return Failed(problems)
    known = findings(platform, run, "compare")
    title = f"Upgrade {deployment.template} {known['from']} to {known['to']}"
    change = Change(files, message_of(run, title), signature_of(run))
    commit = platform.forge.accept(
        repository, _proposal(proposed, run), change, str(proposed["onto"])
    )
    _record(platform, run, commit.id)
    _clear_older(platform, run)
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


def branch_of(planned: UpgradePlan) -> str:
    """Return the branch on which an upgrade is proposed."""
    return _branch(planned.deployment.release)


def changed_paths(before: FileTree, after: FileTree) -> tuple[str, ...]:
    """Return the paths at which two trees differ."""
    paths = sorted({*before, *after})
    return tuple(path for path in paths if before.get(path) != after.get(path))


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _branch(release: Release) -> str:
    return BRANCHES + (_NOT_IN_BRANCHES.sub("-", name_of(release)).strip("-.") or "release")


def _offered(platform: Platform, deployment: Deployment) -> str:
    """Return what of the template's source is offered now; empty: the newest release."""
    try:
        entry = locate(platform, deployment.template)
    except TemplateNotFoundError:
        return ""  # no longer in the catalog; its releases may be there all the same
    return entry.ref if entry.location == deployment.release.location else ""


def _plan(
    platform: Platform, asked: UpgradeRequest, recorded: Deployment, release: Release
) -> UpgradePlan:
    repository = repository_of(platform, recorded.name)
    head = platform.forge.head(repository) if recorded.repository else None
    if head is None:
        raise NothingPublishedError(recorded.name)
    ours = platform.forge.files(repository, head.id)
    before = as_held(platform, recorded, ours)
    waiting = _waiting(platform, recorded, release)
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
    return draft if draft.problems else _merged(platform, asked, draft, branch)


def _merged(
    platform: Platform, asked: UpgradeRequest, draft: UpgradePlan, branch: FileTree | None
) -> UpgradePlan:
    wanted = replace(draft.deployment, answers=dict(draft.form.answers()))
    images = built_images(draft.ours)
    declared = declared_by(platform, wanted)
    plain = context_of(platform, wanted, Bindings())
    descriptor = descriptor_for(platform, plain, Answers(wanted.answers))
    bound = resolve(descriptor, providers.available(platform, besides=wanted.name))
    wanted = with_secrets(platform, wanted, bound)
    given = {each.name: wanted.secrets.get(each.name, "") for each in declared}
    problems = [*secret_delivery.problems(platform, wanted.name, declared, given), *bound.problems]
    context = context_of(platform, wanted, bound)
    theirs = compose(platform, context, Answers(wanted.answers), images)
    base = compose(
        platform, _context_before(platform, draft, bound), Answers(draft.before.answers), images
    )
    fresh = platform.merger.merge(base, draft.ours, theirs)
    merged = fresh if branch is None else _follow(platform, draft, branch, fresh)
    merged = _with_answers(merged, theirs)
    chosen, wrong = _chosen(asked, draft.ours, theirs, merged)
    return replace(
        draft,
        deployment=wanted,
        theirs=theirs,
        merge=chosen,
        found=merged.conflicts,
        problems=(*problems, *wrong),
    )


def _follow(platform: Platform, draft: UpgradePlan, branch: FileTree, fresh: Merge) -> Merge:
    """Return what a proposal holds, together with what has come to `main` since."""
    proposal = cast("Proposal", draft.proposal)
    merged = Merge(branch)
    if proposal.base != draft.head:
        repository = repository_of(platform, draft.before.name)
        base = platform.forge.files(repository, proposal.base)
        merged = platform.merger.merge(base, draft.ours, branch)
    known = {each.path: each for each in (*fresh.conflicts, *merged.conflicts)}
    left = unsettled(merged.files, draft.ours)
    conflicts = (known.get(path, _unknown(path, merged.files)) for path in left)
    return Merge(merged.files, tuple(conflicts), fresh.left_deleted)


def _unknown(path: str, files: FileTree) -> Conflict:
    return Conflict(path, ConflictKind.CONTENT, marked=path in files and path + BESIDE not in files)


def _with_answers(merged: Merge, theirs: FileTree) -> Merge:
    """Take the answers file as the new release renders it, as Copier does: nobody edits it."""
    files = merged.files
    for path in answers_files(theirs):
        files = settled(files, path, theirs)
    left = tuple(each for each in merged.conflicts if each.path not in answers_files(theirs))
    return replace(merged, files=files, conflicts=left)


def _chosen(
    asked: UpgradeRequest, ours: FileTree, theirs: FileTree, merged: Merge
) -> tuple[Merge, list[Problem]]:
    chosen = dict.fromkeys(asked.theirs, Side.THEIRS) | dict.fromkeys(asked.ours, Side.OURS)
    sides = {Side.OURS: ours, Side.THEIRS: theirs}
    in_conflict = {each.path for each in merged.conflicts}
    both = [path for path in asked.theirs if path in asked.ours]
    problems = [Problem("is to be kept and replaced at once", file=path) for path in both]
    files = merged.files
    for path, side in chosen.items():
        if path in in_conflict:
            files = settled(files, path, sides[side])
        elif path not in ours and path not in theirs:
            problems.append(Problem("there is no such file in conflict", file=path))
    left = tuple(each for each in merged.conflicts if each.path not in chosen)
    return replace(merged, files=files, conflicts=left), problems


def _context_before(platform: Platform, draft: UpgradePlan, bound: Bindings) -> ApplicationContext:
    """Return what the objects on `main` were made from, as they say themselves."""
    context = context_of(platform, draft.before, bound)
    said = read_held(draft.ours, platform.conventions)
    if said is None or said.context is None:
        return context
    return replace(context, bindings=said.context.bindings, secrets=said.context.secrets)


def _waiting(platform: Platform, deployment: Deployment, release: Release) -> Proposal | None:
    branch = _branch(release)
    repository = repository_of(platform, deployment.name)
    for each in platform.forge.proposals(repository, branch):
        if each.branch == branch and each.open:
            if not _is_ours(each):
                raise BranchTakenError(deployment.name, branch)
            return each
    return None


def _branch_head(platform: Platform, planned: UpgradePlan) -> str:
    """Return what the branch holds: what waits, or what was closed and is proposed anew."""
    if planned.proposal is not None:
        return planned.proposal.head
    repository = repository_of(platform, planned.before.name)
    there = platform.forge.proposals(repository, branch_of(planned))
    mine = (each for each in there if each.branch == branch_of(planned))
    closed = next(mine, None)
    if closed is not None and not _is_ours(closed):
        raise BranchTakenError(planned.before.name, closed.branch)
    return closed.head if closed is not None else ""


def _is_ours(proposal: Proposal) -> bool:
    return bool(run_named_by(proposal.commits[-1]))


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


def _left(planned: UpgradePlan) -> Iterator[Problem]:
    return (_unsettled(each.path) for each in planned.conflicts)


def _unsettled(path: str) -> Problem:
    return Problem(
        "both you and the template changed it",
        file=path,
        mend="settle it on the branch, or choose: --ours keeps yours, --theirs the template's",
    )


def _earlier(platform: Platform, asked: UpgradeRequest) -> Run | None:
    runs = platform.deployments.runs(asked.name) if asked.key else ()
    earlier = next((run for run in runs if run.key == asked.key), None)
    if earlier is None:
        return None
    if earlier.kind is not RunKind.UPGRADE or earlier.input.get("request") != _digest(asked):
        raise KeyReusedError(asked.key)
    return earlier


def _digest(asked: UpgradeRequest) -> str:
    parts = [asked.to, dict(asked.answers), asked.ours, asked.theirs, asked.apply, asked.force]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _input(asked: UpgradeRequest, planned: UpgradePlan) -> dict[str, object]:
    """Return what the run has to know. Answers that nobody asks for are left out, unseen."""
    questions = {each.name for each in planned.form.questions}
    answers = {name: value for name, value in asked.answers.items() if name in questions}
    return {
        "request": _digest(asked),
        "release": asdict(planned.deployment.release),
        "answers": answers,
        "ours": list(asked.ours),
        "theirs": list(asked.theirs),
        "apply": asked.apply,
        "force": asked.force,
        "by": asked.by,
    }


def _release(run: Run) -> Release:
    return Release(**cast("Mapping[str, str]", run.input["release"]))


def _planned(platform: Platform, run: Run) -> UpgradePlan:
    given = run.input
    asked = UpgradeRequest(
        name=run.deployment,
        answers=cast("Mapping[str, object]", given["answers"]),
        ours=tuple(cast("Sequence[str]", given["ours"])),
        theirs=tuple(cast("Sequence[str]", given["theirs"])),
        force=bool(given["force"]),
    )
    return _plan(platform, asked, deployment_of(platform, run), _release(run))


def _applied(platform: Platform, run: Run) -> Commit | None:
    return published_by(platform.forge, repository_of(platform, run.deployment), run)


def _proposal(proposed: Mapping[str, object], run: Run) -> Proposal:
    head = Commit(str(proposed["commit"]), "", "", run.created_at)
    return Proposal(str(proposed["branch"]), (head,), str(proposed["onto"]))


def _clear_older(platform: Platform, run: Run) -> None:
    """Withdraw proposals of releases that are older than what `main` holds now.

    Those on which people have worked stay, for them to look at.
    """
    repository = repository_of(platform, run.deployment)
    for each in platform.forge.proposals(repository, BRANCHES):
        older = is_newer(_release(run).version, version_of(each))
        if older and all(map(run_named_by, each.commits)):
            platform.forge.withdraw(repository, each)


def _record(platform: Platform, run: Run, commit: str) -> None:
    """Say in the record what `main` holds now."""
    known = findings(platform, run, "compare")
    deployment = deployment_of(platform, run)
    platform.deployments.save(
        deployment.changed(
            platform.now(),
            commit=commit,
            release=_release(run),
            answers=known["answers"],
            secrets=known["secrets"],
        )
    )


def _body(planned: UpgradePlan) -> str:
    parts = [f"{planned.title}, proposed by Thinkube Catalog for {planned.before.name}."]
    if planned.conflicts:
        listed = "\n".join(f"- `{each.path}`: {each.kind}" for each in planned.conflicts)
        parts.append(f"These files are in conflict and have to be settled first:\n\n{listed}")
    parts += [f"## {version}\n\n{text}" for version, text in planned.notes.items()]
    return "\n\n".join(parts)
