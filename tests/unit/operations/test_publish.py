"""Templates become commits and tags of their own repositories."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.adapters.memory.sources import MemoryTemplateSources
from thinkube_catalog.adapters.template_sources import GitTemplateSources
from thinkube_catalog.domain.catalog import Catalog, CatalogEntry, Release, Source, TemplateSources
from thinkube_catalog.domain.errors import InvalidError
from thinkube_catalog.domain.forge import Forge, Repository, TagMovedError
from thinkube_catalog.operations.folders import read_folder
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.publish import Published, publish_catalog, publish_template

MANIFEST = """\
apiVersion: thinkube.io/v1
kind: TemplateManifest
metadata:
  name: tkt-chat
  title: Chat
  description: A page to talk to a language model
  version: "{version}"
"""


@dataclass(frozen=True)
class Ports:
    """The part of the platform that publishing touches."""

    forge: Forge
    sources: TemplateSources
    templates_owner: str = "templates"


@pytest.fixture(params=["memory", "git"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Platform:
    if request.param == "memory":
        forge = MemoryForge()
        ports = Ports(forge, MemoryTemplateSources(tmp_path / "sources", forge))
    else:
        local = LocalForge(tmp_path / "forge")
        ports = Ports(local, GitTemplateSources(tmp_path / "sources"))
    return cast("Platform", ports)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work" / "tkt-chat"
    (folder / "template").mkdir(parents=True)
    write(folder, "1.0.0")
    (folder / "template/run.sh").write_text("#!/bin/sh\n")
    (folder / "template/run.sh").chmod(0o755)
    return folder


def write(folder: Path, version: str, text: str = "number: 1\n") -> None:
    (folder / "manifest.yaml").write_text(MANIFEST.format(version=version))
    (folder / "copier.yml").write_text(text)


def published_ids(platform: Platform) -> list[str]:
    return [commit.id for commit in platform.forge.history(Repository("templates", "tkt-chat"))]


def test_a_template_is_published_under_its_version(platform: Platform, folder: Path) -> None:
    release = publish_template(platform, folder)
    assert release.version == "v1.0.0"
    assert platform.sources.resolve(Source(release.location)) == release
    assert read_folder(platform.sources.checkout(release)) == read_folder(folder)


def test_an_older_and_a_newer_program_side_by_side_publish_each_release_once(
    platform: Platform, folder: Path, tmp_path: Path
) -> None:
    newer = tmp_path / "newer" / "tkt-chat"
    shutil.copytree(folder, newer)
    write(newer, "1.1.0", "number: 2\n")
    old, new = publish_template(platform, folder), publish_template(platform, newer)
    for _ in range(2):
        assert publish_template(platform, folder) == old
        assert publish_template(platform, newer) == new
    assert len(published_ids(platform)) == 2


def test_an_unchanged_template_publishes_nothing_new(platform: Platform, folder: Path) -> None:
    release = publish_template(platform, folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"junk")
    (folder / ".env").write_text("TOKEN=canary")
    assert publish_template(platform, folder) == release
    assert len(published_ids(platform)) == 1


def test_work_on_a_published_version_is_committed_without_a_tag(
    platform: Platform, folder: Path
) -> None:
    released = publish_template(platform, folder)
    write(folder, "1.0.0", "number: 2\n")
    work = publish_template(platform, folder)
    assert work.version == f"v1.0.0-1-g{work.commit[:7]}"
    assert publish_template(platform, folder) == work
    assert platform.sources.resolve(Source(work.location)) == released


def test_a_folder_put_back_to_what_was_released_is_that_release(
    platform: Platform, folder: Path
) -> None:
    released = publish_template(platform, folder)
    write(folder, "1.0.0", "number: 2\n")
    publish_template(platform, folder)
    write(folder, "1.0.0")
    assert publish_template(platform, folder) == released


def test_a_new_version_is_a_new_release(platform: Platform, folder: Path) -> None:
    publish_template(platform, folder)
    write(folder, "1.1.0", "number: 2\n")
    assert publish_template(platform, folder).version == "v1.1.0"
    listed = platform.sources.releases(publish_template(platform, folder).location)
    assert [release.version for release in listed] == ["v1.1.0", "v1.0.0"]


def test_a_version_that_is_asked_for_is_released_or_refused(
    platform: Platform, folder: Path
) -> None:
    publish_template(platform, folder, "1.0.0")
    write(folder, "1.0.0", "number: 2\n")
    before = published_ids(platform)
    with pytest.raises(TagMovedError, match=r"v1\.0\.0"):
        publish_template(platform, folder, "1.0.0")
    assert published_ids(platform) == before
    assert publish_template(platform, folder, "v1.0.1").version == "v1.0.1"


@pytest.mark.parametrize("version", ["latest", "1.0.0 --force", "1..0", "v", "1.0-dirty"])
def test_what_is_no_version_is_refused(platform: Platform, folder: Path, version: str) -> None:
    with pytest.raises(InvalidError, match="is no version"):
        publish_template(platform, folder, version)


def test_the_same_releases_have_the_same_ids_in_every_installation(
    folder: Path, tmp_path: Path
) -> None:
    def publish_two(place: str) -> list[Release]:
        ports = Ports(LocalForge(tmp_path / place), GitTemplateSources(tmp_path / f"{place}-s"))
        platform = cast("Platform", ports)
        releases = []
        for version in ("1.0.0", "1.1.0"):
            write(folder, version)
            releases.append(replace(publish_template(platform, folder), location=""))
        return releases

    assert publish_two("here") == publish_two("there")


def test_a_template_without_a_manifest_goes_by_its_folder(platform: Platform, folder: Path) -> None:
    (folder / "manifest.yaml").unlink()
    release = publish_template(platform, folder)
    assert release.version == release.commit[:7]
    assert published_ids(platform) == [release.commit]


def test_a_catalogue_publishes_what_comes_with_it_and_names_what_it_cannot(
    platform: Platform, folder: Path
) -> None:
    broken = folder.parent / "tkt-broken"
    broken.mkdir()
    (broken / "manifest.yaml").write_text("kind: [")
    catalog = Catalog(
        (
            CatalogEntry("tkt-broken", "", source=str(broken)),
            CatalogEntry("tkt-elsewhere", "https://forge.invalid/tkt-elsewhere.git"),
            CatalogEntry("tkt-chat", "", source=str(folder)),
            CatalogEntry("tkt-gone", "", source=str(folder.parent / "tkt-gone")),
        )
    )
    published = publish_catalog(platform, catalog)
    assert list(published.releases) == ["tkt-chat"]
    assert publish_catalog(platform, catalog) == published
    assert {"tkt-broken", "tkt-gone"} == {
        name for name in ("tkt-broken", "tkt-gone") if mentions(published, name)
    }


def mentions(published: Published, name: str) -> bool:
    return any(name in str(problem) for problem in published.problems)
