"""What every source of templates promises (`TemplateSources` in `domain/catalog.py`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.builders import A_MOMENT
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.adapters.memory.sources import MemoryTemplateSources
from thinkube_catalog.adapters.template_sources import GitTemplateSources
from thinkube_catalog.domain.catalog import (
    Release,
    ReleaseNotFoundError,
    Source,
    SourceUnavailableError,
    TemplateSources,
)
from thinkube_catalog.domain.forge import Commit, Forge, Repository, Signature
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations.folders import read_folder

CHAT = Repository("thinkube-templates", "tkt-chat")


@dataclass
class World:
    """A forge with one template's repository, and the sources that read it."""

    forge: Forge
    sources: TemplateSources
    location: str
    published: int = 0

    def publish(self, files: Mapping[str, File], tag: str = "") -> Commit:
        self.published += 1
        at = A_MOMENT + timedelta(seconds=self.published)
        signature = Signature("Maintainer", "maintainer@example.org", at)
        return self.forge.publish(CHAT, FileTree(files), f"Change {at}", signature, tag)

    def version(self, number: int, tag: str = "") -> Commit:
        return self.publish({"copier.yml": File(f"number: {number}\n".encode())}, tag)


@pytest.fixture(params=["memory", "git"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    if request.param == "memory":
        memory = MemoryForge()
        sources: TemplateSources = MemoryTemplateSources(tmp_path / "sources", memory)
        return World(memory, sources, memory.ensure_repository(CHAT, "template"))
    forge = LocalForge(tmp_path / "forge")
    sources = GitTemplateSources(tmp_path / "sources")
    return World(forge, sources, forge.ensure_repository(CHAT, "template"))


def test_releases_are_the_tags_newest_version_first(world: World) -> None:
    for number, tag in enumerate(["v1.9.0", "v1.10.0", "v2.0.0rc1", "latest", "1.2"]):
        world.version(number, tag)
    listed = world.sources.releases(world.location)
    assert [release.version for release in listed] == ["v2.0.0rc1", "v1.10.0", "v1.9.0", "1.2"]


def test_without_a_ref_the_newest_final_release_is_meant(world: World) -> None:
    world.version(1, "v1.0.0")
    wanted = world.version(2, "v1.1.0")
    world.version(3, "v2.0.0rc1")
    world.version(4)
    assert world.sources.resolve(Source(world.location)) == Release(
        world.location, "v1.1.0", wanted.id
    )


def test_without_any_release_the_newest_commit_is_meant(world: World) -> None:
    world.version(1)
    newest = world.version(2)
    release = world.sources.resolve(Source(world.location))
    assert (release.commit, release.version) == (newest.id, newest.id[:7])


def test_a_release_is_named_by_tag_branch_commit_or_description(world: World) -> None:
    first = world.version(1, "v1.0.0")
    world.version(2)
    third = world.version(3)
    described = f"v1.0.0-2-g{third.id[:7]}"
    for ref in ("main", "HEAD", third.id, third.id[:10], described):
        release = world.sources.resolve(Source(world.location, ref))
        assert (release.commit, release.version) == (third.id, described)
    for ref in ("v1.0.0", first.id):
        release = world.sources.resolve(Source(world.location, ref))
        assert (release.commit, release.version) == (first.id, "v1.0.0")


@pytest.mark.parametrize(
    "ref",
    [
        "v9.9.9",
        "f" * 40,
        "abcdef0",
        "--upload-pack=touch pwned",
        "-v1.0.0",
        "main\nx",
        "main..main",
        "@{-1}",
        "main^",
        ":/Change",
        "refs/heads/main:x",
        "../HEAD",
    ],
)
def test_an_unknown_ref_is_said_to_be_unknown_and_the_known_are_named(
    world: World, ref: str
) -> None:
    world.version(1, "v1.0.0")
    with pytest.raises(ReleaseNotFoundError, match=r"its releases are v1\.0\.0"):
        world.sources.resolve(Source(world.location, ref))


def test_an_abbreviation_of_fewer_than_seven_digits_names_nothing(world: World) -> None:
    commit = world.version(1)
    with pytest.raises(ReleaseNotFoundError):
        world.sources.resolve(Source(world.location, commit.id[:6]))


def test_an_empty_repository_has_no_release(world: World) -> None:
    assert list(world.sources.releases(world.location)) == []
    with pytest.raises(ReleaseNotFoundError, match="it has no releases"):
        world.sources.resolve(Source(world.location))


def test_what_cannot_be_reached_is_said_so(world: World, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere")
    for call in (world.sources.releases, lambda at: world.sources.resolve(Source(at))):
        with pytest.raises(SourceUnavailableError, match="nowhere"):
            call(missing)


def test_a_checkout_holds_exactly_the_releases_files(world: World) -> None:
    files = {
        "copier.yml": File(b"_subdirectory: template\n"),
        "template/run me.sh": File(b"#!/bin/sh\n", executable=True),
        "template/{{ name }}.txt.jinja": File("schön\r\n".encode()),
        "template/link": File(b"run me.sh", link=True),
        "empty": File(b""),
    }
    world.publish(files, "v1.0.0")
    folder = world.sources.checkout(world.sources.resolve(Source(world.location)))
    assert read_folder(folder) == FileTree(files)
    assert not (folder / ".git").exists()
    assert (folder / "copier.yml").stat().st_mode & 0o777 == 0o644
    assert (folder / "template/run me.sh").stat().st_mode & 0o777 == 0o755


def test_a_checkout_is_made_once_and_stays(world: World) -> None:
    world.version(1, "v1.0.0")
    release = world.sources.resolve(Source(world.location))
    folder = world.sources.checkout(release)
    made = folder.stat().st_ctime_ns
    world.version(2, "v2.0.0")
    assert world.sources.checkout(release) == folder
    assert folder.stat().st_ctime_ns == made
    assert (folder / "copier.yml").read_text() == "number: 1\n"


def test_a_commit_that_is_not_there_cannot_be_checked_out(world: World) -> None:
    world.version(1)
    for commit in ("f" * 40, "../../etc", "", "main"):
        with pytest.raises(ReleaseNotFoundError):
            world.sources.checkout(Release(world.location, "v1.0.0", commit))


def test_a_folder_counts_as_it_stands(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "tkt-mine"
    folder.mkdir()
    (folder / "copier.yml").write_text("number: 1\n")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/x.pyc").write_text("junk")
    first = world.sources.resolve(Source(str(folder)))
    (folder / "copier.yml").write_text("number: 2\n")
    second = world.sources.resolve(Source(str(folder)))
    assert first.version == second.version == ""
    assert first.commit != second.commit
    assert list(world.sources.releases(str(folder))) == []
    assert read_folder(world.sources.checkout(first)).text("copier.yml") == "number: 1\n"
    assert list(read_folder(world.sources.checkout(second))) == ["copier.yml"]
    with pytest.raises(ReleaseNotFoundError):
        world.sources.resolve(Source(str(folder), "v1.0.0"))


def test_a_folder_with_a_pipe_in_it_is_refused_at_once(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "tkt-mine"
    folder.mkdir()
    os.mkfifo(folder / "copier.yml")
    with pytest.raises(Exception, match=r"copier\.yml: is no file, folder or link"):
        world.sources.resolve(Source(str(folder)))
