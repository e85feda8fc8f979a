"""Repositories, people and files that tests of forges speak of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.builders import A_MOMENT
from thinkube_catalog.domain.forge import Repository, Signature
from thinkube_catalog.domain.rendering import File, FileTree

CHAT = Repository("thinkube-deployments", "chat")
US = Signature("Thinkube Catalog", "catalog@thinkube.invalid", A_MOMENT)
SOMEBODY = Signature("Somebody", "somebody@example.org", A_MOMENT + timedelta(minutes=1))
LATER = replace(US, at=A_MOMENT + timedelta(hours=1))


def tree(**texts: str) -> FileTree:
    return FileTree({name: File(text.encode()) for name, text in texts.items()})


FIRST, SECOND, THEIRS = tree(app="1"), tree(app="2"), tree(app="theirs")
