"""Deploy: from a template and raw answers to a healthy, registered application."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast
from uuid import uuid4

from thinkube_catalog.domain.bindings import Bindings, resolve
from thinkube_catalog.domain.deployments import (
    Deployment,
    DeploymentNotFoundError,
    KeyReusedError,
    Run,
    RunKind,
    State,
)
from thinkube_catalog.domain.descriptor import Descriptor, Variable
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.errors import ConflictError, InvalidError, Problem, UnavailableError
from thinkube_catalog.domain.forge import Repository, RepositoryNotFoundError
from thinkube_catalog.domain.naming import name_problems
from thinkube_catalog.domain.questions import Answers, Form
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.domain.standard import PROJECT_NAME
from thinkube_catalog.operations import providers, secret_delivery
from thinkube_catalog.operations.composition import built_images, compose, context_for
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.prospect import Prospect, descriptor_for, survey
from thinkube_catalog.operations.rollout import (
    HEALTHY,
    HEALTHY_WITHIN,
    HEALTHY_WITHIN_ON_GPU,
    REGISTER,
    SYNC,
    message_of,
    published_by,
    repository_of,
    signature_of,
)
from thinkube_catalog.operations.steps import (
    Done,
    Failed,
    Outcome,
    Step,
    deployment_of,
    findings,
)


@dataclass(frozen=True)
class DeploymentRequest:
    """What a person asks for. `secrets` maps environment names to values or to stored keys.

    `key` is the caller's idempotency key; `by` signs the commit; `healthy_within` is in seconds,
    None leaves it to the template.
    """

    template: str
    name: str
    answers: Mapping[str, object] = field(default_factory=dict)
    ref: str = ""
    secrets: Mapping[str, SecretValue | str] = field(default_factory=dict)
    key: str = ""
    by: str = ""
    healthy_within: float | None = None


class RequestInvalidError(InvalidError):
    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        super().__init__(f"{name or 'this'} cannot be deployed as asked", problems)


def request(platform: Platform, asked: DeploymentRequest) -> Run:
    """Check everything, record the deployment and start to make it.

    The same key for the same name returns the earlier run. Raises RequestInvalidError with every
    problem, KeyReusedError, DeploymentTakenError, DeploymentBusyError, or what finding the
    template raises.
    """
    if earlier := _earlier(platform, asked):
        return earlier
    found = survey(platform, asked.template, _raw(asked), asked.ref)
    problems, descriptor = _examine(platform, asked, found)
    if problems:
        raise RequestInvalidError(asked.name, problems)
    deployment = _deployment(platform, asked, found)
    run = _run(platform, asked, deployment, descriptor)
    return _begin(platform, asked, run, deployment)


def context_of(platform: Platform, deployment: Deployment, bound: Bindings) -> ApplicationContext:
    """Return what the deployment's objects and environment are made from."""
    context = context_for(
        platform, deployment.name, deployment.template, deployment.release, deployment.answers
    )
    return replace(
        context,
        bindings=bound.variables,
        secrets=tuple(sorted({*deployment.secrets, *bound.secrets})),
    )


def check(platform: Platform, run: Run) -> Outcome:
    """Put given secrets in their place and find what the project depends on."""
    secret_delivery.adopt(platform, run, _staged(run))
    deployment = deployment_of(platform, run)
    context = context_of(platform, deployment, Bindings())
    descriptor = descriptor_for(platform, context, Answers(deployment.answers))
    bound = resolve(descriptor, providers.available(platform, besides=deployment.name))
    secrets = {**bound.secrets, **deployment.secrets}
    deployment = deployment.changed(platform.now(), secrets=secrets)
    problems = (*bound.problems, *secret_delivery.missing(platform, deployment))
    if problems:
        return Failed(problems)
    platform.deployments.save(deployment)
    variables = [[each.name, each.value] for each in bound.variables]
    return Done(_found(bound), {"bindings": variables})


def render(platform: Platform, run: Run) -> Outcome:
    """Render the project once, so that a template's fault shows before anything is made."""
    tree = _project(platform, run)
    return Done(f"{len(tree)} files", {"files": len(tree), "digest": tree.digest()})


def publish(platform: Platform, run: Run) -> Outcome:
    """Commit the project to the deployment's own repository."""
    deployment = deployment_of(platform, run)
    repository = repository_of(platform, deployment.name)
    clone_url = platform.forge.ensure_repository(repository, deployment.id)
    platform.forge.connect(repository, deployment.id)
    commit = published_by(platform.forge, repository, run)
    if commit is None:
        commit = platform.forge.publish(
            repository,
            _project(platform, run, _built(platform, repository)),
            message_of(run, _subject(deployment)),
            signature_of(run),
        )
    changed = deployment.changed(platform.now(), repository=str(repository), commit=commit.id)
    platform.deployments.save(replace(changed, clone_url=clone_url))
    details = {"commit": commit.id, "repository": str(repository), "clone_url": clone_url}
    return Done(f"commit {commit.id[:12]} in {repository}", details)


STEPS = (
    Step("check", "Check secrets and dependencies", check),
    Step("render", "Render the project", render),
    Step("publish", "Publish it to its repository", publish),
    REGISTER,
    SYNC,
    HEALTHY,
)


def _earlier(platform: Platform, asked: DeploymentRequest) -> Run | None:
    if not asked.key:
        return None
    runs = platform.deployments.runs(asked.name)
    earlier = next((run for run in runs if run.key == asked.key), None)
    return None if earlier is None else _same(earlier, asked)


def _same(earlier: Run, asked: DeploymentRequest) -> Run:
    if earlier.input.get("request") != _digest(asked):
        raise KeyReusedError(asked.key)
    return earlier


def _digest(asked: DeploymentRequest) -> str:
    parts = [asked.template, asked.ref, dict(asked.answers), sorted(asked.secrets)]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _raw(asked: DeploymentRequest) -> dict[str, object]:
    return {**asked.answers, PROJECT_NAME: asked.name}


def _examine(
    platform: Platform, asked: DeploymentRequest, found: Prospect
) -> tuple[list[Problem], Descriptor]:
    named = name_problems(asked.name, field="name")
    formed = [each for each in found.form.problems if not named or each.field != PROJECT_NAME]
    declared = found.manifest.secrets if found.manifest else None
    given = secret_delivery.problems(platform, asked.name, declared, asked.secrets)
    problems = [*named, *formed, *secret_answers(found.form), *given]
    problems += [] if named else _kept_repository(platform, asked.name)
    if named or formed:
        return problems, Descriptor()
    try:
        descriptor = _drafted(platform, asked, found)
    except InvalidError as error:
        return [*problems, *error.problems], Descriptor()
    offered = providers.available(platform, besides=asked.name)
    return [*problems, *resolve(descriptor, offered).problems], descriptor


def _drafted(platform: Platform, asked: DeploymentRequest, found: Prospect) -> Descriptor:
    """Make the whole project once, for its problems, and return what it says of itself."""
    deployment = _deployment(platform, asked, found)
    context = context_of(platform, deployment, Bindings())
    answers = Answers(deployment.answers)
    compose(platform, context, answers)
    return descriptor_for(platform, context, answers)


def _kept_repository(platform: Platform, name: str) -> list[Problem]:
    """Say early what publishing would run into: a repository that a removal has left, say."""
    repository = repository_of(platform, name)
    try:
        platform.deployments.get(name)
    except DeploymentNotFoundError:
        pass
    else:
        return []  # its own repository, or a name that is taken anyway
    try:
        platform.forge.head(repository)
    except (RepositoryNotFoundError, UnavailableError):
        return []  # what the forge does not answer now, publishing will find
    return [
        Problem(
            f"there is a repository {repository} already, which is not this deployment's",
            field="name",
            mend="choose another name, or move or delete that repository",
        )
    ]


def secret_answers(form: Form) -> list[Problem]:
    """List the answers that are secrets: answers are committed with the project."""
    return [
        Problem(
            f"{question.name} is a secret, and answers are committed to Git",
            field=question.name,
            mend="leave it empty and have the template declare it under `secrets`",
        )
        for question in form.questions
        if question.secret and question.answered and question.value
    ]


def _deployment(platform: Platform, asked: DeploymentRequest, found: Prospect) -> Deployment:
    now = platform.now()
    declared = found.manifest.secrets if found.manifest else ()
    fresh = Deployment(
        id=uuid4().hex,
        name=asked.name,
        template=found.template,
        release=found.release,
        answers=dict(found.form.answers()),
        created_at=now,
        changed_at=now,
        secrets=secret_delivery.chosen_keys(platform, asked.name, declared, asked.secrets),
    )
    try:
        existing = platform.deployments.get(asked.name)
    except DeploymentNotFoundError:
        return fresh
    return _in_place_of(existing, fresh)


def _in_place_of(existing: Deployment, fresh: Deployment) -> Deployment:
    """Return the new attempt at a deployment that never was healthy; its repository is kept."""
    if existing.state is not State.FAILED or existing.healthy_commit:
        return fresh  # whose name is taken, as recording it will say
    return replace(
        fresh,
        id=existing.id,
        created_at=existing.created_at,
        repository=existing.repository,
        clone_url=existing.clone_url,
        commit=existing.commit,
    )


def _run(
    platform: Platform, asked: DeploymentRequest, deployment: Deployment, descriptor: Descriptor
) -> Run:
    on_gpu = any(container.gpu for container in descriptor.containers)
    staged = [name for name, each in asked.secrets.items() if isinstance(each, SecretValue)]
    return Run(
        id=uuid4().hex,
        deployment_id=deployment.id,
        deployment=deployment.name,
        kind=RunKind.DEPLOY,
        created_at=platform.now(),
        key=asked.key,
        input={
            "request": _digest(asked),
            "by": asked.by,
            "staged": staged,
            "healthy_within": asked.healthy_within
            or (HEALTHY_WITHIN_ON_GPU if on_gpu else HEALTHY_WITHIN),
        },
    )


def _begin(platform: Platform, asked: DeploymentRequest, run: Run, deployment: Deployment) -> Run:
    staged = secret_delivery.stage(platform, run, asked.secrets)
    try:
        begun = platform.deployments.begin(run, deployment)
    except ConflictError:
        secret_delivery.unstage(platform, run, staged)
        raise
    if begun.id != run.id:
        secret_delivery.unstage(platform, run, staged)
        return _same(begun, asked)
    platform.runs.start(begun)
    return begun


def _staged(run: Run) -> list[str]:
    staged = run.input.get("staged")
    return [str(name) for name in staged] if isinstance(staged, list | tuple) else []


def _found(bound: Bindings) -> str:
    names = ", ".join(variable.name for variable in bound.variables)
    return f"found {names}" if names else "nothing is missing"


def _built(platform: Platform, repository: Repository) -> dict[str, str]:
    """Return the images that were built for what the repository holds: they go on running."""
    head = platform.forge.head(repository)
    try:
        return built_images(platform.forge.files(repository, head.id)) if head else {}
    except InvalidError:  # somebody has pushed what no tree of ours can hold
        return {}


def _project(platform: Platform, run: Run, images: Mapping[str, str] | None = None) -> FileTree:
    deployment = deployment_of(platform, run)
    pairs = cast("list[list[str]]", findings(platform, run, "check").get("bindings", []))
    variables = tuple(Variable(name, value=value) for name, value in pairs)
    context = context_of(platform, deployment, Bindings(variables))
    return compose(platform, context, Answers(deployment.answers), images)


def _subject(deployment: Deployment) -> str:
    version = deployment.release.version or deployment.release.commit[:12]
    return f"Render {deployment.template} {version}".rstrip()
