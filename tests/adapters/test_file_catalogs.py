"""Catalogues on disk and from Git: what is missing, broken, hostile or changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from thinkube_catalog.adapters.catalogs import FileCatalogs
from thinkube_catalog.domain.catalog import CatalogUnreadableError, SourceUnavailableError
from thinkube_catalog.domain.repositories import RepositoriesInvalidError

URL = "https://git.example.org/acme/metadata.git"


def write(folder: Path, *entries: dict[str, Any], name: str = "repositories.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    before = (folder / name).stat().st_mtime_ns if (folder / name).exists() else 0
    (folder / name).write_text(json.dumps({"repositories": list(entries)}))
    os.utime(folder / name, ns=(before + 10**9, before + 10**9))  # clocks may be coarse
    return folder


def an_entry(name: str, **changes: Any) -> dict[str, Any]:
    url = f"https://git.example.org/acme/{name}"
    return {"name": name, "type": "application_template", "github_url": url, **changes}


def catalogs(*locations: Path | str) -> FileCatalogs:
    return FileCatalogs([str(each) for each in locations], fetch=Path)


def names(source: FileCatalogs) -> list[str]:
    return [entry.name for entry in source.load().entries]


class FetchedFolder:
    """A Git URL that is fetched into a folder; or cannot be, while `reason` is set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reason = ""
        self.fetched = 0
        self.now = 0.0

    def fetch(self, url: str) -> Path:
        self.fetched += 1
        if self.reason:
            raise SourceUnavailableError(url, self.reason)
        return self.folder

    def catalogs(self) -> FileCatalogs:
        return FileCatalogs([URL], self.fetch, refresh_seconds=60, clock=lambda: self.now)


def test_the_first_catalogue_is_the_platforms_and_the_others_the_users(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", an_entry("x")), write(tmp_path / "b", an_entry("y"))
    assert [each.origin for each in catalogs(first, second).load().entries] == ["platform", "user"]


def test_files_are_found_at_the_top_and_in_a_folder_named_catalog(tmp_path: Path) -> None:
    write(tmp_path / "a" / "catalog", an_entry("x"))
    assert names(catalogs(tmp_path / "a")) == ["x"]


def test_an_empty_folder_is_a_warning(tmp_path: Path) -> None:
    (warning,) = catalogs(tmp_path).load().warnings
    assert warning.message == "the catalogue is empty"


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    source = catalogs(write(tmp_path, an_entry("x")))
    before = source.load()
    write(tmp_path, an_entry("y"))
    assert names(source) == ["y"]
    assert [entry.name for entry in before.entries] == ["x"]


def test_a_removed_file_offers_nothing_more(tmp_path: Path) -> None:
    source = catalogs(write(tmp_path, an_entry("x")))
    assert names(source) == ["x"]
    (tmp_path / "repositories.json").unlink()
    assert names(source) == []


def test_a_file_that_breaks_leaves_what_was_last_read_and_a_warning(tmp_path: Path) -> None:
    source = catalogs(write(tmp_path, an_entry("x")))
    assert names(source) == ["x"]
    write(tmp_path, {"name": "y"})
    assert names(source) == ["x"]
    (warning,) = source.load().warnings
    assert warning.message == "nothing says where the template is"
    write(tmp_path, an_entry("z"))
    assert names(source) == ["z"]
    assert source.load().warnings == ()


def test_one_broken_catalogue_does_not_hide_the_others(tmp_path: Path) -> None:
    good = write(tmp_path / "good", an_entry("x"))
    bad = write(tmp_path / "bad", {"name": "no/good"})
    loaded = catalogs(good, bad, tmp_path / "missing").load()
    assert [entry.name for entry in loaded.entries] == ["x"]
    assert "no such folder" in str(loaded.warnings)
    assert "is not a usable name" in str(loaded.warnings)


def test_nothing_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogUnreadableError, match="there is no such folder"):
        catalogs(tmp_path / "missing").load()
    with pytest.raises(RepositoriesInvalidError):
        catalogs(write(tmp_path / "bad", {"name": "no/good"})).load()


def test_bytes_that_are_no_text_and_things_that_are_no_files_are_named(tmp_path: Path) -> None:
    write(tmp_path, an_entry("x"))
    (tmp_path / "models.json").write_bytes(b"\xff\xfe\x00")
    os.mkfifo(tmp_path / "optional_components.json")
    loaded = catalogs(tmp_path).load()
    assert [entry.name for entry in loaded.entries] == ["x"]
    assert "it is not a file" in str(loaded.warnings)
    assert "models.json" in str(loaded.warnings)


def test_a_source_is_the_folder_seen_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "tkt-x").mkdir()
    folder = write(tmp_path / "catalog", an_entry("x", source="../tkt-x", github_url=None))
    (entry,) = catalogs(folder).load().entries
    assert entry.source == entry.location == str(tmp_path / "tkt-x")


def test_a_source_that_does_not_exist_is_not_offered(tmp_path: Path) -> None:
    folder = write(tmp_path, an_entry("x", source="../nowhere", github_url=None), an_entry("y"))
    loaded = catalogs(folder).load()
    assert [entry.name for entry in loaded.entries] == ["y"]
    assert "x: its source ../nowhere does not exist" in str(loaded.warnings)


def test_what_comes_by_git_cannot_name_folders_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    inside = tmp_path / "clone" / "tkt-y"
    inside.mkdir(parents=True)
    outside = an_entry("x", source="../secret", github_url=None)
    folder = write(tmp_path / "clone", outside, an_entry("y", source="tkt-y"))
    loaded = FetchedFolder(folder).catalogs().load()
    assert [(each.name, each.source) for each in loaded.entries] == [("y", str(inside))]
    assert "leads out of the repository" in str(loaded.warnings)


def test_what_comes_by_git_cannot_link_to_files_of_this_machine(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "elsewhere", an_entry("x")) / "repositories.json"
    clone = tmp_path / "clone"
    clone.mkdir()
    (clone / "repositories.json").symlink_to(elsewhere)
    with pytest.raises(CatalogUnreadableError, match="leads out of the repository"):
        FetchedFolder(clone).catalogs().load()


def test_a_git_catalogue_is_fetched_now_and_then(tmp_path: Path) -> None:
    remote = FetchedFolder(write(tmp_path, an_entry("x")))
    source = remote.catalogs()
    for remote.now in (0.0, 30.0, 59.0):
        assert names(source) == ["x"]
    assert remote.fetched == 1
    write(tmp_path, an_entry("y"))
    remote.now = 61.0
    assert names(source) == ["y"]
    assert remote.fetched == 2


def test_a_git_server_that_is_gone_leaves_what_was_last_fetched(tmp_path: Path) -> None:
    remote = FetchedFolder(write(tmp_path, an_entry("x")))
    source = remote.catalogs()
    assert source.load().warnings == ()
    remote.reason, remote.now = "no route to host", 61.0
    loaded = source.load()
    assert [entry.name for entry in loaded.entries] == ["x"]
    assert "no route to host" in str(loaded.warnings)
    assert source.load() is loaded
    remote.reason, remote.now = "", 122.0
    assert source.load().warnings == ()
