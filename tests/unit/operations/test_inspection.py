"""Inspections: known at once where there is time, else soon; a broken template is said to be."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.stage import Stage
from tests.stand_ins import RELEASE
from thinkube_catalog.domain.catalog import CatalogEntry, SourceUnavailableError
from thinkube_catalog.operations.inspection import Inspections, inspect

ENTRY = CatalogEntry("tkt-chat", "/templates/tkt-chat")


class Broken:
    def resolve(self, source: object) -> None:
        raise SourceUnavailableError("/templates/tkt-chat", "gone")


def test_a_template_is_known_at_once_while_patience_lasts(stage: Stage) -> None:
    found = Inspections(stage.platform).of([ENTRY], patience=10)
    assert found["tkt-chat"].version == RELEASE.version


def test_without_patience_it_is_known_soon(stage: Stage) -> None:
    inspections = Inspections(stage.platform)
    assert inspections.of([ENTRY], patience=0) == {}
    deadline = time.monotonic() + 10
    while not inspections.of([ENTRY], patience=0):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_an_entry_that_has_changed_is_not_shown_as_it_was(stage: Stage) -> None:
    inspections = Inspections(stage.platform)
    inspections.of([ENTRY], patience=10)
    assert inspections.of([replace(ENTRY, location="/elsewhere")], patience=0) == {}


def test_nobody_waits_for_other_hosts(stage: Stage) -> None:
    remote = replace(ENTRY, location="https://forge.example/templates/tkt-chat")
    assert Inspections(stage.platform).of([remote], patience=10) == {}


def test_what_cannot_be_read_is_said_to_be_so(stage: Stage) -> None:
    platform = replace(stage.platform, sources=Broken())  # type: ignore[arg-type] # all that is asked
    assert "gone" in inspect(platform, ENTRY).error
