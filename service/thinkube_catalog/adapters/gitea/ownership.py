"""Whose a repository in Gitea is.

The marker stands in a reference of the repository itself, `refs/catalog/marker`, as a blob that
names the marker and the repository's numeric id. Nobody meets it in Gitea's pages or a clone, so
nobody loses it by accident; it goes along when the repository is renamed or transferred, and a copy
or a fork of the repository is not ours, since its id is another. It is made by compare-and-swap.

Making a repository and marking it are two calls. Between them the description tells whose it is,
which comes with the creation itself: a repository without the reference but with our description is
ours, and gets its reference (again): while it is empty, along with the first publication, since a
push of its own would take as long as that.
"""

from __future__ import annotations

import hashlib

from thinkube_catalog.adapters.gitea.mirror import Mirror
from thinkube_catalog.adapters.gitea.publishing import MARKER
from thinkube_catalog.adapters.gitea.repositories import Found, Repositories


class Ownership:
    """Reads and writes markers."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories
        self._confirmed: set[tuple[int, str]] = set()  # an id is never given again
        self._unmarked: dict[int, bytes] = {}

    def is_ours(self, found: Found, marker: str) -> bool:
        """Say whether the repository was made for that marker."""
        there = self._read(found)
        if there is None:
            return found.description == description_for(marker)
        return there == _blob_id(_content(found, marker))

    def confirm(self, found: Found, marker: str, mirror: Mirror) -> bool:
        """Say the same, and put the marker where it belongs if it is ours and not empty.

        Raises LostRaceError if somebody else has put one there meanwhile.
        """
        if (found.id, marker) in self._confirmed:
            return True
        there = self._read(found)
        if there is None and found.description == description_for(marker):
            if found.empty:
                self._unmarked[found.id] = _content(found, marker)
                return True
            self._write(found, marker, mirror)
        elif there != _blob_id(_content(found, marker)):
            return False
        self._confirmed.add((found.id, marker))
        return True

    def unmarked(self, found: Found) -> bytes:
        """Return the marker that the first publication has to bring; empty if it has one."""
        return self._unmarked.get(found.id, b"")

    def marked(self, found: Found) -> None:
        """Note that a publication has brought the marker."""
        self._unmarked.pop(found.id, None)

    def _read(self, found: Found) -> str | None:
        references = self._repositories.references(found.repository, MARKER.removeprefix("refs/"))
        return references.get(MARKER)

    @staticmethod
    def _write(found: Found, marker: str, mirror: Mirror) -> None:
        with mirror.locked():
            blob = str(mirror.git.create_blob(_content(found, marker)))
            mirror.push({MARKER: blob}, {MARKER: None})


def description_for(marker: str) -> str:
    """Return the description with which a repository is made."""
    return f"Kept by Thinkube Catalog ({' '.join(marker.split())})"


def _content(found: Found, marker: str) -> bytes:
    return f"Repository {found.id} belongs to Thinkube Catalog, as {marker}\n".encode()


def _blob_id(content: bytes) -> str:
    head = b"blob %d\0" % len(content)
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()
