"""What a branch holds: the release and the answers that its own files name.

People merge, revert and roll back by Git, so the files say what is deployed, and the record follows
them. Copier's answers file says it; `k8s/app-metadata.yaml` does for templates that have none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from thinkube_catalog.domain.bindings import Bindings, resolve
from thinkube_catalog.domain.catalog import CatalogEntry, Release, Source
from thinkube_catalog.domain.deployments import Deployment
from thinkube_catalog.domain.documents import DocumentInvalidError, read_yaml
from thinkube_catalog.domain.environment import ApplicationContext, Conventions
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.manifest import SecretDeclaration
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.domain.standard import PROJECT_NAME
from thinkube_catalog.operations import providers, secret_delivery
from thinkube_catalog.operations.composition import descriptor_of
from thinkube_catalog.operations.forms import evaluate_release
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.rollout import repository_of
from thinkube_catalog.operations.template_files import read_template

_ANSWERS = ".copier-answers"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Held:
    """What some files say of themselves. `context` is None where they do not say how they run."""

    location: str
    version: str
    answers: Mapping[str, object]
    context: ApplicationContext | None = None


def answers_files(files: FileTree) -> tuple[str, ...]:
    """Return the paths of Copier's answers files."""
    return tuple(path for path in files if "/" not in path and path.startswith(_ANSWERS))


def read_held(files: FileTree, conventions: Conventions) -> Held | None:
    """Read what files say of themselves; None where they say nothing that can be read."""
    context = _context(files, conventions)
    for found in _answers(files):
        given = {name: value for name, value in found.items() if not name.startswith("_")}
        return Held(str(found["_src_path"]), str(found["_commit"]), given, context)
    if context is not None:
        release = context.release
        return Held(release.location, release.version, dict(context.parameters), context)
    return None


def as_held(platform: Platform, deployment: Deployment, files: FileTree) -> Deployment:
    """Return the record with the release and answers that the files of its branch name.

    Stays as it is where they name another template, or nothing that can be found. Raises
    UnavailableError when that cannot be told now.
    """
    said = read_held(files, platform.conventions)
    if said is None or said.location != deployment.release.location:
        return deployment
    answers = {**deployment.answers, **said.answers, PROJECT_NAME: deployment.name}
    if said.version == deployment.release.version and answers == dict(deployment.answers):
        return deployment
    release = _release(platform, deployment, said)
    form = evaluate_release(platform, release, answers, deployment.template)
    known = dict(form.answers()) if not form.problems else deployment.answers
    found = replace(deployment, release=release, answers=known)
    return with_secrets(platform, found, _bound(platform, found, files))


def following(platform: Platform, deployment: Deployment, commit: str) -> Deployment:
    """Return the record as a commit of its branch names it, or as it is if that cannot be told.

    What somebody has pushed may name anything, and a roll-out goes on all the same.
    """
    try:
        files = platform.forge.files(repository_of(platform, deployment.name), commit)
        return as_held(platform, deployment, files)
    except CatalogError as error:
        _log.warning("what %s of %s holds cannot be told: %s", commit, deployment.name, error)
        return deployment


def with_secrets(platform: Platform, deployment: Deployment, bound: Bindings) -> Deployment:
    """Return the record with the keys of secrets that its release and its bindings want besides."""
    declared = declared_by(platform, deployment)
    chosen = secret_delivery.chosen_keys(platform, deployment.name, declared, {})
    return replace(deployment, secrets={**bound.secrets, **chosen, **deployment.secrets})


def declared_by(platform: Platform, deployment: Deployment) -> tuple[SecretDeclaration, ...]:
    """Return the secrets that the deployment's release declares."""
    entry = CatalogEntry(deployment.template, deployment.release.location)
    files = read_template(platform.sources.checkout(deployment.release), entry)
    return files.manifest.secrets if files.manifest else ()


def _bound(platform: Platform, deployment: Deployment, files: FileTree) -> Bindings:
    descriptor = descriptor_of(files, deployment.name, platform.conventions)
    if descriptor is None:
        return Bindings()
    return resolve(descriptor, providers.available(platform, besides=deployment.name))


def _release(platform: Platform, deployment: Deployment, said: Held) -> Release:
    if said.version == deployment.release.version:
        return deployment.release
    return platform.sources.resolve(Source(said.location, said.version))


def _answers(files: FileTree) -> Iterator[Mapping[str, object]]:
    for path in answers_files(files):
        if files[path].link:
            continue
        try:
            found = read_yaml(files.text(path), path).value
        except DocumentInvalidError:
            continue  # somebody has broken it; what else is there may still tell
        if found.get("_src_path") and found.get("_commit"):
            yield found


def _context(files: FileTree, conventions: Conventions) -> ApplicationContext | None:
    # The typed objects take a while to import, and few commands need them.
    from thinkube_catalog.domain.kubernetes.metadata import read_context  # noqa: PLC0415

    try:
        return read_context(files, conventions)
    except CatalogError:
        return None
