"""Remaking: `k8s/` made anew from a `thinkube.yaml` that people have changed.

The objects say themselves what they were made from. What people have changed in them stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from thinkube_catalog.domain.bindings import Bindings, resolve
from thinkube_catalog.domain.builds import WORKFLOW_PATH
from thinkube_catalog.domain.deployments import Deployment, Run, RunKind
from thinkube_catalog.domain.descriptor import Descriptor
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.errors import CatalogError, ConflictError, InvalidError, Problem
from thinkube_catalog.domain.forge import Change, Commit, ProposalMovedError
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations import providers
from thinkube_catalog.operations.composition import (
    DESCRIPTOR_FILE,
    OBJECTS_FOLDER,
    built_images,
    descriptor_of,
    with_objects,
)
from thinkube_catalog.operations.held import as_held, with_secrets
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.remembering import BoundedCache
from thinkube_catalog.operations.requests import begin, earlier_request, new_run
from thinkube_catalog.operations.rollout import (
    HEALTHY,
    REGISTER,
    SYNC,
    message_of,
    published_by,
    repository_of,
    signature_of,
)
from thinkube_catalog.operations.steps import Again, Done, Failed, Outcome, Step, deployment_of

BRANCHES = "catalog/remake-"
SUBJECT = "Make k8s/ anew from thinkube.yaml"
_BODY = "What `k8s/` holds was made from an earlier `thinkube.yaml`. Thinkube Catalog brings it in."
_MOVED_SECONDS = 0.5

_WARNINGS: BoundedCache[tuple[Problem, ...]] = BoundedCache(1024 * 1024)
"""By commit, whose files never change."""


class RemakeInvalidError(InvalidError):
    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        super().__init__(f"the objects of {name} cannot be made anew", problems)


class NothingToRemakeError(ConflictError):
    def __init__(self, name: str) -> None:
        super().__init__(f"k8s/ of {name} says what its thinkube.yaml says; there is nothing to do")


@dataclass(frozen=True)
class Remade:
    """What `main` would hold. `head` is the commit that it is made from, `before` its files."""

    deployment: Deployment
    head: str
    before: FileTree
    files: FileTree
    problems: tuple[Problem, ...]


def warnings(platform: Platform, deployment: Deployment) -> tuple[Problem, ...]:
    """Say what of the deployment's `thinkube.yaml` does not run, and what to do about it.

    Empty where the engine runs `thinkube.yaml` itself, and while the forge does not answer.
    """
    if not (platform.runs_objects and deployment.commit):
        return ()
    repository = repository_of(platform, deployment.name)
    key = f"{repository}@{deployment.commit}"
    found = _WARNINGS.get(key)
    if found is None:
        try:
            files = platform.forge.files(repository, deployment.commit)
        except CatalogError:
            return ()
        found = _warnings(platform, deployment.name, files)
        _WARNINGS.put(key, found, len(key) + sum(len(str(each)) for each in found))
    return found


def request(platform: Platform, name: str, *, key: str = "", by: str = "") -> Run:
    """Check that the objects can be made, and start to.

    Raises DeploymentNotFoundError, RemakeInvalidError with every problem, NothingToRemakeError,
    DeploymentBusyError, KeyReusedError.
    """
    deployment = platform.deployments.get(name)
    asked: dict[str, object] = {"by": by}
    if earlier := earlier_request(platform, deployment, RunKind.REMAKE, key, asked):
        return earlier
    remade = remake(platform, deployment)
    if remade.problems:
        raise RemakeInvalidError(name, remade.problems)
    if remade.files == remade.before:
        raise NothingToRemakeError(name)
    run = new_run(platform, deployment, RunKind.REMAKE, key, asked)
    changed = deployment.changed(platform.now(), state=deployment.coming_up, problems=())
    return begin(platform, run, changed)


def remake(platform: Platform, recorded: Deployment) -> Remade:
    """Return what `main` would hold; writes nothing. Raises RemakeInvalidError."""
    repository = repository_of(platform, recorded.name)
    head = platform.forge.head(repository) if recorded.repository else None
    if head is None:
        raise RemakeInvalidError(recorded.name, [Problem("nothing is published yet")])
    files = platform.forge.files(repository, head.id)
    try:
        context, descriptor = _said(platform, recorded.name, files)
    except InvalidError as error:
        raise RemakeInvalidError(recorded.name, error.problems or [Problem(str(error))]) from error
    bound = _bound(platform, recorded.name, descriptor)
    wanted = with_secrets(platform, as_held(platform, recorded, files), bound)
    after = replace(
        context, bindings=bound.variables, secrets=tuple(sorted({*wanted.secrets, *bound.secrets}))
    )
    base, theirs = _before(platform, context, files), _made(files, descriptor, after)
    merge = platform.merger.merge(base, files, theirs)
    problems = (*bound.problems, *(_in_conflict(each.path) for each in merge.conflicts))
    return Remade(wanted, head.id, files, merge.files, problems)


def make(platform: Platform, run: Run) -> Outcome:
    """Commit the objects on top of what is there, unless somebody pushes meanwhile."""
    deployment = deployment_of(platform, run)
    repository = repository_of(platform, deployment.name)
    commit = published_by(platform.forge, repository, run)
    if commit is None:
        remade = remake(platform, deployment)
        if remade.problems:
            return Failed(remade.problems)
        try:
            commit = _publish(platform, run, remade)
        except ProposalMovedError:
            return Again(_MOVED_SECONDS, "somebody has pushed meanwhile; it is made from that now")
    files = platform.forge.files(repository, commit.id)
    bound = _bound(platform, deployment.name, _said(platform, deployment.name, files)[1])
    wanted = with_secrets(platform, deployment, bound)
    platform.deployments.save(wanted.changed(platform.now(), commit=commit.id))
    return Done(f"main holds them as {commit.id[:12]}", {"commit": commit.id})


STEPS = (
    Step("objects", "Make its objects anew", make, every_attempt=True),
    REGISTER,
    SYNC,
    HEALTHY,
)


def _warnings(platform: Platform, name: str, files: FileTree) -> tuple[Problem, ...]:
    context = _context(platform, files)
    if context is None or not context.descriptor or DESCRIPTOR_FILE not in files:
        return ()
    try:
        now = descriptor_of(files, name, platform.conventions)
    except InvalidError as error:
        said = "is not usable, so the cluster goes on with what it said before"
        return (Problem(said, file=DESCRIPTOR_FILE, mend="mend it and push"), *error.problems)
    try:
        before = descriptor_of(_with_descriptor(files, context), name, platform.conventions)
    except InvalidError:
        return ()  # somebody has changed what the objects say of themselves
    if now == before:
        return ()
    said = "has changed since k8s/ was made from it, and the cluster runs what k8s/ says"
    return (Problem(said, file=DESCRIPTOR_FILE, mend=f"make k8s/ anew: tkt remake {name}"),)


def _context(platform: Platform, files: FileTree) -> ApplicationContext | None:
    try:
        return _read_context(platform, files)
    except InvalidError:
        return None


def _read_context(platform: Platform, files: FileTree) -> ApplicationContext:
    # The typed objects take a while to import, and few commands need them.
    from thinkube_catalog.domain.kubernetes.metadata import read_context  # noqa: PLC0415

    return read_context(files, platform.conventions)


def _said(platform: Platform, name: str, files: FileTree) -> tuple[ApplicationContext, Descriptor]:
    descriptor = descriptor_of(files, name, platform.conventions)
    if descriptor is None:
        mend = "restore it from the repository's history"
        raise RemakeInvalidError(name, [Problem("is not there", file=DESCRIPTOR_FILE, mend=mend)])
    return _read_context(platform, files), descriptor


def _bound(platform: Platform, name: str, descriptor: Descriptor) -> Bindings:
    return resolve(descriptor, providers.available(platform, besides=name))


def _before(platform: Platform, context: ApplicationContext, files: FileTree) -> FileTree:
    """Return the files as they were made; as they are where they do not say from what."""
    if not context.descriptor:
        return files
    old = _with_descriptor(files, context)
    descriptor = descriptor_of(old, context.name, platform.conventions)
    return _made(old, descriptor, context) if descriptor else files


def _made(files: FileTree, descriptor: Descriptor, context: ApplicationContext) -> FileTree:
    ours = {WORKFLOW_PATH} if context.conventions.builds else set()
    plain = {
        path: file
        for path, file in files.items()
        if path not in ours and not path.startswith(OBJECTS_FOLDER)
    }
    return with_objects(FileTree(plain), descriptor, context, built_images(files))


def _with_descriptor(files: FileTree, context: ApplicationContext) -> FileTree:
    return files.with_files({DESCRIPTOR_FILE: File(context.descriptor.encode())})


def _in_conflict(path: str) -> Problem:
    return Problem(
        "you have changed the same lines that thinkube.yaml changes now",
        file=path,
        mend="take your change back there, or make it as thinkube.yaml says, and push",
    )


def _publish(platform: Platform, run: Run, remade: Remade) -> Commit:
    """Bring it to `main` by way of a branch: so that it is on top of `head`, or not there."""
    forge, repository = platform.forge, repository_of(platform, run.deployment)
    branch = f"{BRANCHES}{run.id[:12]}"
    for each in forge.proposals(repository, branch):
        if each.base != remade.head:
            forge.withdraw(repository, each)
    change = Change(remade.files, message_of(run, SUBJECT), signature_of(run), _BODY)
    proposal = forge.propose(repository, change, branch, remade.head)
    return forge.accept(repository, proposal, change, remade.head)
