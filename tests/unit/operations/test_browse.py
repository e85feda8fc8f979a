"""Browsing: pages that follow each other, and what a template says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from thinkube_catalog.adapters.memory.catalogs import MemoryCatalogs
from thinkube_catalog.domain.catalog import (
    Catalog,
    CatalogEntry,
    Release,
    Source,
    TemplateNotFoundError,
)
from thinkube_catalog.domain.manifest import ManifestInvalidError
from thinkube_catalog.operations import browse
from thinkube_catalog.operations.platform import Platform


@dataclass
class Folders:
    """Template sources that are folders, each with one release."""

    tags: Mapping[str, str] = field(default_factory=dict)

    def releases(self, location: str) -> list[Release]:
        return [Release(location, tag, commit) for tag, commit in self.tags.items()]

    def resolve(self, source: Source) -> Release:
        return Release(source.location, source.ref, "c0ffee")

    def checkout(self, release: Release) -> Path:
        return Path(release.location)


def a_platform(*entries: CatalogEntry, **catalog: Any) -> Platform:
    platform = PlatformStandIn(MemoryCatalogs(Catalog(entries, **catalog)), Folders({"v1": "a"}))
    return cast("Platform", platform)


@dataclass
class PlatformStandIn:
    """The two ports that browsing uses."""

    catalogs: MemoryCatalogs
    sources: Folders


def a_template(folder: Path, **files: str) -> CatalogEntry:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml").replace("_md", ".md")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return CatalogEntry("tkt-x", str(folder), description="Listed", category="agents")


MANIFEST = """\
apiVersion: thinkube.io/v1
kind: TemplateManifest
metadata: {name: tkt-x, title: The X, description: Does X, author: Somebody, tags: [x]}
parameters: []
secrets: [{name: HF_TOKEN, description: A token, required: false}]
"""
DESCRIPTOR = """\
apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
spec:
  containers:
    - {name: api, build: ., port: 8000, size: large, health: /health,
       gpu: {count: 2, memory: 24Gi}}
  services: [database, "storage:models"]
  dependencies: [{name: gateway, type: litellm, env: LLM_URL}]
"""


def many(count: int) -> tuple[CatalogEntry, ...]:
    return tuple(CatalogEntry(f"t{place:03}", "x", category="agents") for place in range(count))


def all_pages(platform: Platform, limit: int) -> list[str]:
    names, after = [], ""
    while True:
        page = browse.search(platform, after=after, limit=limit)
        names += [each.name for each in page.items]
        after = page.next
        if not after:
            return names


@pytest.mark.parametrize("limit", [1, 3, 10, 11, 100])
def test_the_pages_together_are_the_whole_list(limit: int) -> None:
    platform = a_platform(*many(10))
    assert all_pages(platform, limit) == [entry.name for entry in many(10)]


def test_a_page_counts_everything_that_was_found() -> None:
    page = browse.search(a_platform(*many(5), categories={"agents": "Agents"}), limit=2)
    assert (page.total, len(page.items)) == (5, 2)
    assert page.categories == (browse.Facet("agents", "Agents", 5),)


def test_the_next_page_is_found_although_the_catalogue_has_changed() -> None:
    platform = a_platform(*many(6))
    page = browse.search(platform, limit=3)
    cast("MemoryCatalogs", platform.catalogs).replace(Catalog(many(6)[1:]))
    assert browse.search(platform, after=page.next, limit=3).items[0].name == "t003"
    cast("MemoryCatalogs", platform.catalogs).replace(Catalog(many(6)[4:]))
    assert browse.search(platform, after=page.next, limit=3).items == ()


@pytest.mark.parametrize("cursor", ["x", "1", ":", "-1:a", "1e9:a", "99999999999:a"])
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(browse.CursorInvalidError):
        browse.search(a_platform(*many(3)), after=cursor)


def test_what_matched_is_highlighted_in_name_title_and_description() -> None:
    entry = CatalogEntry("tkt-rag", "x", title="RAG agent", description="For rag")
    (item,) = browse.search(a_platform(entry), "rag").items
    assert item.highlights == ((4, 7),)
    assert item.title_highlights == ((0, 3),)
    assert item.description_highlights == ((4, 7),)


def test_a_template_of_ours_is_described_from_its_files(tmp_path: Path) -> None:
    entry = a_template(
        tmp_path,
        copier_yaml="_subdirectory: template\n",
        manifest_yaml=MANIFEST,
        README_md="# The X",
        template__thinkube_yaml=DESCRIPTOR,
    )
    details = browse.describe(a_platform(entry), "tkt-x")
    assert (details.title, details.description, details.author) == ("The X", "Does X", "Somebody")
    assert details.category == "agents"
    assert details.containers == (
        browse.ContainerNeeds("api", 8000, "large", 2, 24, job=False, schedule=""),
    )
    assert details.services == ("database", "storage:models")
    assert [each.env for each in details.dependencies] == ["LLM_URL"]
    assert [each.name for each in details.secrets] == ["HF_TOKEN"]
    assert details.readme == "# The X"
    assert [each.version for each in details.releases] == ["v1"]
    assert details.warnings == ()


def test_a_template_with_a_manifest_only_is_described(tmp_path: Path) -> None:
    entry = a_template(tmp_path, manifest_yaml=MANIFEST, thinkube_yaml=DESCRIPTOR)
    details = browse.describe(a_platform(entry), "tkt-x")
    assert details.manifest is not None
    assert [each.name for each in details.containers] == ["api"]


def test_the_older_name_of_the_manifest_is_read(tmp_path: Path) -> None:
    entry = a_template(tmp_path, template_yaml=MANIFEST)
    assert browse.describe(a_platform(entry), "tkt-x").title == "The X"


def test_a_plain_copier_template_is_what_its_entry_says(tmp_path: Path) -> None:
    entry = a_template(tmp_path, copier_yaml="name: {type: str}\n", manifest_yaml="icons: []\n")
    details = browse.describe(a_platform(entry), "tkt-x")
    assert (details.title, details.description) == ("tkt-x", "Listed")
    assert (details.manifest, details.descriptor) == (None, None)
    assert [each.message for each in details.warnings] == [
        "the file is no TemplateManifest; it is passed over",
    ]


def test_a_folder_that_is_no_template_says_so(tmp_path: Path) -> None:
    (warning,) = browse.describe(a_platform(a_template(tmp_path)), "tkt-x").warnings
    assert "nothing makes this a template" in warning.message


def test_a_broken_manifest_is_refused_with_every_problem(tmp_path: Path) -> None:
    broken = MANIFEST.replace("tkt-x", "No!").replace("HF_TOKEN", "hf")
    with pytest.raises(ManifestInvalidError) as caught:
        browse.describe(a_platform(a_template(tmp_path, manifest_yaml=broken)), "tkt-x")
    assert {each.field for each in caught.value.problems} == {"metadata.name", "secrets[0].name"}


def test_links_that_lead_out_of_a_template_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("canary TemplateManifest")
    entry = a_template(tmp_path / "t", copier_yaml="{}\n")
    for name in ("README.md", "manifest.yaml", "thinkube.yaml"):
        (tmp_path / "t" / name).symlink_to(tmp_path / "canary")
    details = browse.describe(a_platform(entry), "tkt-x")
    assert details.readme == ""
    assert (details.manifest, details.descriptor) == (None, None)


def test_a_catalogue_that_disagrees_with_the_template_is_warned_about(tmp_path: Path) -> None:
    text = DESCRIPTOR.replace("spec:", "spec:\n  deployment: {type: component, name: x}")
    entry = a_template(tmp_path, manifest_yaml=MANIFEST, thinkube_yaml=text)
    messages = [each.message for each in browse.describe(a_platform(entry), "tkt-x").warnings]
    assert "the catalogue lists it as app, but the template deploys as component" in messages


def test_a_folder_and_a_git_address_are_names_too(tmp_path: Path) -> None:
    platform = a_platform()
    assert browse.locate(platform, str(tmp_path)).location == str(tmp_path)
    entry = browse.locate(platform, "https://git.example.org/acme/tkt-y.git/")
    assert (entry.name, entry.location) == ("tkt-y", "https://git.example.org/acme/tkt-y.git/")
    assert browse.locate(platform, "git@git.example.org:tkt-z.git").name == "tkt-z"


@pytest.mark.parametrize("name", ["tkt-y", "", "nowhere/here", "/does/not/exist", "-x"])
def test_what_is_neither_is_not_found(name: str) -> None:
    with pytest.raises(TemplateNotFoundError):
        browse.locate(a_platform(), name)
