"""Templates that come as folders stand where they are published, and only what changed is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from thinkube_catalog.adapters.memory.catalogs import MemoryCatalogs
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.adapters.memory.sources import MemoryTemplateSources
from thinkube_catalog.adapters.published import PublishedCatalogs
from thinkube_catalog.domain.catalog import Catalog, CatalogEntry
from thinkube_catalog.domain.forge import Repository
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.publish import publish_catalog

MANIFEST = """\
apiVersion: thinkube.io/v1
kind: TemplateManifest
metadata: {name: tkt-x, version: VERSION}
parameters: []
"""
OURS = Repository("thinkube-templates", "tkt-x")


@dataclass
class Publishing:
    """The ports that publishing uses."""

    forge: MemoryForge
    sources: MemoryTemplateSources
    templates_owner: str = "thinkube-templates"


def a_folder(tmp_path: Path, version: str = "1.0.0") -> CatalogEntry:
    folder = tmp_path / "tkt-x"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.yaml").write_text(MANIFEST.replace("VERSION", version))
    return CatalogEntry("tkt-x", str(folder), source=str(folder))


def a_publishing(tmp_path: Path) -> Publishing:
    forge = MemoryForge()
    return Publishing(forge, MemoryTemplateSources(tmp_path / "checkouts", forge))


def published(below: MemoryCatalogs, publishing: Publishing) -> PublishedCatalogs:
    return PublishedCatalogs(below, partial(publish_catalog, cast("Platform", publishing)))


def test_a_template_that_comes_as_a_folder_stands_where_it_is_published(tmp_path: Path) -> None:
    entry, publishing = a_folder(tmp_path), a_publishing(tmp_path)
    catalogs = published(MemoryCatalogs(Catalog((entry,))), publishing)
    location = catalogs.load().entry("tkt-x").location
    assert location != entry.location
    assert [each.version for each in publishing.sources.releases(location)] == ["v1.0.0"]


def test_others_stay_where_they_are(tmp_path: Path) -> None:
    entry = CatalogEntry("tkt-y", "https://git.example.org/acme/tkt-y")
    below = MemoryCatalogs(Catalog((entry,)))
    assert published(below, a_publishing(tmp_path)).load().entries == (entry,)


def test_the_same_catalogue_is_returned_and_nothing_published_while_nothing_changes(
    tmp_path: Path,
) -> None:
    below, publishing = MemoryCatalogs(Catalog((a_folder(tmp_path),))), a_publishing(tmp_path)
    catalogs = published(below, publishing)
    assert catalogs.load() is catalogs.load()
    assert len(publishing.forge.history(OURS)) == 1


def test_a_changed_catalogue_publishes_the_new_version(tmp_path: Path) -> None:
    below, publishing = MemoryCatalogs(Catalog((a_folder(tmp_path),))), a_publishing(tmp_path)
    catalogs = published(below, publishing)
    location = catalogs.load().entry("tkt-x").location
    below.replace(Catalog((a_folder(tmp_path, "1.1.0"),)))
    catalogs.load()
    versions = [each.version for each in publishing.sources.releases(location)]
    assert versions == ["v1.1.0", "v1.0.0"]


def test_what_cannot_be_published_stays_at_its_folder_with_a_warning(tmp_path: Path) -> None:
    entry = a_folder(tmp_path, "not a version")
    loaded = published(MemoryCatalogs(Catalog((entry,))), a_publishing(tmp_path)).load()
    assert loaded.entries == (entry,)
    assert [each.message for each in loaded.warnings] == ["'not a version' is no version"]


def test_a_changed_folder_is_offered_as_it_is_now_before_its_version_moves(tmp_path: Path) -> None:
    entry, publishing = a_folder(tmp_path), a_publishing(tmp_path)
    offered = published(MemoryCatalogs(Catalog((entry,))), publishing).load().entry("tkt-x")
    assert publishing.sources.resolve(offered.at()).version == "v1.0.0"
    (tmp_path / "tkt-x" / "new.txt").write_text("work in progress")
    offered = published(MemoryCatalogs(Catalog((entry,))), publishing).load().entry("tkt-x")
    now = publishing.sources.resolve(offered.at())
    assert (publishing.sources.checkout(now) / "new.txt").exists()
    assert publishing.sources.resolve(offered.at("v1.0.0")).version == "v1.0.0"
