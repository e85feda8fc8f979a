"""What every `Catalogs` promises: one merged catalogue, the same one until something changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from thinkube_catalog.adapters.catalogs import FileCatalogs
from thinkube_catalog.adapters.memory.catalogs import MemoryCatalogs
from thinkube_catalog.domain.catalog import Catalog, CatalogEntry, Catalogs
from thinkube_catalog.domain.models import Model

Make = Callable[..., Catalogs]


def in_folders(tmp_path: Path, *catalogs: Catalog) -> Catalogs:
    folders = []
    for place, catalog in enumerate(catalogs):
        folder = tmp_path / str(place)
        folder.mkdir()
        entries = [{"name": each.name, "github_url": each.location} for each in catalog.entries]
        written = {"categories": dict(catalog.categories), "repositories": entries}
        (folder / "repositories.json").write_text(json.dumps(written))
        models = [{"id": each.id, "name": each.name} for each in catalog.models]
        (folder / "models.json").write_text(json.dumps({"models": models}))
        folders.append(str(folder))
    return FileCatalogs(folders, fetch=Path)


@pytest.fixture(params=["memory", "folders"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "memory":
        return MemoryCatalogs
    return lambda *catalogs: in_folders(tmp_path, *catalogs)


def a_catalog(*names: str, title: str = "") -> Catalog:
    entries = tuple(CatalogEntry(name, f"https://git.example.org/{name}") for name in names)
    models = tuple(Model(f"acme/{name}", title) for name in names)
    return Catalog(entries, {"agents": title}, models=models)


def test_no_catalogue_offers_nothing(make: Make) -> None:
    assert make().load().entries == ()


def test_a_later_catalogue_replaces_in_place_and_adds_behind(make: Make) -> None:
    loaded = make(a_catalog("a", "b", title="old"), a_catalog("c", "a", title="new")).load()
    assert [entry.name for entry in loaded.entries] == ["a", "b", "c"]
    assert [model.name for model in loaded.models] == ["new", "old", "new"]
    assert loaded.categories == {"agents": "new"}


def test_the_same_catalogue_is_returned_while_nothing_changes(make: Make) -> None:
    catalogs = make(a_catalog("a"))
    assert catalogs.load() is catalogs.load()


def test_an_entry_is_found_by_name_and_by_search(make: Make) -> None:
    loaded = make(a_catalog("tkt-chat", "tkt-rag")).load()
    assert loaded.entry("tkt-rag").location == "https://git.example.org/tkt-rag"
    assert loaded.index.search("rag").items == (loaded.entry("tkt-rag"),)
