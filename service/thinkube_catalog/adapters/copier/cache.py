"""Forms and rendered trees, kept by release and answers and bounded by bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.questions import Form
from thinkube_catalog.domain.rendering import FileTree

_PER_FILE = 400
"""Bytes that a file's objects take beside its content, roughly."""


def key_of(
    release: Release,
    answers: Mapping[str, object],
    variables: Mapping[str, str] | None = None,
) -> str:
    """Name a form or a render. The order of answers does not matter; none can be read back."""
    told = dict(variables or {})
    parts = [release.location, release.version, release.commit, dict(answers), told]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def tree_size(tree: FileTree) -> int:
    return sum(len(file.content) + len(path) + _PER_FILE for path, file in tree.items())


def form_size(form: Form) -> int:
    return len(repr(form))
