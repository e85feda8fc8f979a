"""Names and paths as they stand in a descriptor."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from thinkube_catalog.domain.descriptor.placeholders import sample
from thinkube_catalog.domain.documents import Fields, shown

LONGEST_LABEL = 63
LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PUBLIC_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
NAME_MEND = "use small letters, digits and hyphens, starting with a letter, for example api"
VARIABLE_MEND = "use letters, digits and underscores, for example MODEL_URL"

_HTTP_PATH = re.compile(r"/(?:[^/\s\\?#][^\s\\?#]*)?")
_ABSOLUTE = re.compile(r"(/[A-Za-z0-9._-]+)+/?")


def name_fits(pattern: re.Pattern[str], text: str) -> bool:
    """Tell whether a name is usable once its placeholders are filled in."""
    filled = sample(text)
    return bool(pattern.fullmatch(filled)) and len(filled) <= LONGEST_LABEL


def read_path(fields: Fields, name: str, *, required: bool = False) -> str:
    """Read the path of a URL: it starts with one slash and has no query."""
    return fields.text(
        name,
        required=required,
        pattern=_HTTP_PATH,
        mend=f"start it with one slash, for example {'/api' if name == 'path' else '/health'}",
    )


def inner_path(fields: Fields, name: str, default: str = "") -> str:
    """Read a path inside the project, without `./`; anything that could leave it is a problem."""
    text = fields.text(name)
    if not text:
        return default
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\\" in text:
        mend = "name it relative to the project's folder, for example ./api"
        fields.problem(name, f"{shown(text)} does not stay inside the project", mend)
        return default
    return str(path)


def mount_path_problem(text: str) -> str:
    """Say why a path inside a container is not usable; empty when it is."""
    if not _ABSOLUTE.fullmatch(text):
        return f"{shown(text)} is not an absolute path"
    if any(part in {".", ".."} for part in text.split("/")):
        return f"{shown(text)} has dots for folders"
    return ""
