"""What the template changed and what people changed, joined; and what both of them changed."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from thinkube_catalog.domain.bindings import Bindings, resolve
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.forge import Proposal
from thinkube_catalog.domain.merging import (
    BESIDE,
    Conflict,
    ConflictKind,
    Merge,
    Side,
    settled,
    unsettled,
)
from thinkube_catalog.domain.questions import Answers
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.operations import providers, secret_delivery
from thinkube_catalog.operations.composition import built_images, compose
from thinkube_catalog.operations.deploy import context_of
from thinkube_catalog.operations.held import answers_files, declared_by, read_held, with_secrets
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.prospect import descriptor_for
from thinkube_catalog.operations.rollout import repository_of
from thinkube_catalog.operations.upgrade.values import UpgradePlan, UpgradeRequest


def with_merge(
    platform: Platform, asked: UpgradeRequest, draft: UpgradePlan, branch: FileTree | None
) -> UpgradePlan:
    """Return the plan with the release rendered and merged, and with what stands in the way.

    `branch` is what a proposal holds that is to be gone on with, if there is one.
    """
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


def unsettled_problem(path: str) -> Problem:
    """Say that a file is in conflict still, and how to settle it."""
    return Problem(
        "both you and the template changed it",
        file=path,
        mend="settle it on the branch, or choose: --ours keeps yours, --theirs the template's",
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
