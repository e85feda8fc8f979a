"""Publishing templates: a folder's tree becomes one commit of the template's own repository."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from thinkube_catalog.domain.catalog import Catalog, CatalogEntry, Release, Source
from thinkube_catalog.domain.errors import CatalogError, InvalidError, Problem
from thinkube_catalog.domain.forge import Commit, Repository, Signature, TagMovedError
from thinkube_catalog.domain.manifest import TemplateManifest, parse_manifest
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.operations.folders import read_folder
from thinkube_catalog.operations.platform import Platform

MANIFEST = "manifest.yaml"
PUBLISHER = ("Thinkube Catalog", "catalog@thinkube.invalid")
BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
"""The date of every template's first commit; each further one is a second later.

So the same releases in the same order have the same commit ids in every installation.
"""

_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?")


@dataclass(frozen=True)
class Published:
    """The releases by template name, and what kept other templates from being published."""

    releases: Mapping[str, Release]
    problems: tuple[Problem, ...]


def publish_template(
    platform: Platform, folder: Path, version: str = "", *, name: str = ""
) -> Release:
    """Commit the folder's tree to the template's repository, tagged `v<version>`.

    With `version`, it is that release or none: raises TagMovedError if the version was published
    with other content. Without, the version is the manifest's, and a folder that has changed
    since that version was published is committed untagged, so that `git describe` names it.
    An unchanged folder publishes nothing, nor does one that was released before what is there
    now, as an older replica has it beside a newer one. `name` is the repository's, else the
    manifest's, else the folder's. Raises InvalidError, ManifestInvalidError, RepositoryTakenError.
    """
    files = read_folder(folder)
    manifest = _manifest(files, folder)
    given = manifest.name if manifest else folder.resolve().name
    repository = Repository(platform.templates_owner, name or given)
    location = platform.forge.ensure_repository(repository, f"template {repository.name}")
    tag = _tag(version or (manifest.version if manifest else ""), folder)
    head = platform.forge.head(repository)
    if head and tag and _is_an_earlier_release(platform, repository, head, files, tag):
        return platform.sources.resolve(Source(location, tag))
    try:
        commit = _publish(platform, repository, head, files, tag)
    except TagMovedError:
        if version:
            raise
        tag = ""
        commit = _publish(platform, repository, head, files, tag)
    return platform.sources.resolve(Source(location, tag or commit.id))


def publish_catalog(platform: Platform, catalog: Catalog) -> Published:
    """Publish every template that comes with its catalogue as a folder.

    One that cannot be published is reported and keeps no other from it.
    """
    releases: dict[str, Release] = {}
    problems: list[Problem] = []
    for entry in catalog.entries:
        if not entry.source:
            continue
        try:
            releases[entry.name] = publish_template(platform, Path(entry.source), name=entry.name)
        except CatalogError as error:
            problems += _problems(entry, error)
    return Published(releases, tuple(problems))


def _is_an_earlier_release(
    platform: Platform, repository: Repository, head: Commit, files: FileTree, tag: str
) -> bool:
    if head.message.strip() == _subject(tag):
        return False
    for commit in platform.forge.history(repository):
        if commit.message.strip() == _subject(tag):
            return platform.forge.files(repository, commit.id) == files
    return False


def _subject(tag: str) -> str:
    return f"Release {tag}" if tag else "Publish work in progress"


def _publish(
    platform: Platform, repository: Repository, head: Commit | None, files: FileTree, tag: str
) -> Commit:
    at = BEGINNING if head is None else head.at + timedelta(seconds=1)
    return platform.forge.publish(repository, files, _subject(tag), Signature(*PUBLISHER, at), tag)


def _manifest(files: FileTree, folder: Path) -> TemplateManifest | None:
    if MANIFEST not in files:
        return None
    return parse_manifest(files.text(MANIFEST), str(folder / MANIFEST)).value


def _tag(version: str, folder: Path) -> str:
    if not version:
        return ""
    number = version.removeprefix("v")
    if not _VERSION.fullmatch(number):
        mend = "write numbers and dots, as in 1.2.0 or 2.0.0rc1"
        problem = Problem(f"{version!r} is no version", str(folder / MANIFEST), mend=mend)
        raise InvalidError(f"{folder} cannot be published:", [problem])
    return f"v{number}"


def _problems(entry: CatalogEntry, error: CatalogError) -> tuple[Problem, ...]:
    return error.problems or (Problem(f"{entry.name}: {error}", entry.source),)
