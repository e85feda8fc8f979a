"""Catalogues on disk: folders, and Git repositories that somebody fetches into one.

Each holds `repositories.json`, `optional_components.json` and `models.json`, at its top or in a
folder `catalog`; any of them may be missing.
"""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from thinkube_catalog.domain.catalog import (
    Catalog,
    CatalogEntry,
    CatalogUnreadableError,
    is_git_address,
)
from thinkube_catalog.domain.components import parse_components
from thinkube_catalog.domain.documents.json_text import LONGEST_JSON
from thinkube_catalog.domain.errors import CatalogError, InvalidError, Problem
from thinkube_catalog.domain.models import parse_models
from thinkube_catalog.domain.repositories import parse_repositories

REPOSITORIES = "repositories.json"
COMPONENTS = "optional_components.json"
MODELS = "models.json"
FILES = (REPOSITORIES, COMPONENTS, MODELS)
SUBFOLDER = "catalog"
REFRESH_SECONDS = 60.0
"""How long what was fetched from Git is taken as current."""

Stamp = tuple[int, int, int] | None


@dataclass
class _Place:
    """One configured catalogue, and what was last read of it."""

    location: str
    origin: str
    fetched: bool
    folder: Path | None = None
    fetched_at: float = float("-inf")
    stamps: dict[str, Stamp] = field(default_factory=dict)
    parts: dict[str, Catalog] = field(default_factory=dict)
    errors: dict[str, CatalogError] = field(default_factory=dict)
    empty: Problem | None = None


class FileCatalogs:
    """The `Catalogs` port over folders and Git URLs; files are read again when they change.

    `fetch` brings a Git URL's newest content into a folder and returns that; it raises a
    CatalogError when it cannot. The first catalogue is the platform's, the others are the user's.
    """

    def __init__(
        self,
        locations: Sequence[str],
        fetch: Callable[[str], Path],
        refresh_seconds: float = REFRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = [
            _Place(location, "user" if place else "platform", is_git_address(location))
            for place, location in enumerate(locations)
        ]
        self._fetch = fetch
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None

    def load(self) -> Catalog:
        """Keep the port's promise; costs a few file stats while nothing has changed."""
        with self._lock:
            changed = [self._refresh(place) for place in self._places]  # all of them
            if self._catalog is None or any(changed):
                self._catalog = _merge(self._places)
            return self._catalog

    def _refresh(self, place: _Place) -> bool:
        """Read what has changed of one catalogue; say whether anything has."""
        before = (place.folder, place.errors.get(""), place.empty)
        self._find(place)
        if place.folder not in (None, before[0]):
            place.stamps = {}
        changed = False
        if place.folder is not None:
            stamps = {name: _stamp(place.folder / name) for name in FILES}
            for name, stamp in stamps.items():
                if name not in place.stamps or place.stamps[name] != stamp:
                    _read(place, place.folder, name, stamp)
                    changed = True
            place.stamps = stamps
            place.empty = None if any(stamps.values()) else _nothing_in(place)
        return changed or before != (place.folder, place.errors.get(""), place.empty)

    def _find(self, place: _Place) -> None:
        """Find the folder that holds the files, fetching it where it is time to."""
        if place.fetched and self._clock() - place.fetched_at < self._refresh_seconds:
            return
        try:
            place.folder = _folder_of(self._bring(place))
        except (CatalogError, OSError) as error:
            if not place.fetched:
                place.folder = None  # what was last read of it stands until it is back
            if str(_unreadable(place.location, error)) != str(place.errors.get("")):
                place.errors[""] = _unreadable(place.location, error)
        else:
            place.errors.pop("", None)

    def _bring(self, place: _Place) -> Path:
        if not place.fetched:
            return Path(place.location).expanduser().absolute()
        place.fetched_at = self._clock()
        return self._fetch(place.location)


def _folder_of(root: Path) -> Path:
    if not root.is_dir():
        raise NotADirectoryError("there is no such folder")
    below = root / SUBFOLDER
    here = any((root / name).exists() for name in FILES)
    return below if not here and below.is_dir() else root


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _read(place: _Place, folder: Path, name: str, stamp: Stamp) -> None:
    """Read one file into `place.parts`; a file that breaks its rules leaves the last good one."""
    place.errors.pop(name, None)
    if stamp is None:
        place.parts.pop(name, None)
        return
    try:
        place.parts[name] = _parse(place, folder / name)
    except InvalidError as error:
        place.errors[name] = error
    except (OSError, UnicodeDecodeError) as error:
        place.errors[name] = _unreadable(str(folder / name), error)


def _parse(place: _Place, path: Path) -> Catalog:
    text = _text(place, path)
    if path.name == MODELS:
        models = parse_models(text, str(path))
        return Catalog(models=models.value, warnings=models.warnings)
    if path.name == COMPONENTS:
        components = parse_components(text, str(path))
        return Catalog(components=components.value, warnings=components.warnings)
    repositories = parse_repositories(text, str(path))
    warnings = list(repositories.warnings)
    placed = [_placed(each, place, path, warnings) for each in repositories.value.entries]
    return Catalog(
        entries=tuple(each for each in placed if each is not None),
        categories=repositories.value.categories,
        warnings=tuple(warnings),
    )


def _text(place: _Place, path: Path) -> str:
    if place.fetched and not _within(path, path.parent):
        raise PermissionError("it is a link that leads out of the repository")
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a file")
    if status.st_size > LONGEST_JSON:
        raise OSError(f"it is larger than {LONGEST_JSON:,} bytes")
    return path.read_text(encoding="utf-8")


def _placed(
    entry: CatalogEntry,
    place: _Place,
    path: Path,
    warnings: list[Problem],
) -> CatalogEntry | None:
    """Say where an entry's files are; None when they are nowhere."""
    entry = replace(entry, origin=place.origin)
    if not entry.source:
        return entry
    folder = (path.parent / entry.source).resolve()
    reason = _unusable(folder, place, path)
    if reason:
        warnings.append(Problem(f"{entry.name}: its source {entry.source} {reason}", str(path)))
        return replace(entry, source="") if entry.location else None
    return replace(entry, source=str(folder), location=entry.location or str(folder))


def _unusable(folder: Path, place: _Place, path: Path) -> str:
    # What a repository says must not make this service read elsewhere on this machine.
    root = path.parent.parent if path.parent.name == SUBFOLDER else path.parent
    if place.fetched and not _within(folder, root):
        return "leads out of the repository"
    return "" if folder.is_dir() else "does not exist"


def _within(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def _unreadable(location: str, error: Exception) -> CatalogUnreadableError:
    if isinstance(error, CatalogUnreadableError):
        return error
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    unreadable = CatalogUnreadableError(location, reason)
    unreadable.__cause__ = error
    return unreadable


def _nothing_in(place: _Place) -> Problem:
    return Problem(
        "the catalogue is empty", place.location, mend=f"give it one of {', '.join(FILES)}"
    )


def _merge(places: Sequence[_Place]) -> Catalog:
    """Merge what was read. Raises what went wrong when nothing was."""
    errors = [error for place in places for error in place.errors.values()]
    parts = [place.parts[name] for place in places for name in FILES if name in place.parts]
    if errors and not parts:
        raise errors[0]
    merged = Catalog()
    for part in parts:
        merged = merged.merged_with(part)
    empty = [place.empty for place in places if place.empty]
    warnings = [problem for error in errors for problem in _problems(error)]
    return replace(merged, warnings=(*warnings, *empty, *merged.warnings))


def _problems(error: CatalogError) -> tuple[Problem, ...]:
    return error.problems or (Problem(str(error)),)
