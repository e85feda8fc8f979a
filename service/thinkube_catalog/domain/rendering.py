"""Rendering: a release and answers become a tree of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.questions import Answers, Form


@dataclass(frozen=True)
class File:
    """A file's bytes; for a symbolic link (`link`), `content` is the target as UTF-8."""

    content: bytes
    executable: bool = False
    link: bool = False

    @property
    def git_mode(self) -> str:
        if self.link:
            return "120000"
        return "100755" if self.executable else "100644"


class FileTree(Mapping[str, File]):
    """Files by relative path with `/`, sorted by path. Never changes; has no empty folders."""

    __slots__ = ("_files",)

    def __init__(self, files: Mapping[str, File]) -> None:
        self._files = dict(sorted(files.items()))

    def __getitem__(self, path: str) -> File:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __hash__(self) -> int:
        return hash(self.digest())

    def with_files(self, files: Mapping[str, File]) -> FileTree:
        """Return a tree with these files added or put in place of others of the same path."""
        return FileTree({**self._files, **files})

    def text(self, path: str) -> str:
        """Return a file's text. Raises KeyError; undecodable bytes become U+FFFD."""
        return self._files[path].content.decode("utf-8", "replace")

    def digest(self) -> str:
        """Return the SHA-256 (hex) over every path, mode and content."""
        digest = hashlib.sha256()
        for path, file in self._files.items():
            digest.update(f"{file.git_mode} {len(path.encode())} {path} ".encode())
            digest.update(f"{len(file.content)} ".encode())
            digest.update(file.content)
        return digest.hexdigest()


NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


class Renderer(Protocol):
    """Asks a template's questions and renders it, contained: hostile templates are expected."""

    def evaluate(self, release: Release, raw: Mapping[str, object]) -> Form:
        """Evaluate every question for these raw answers and list every error at once.

        `raw` may hold texts as a form sends them or typed values. Answers that no visible question
        asks for are dropped and named. Raises RenderError when the template itself is at fault.
        """
        ...

    def render(
        self,
        release: Release,
        answers: Answers,
        variables: Mapping[str, str] = NO_VARIABLES,
    ) -> FileTree:
        """Render, with exactly the bytes and modes of `copier copy -x .git` of `release.location`.

        `variables` are what the catalog tells, as `-d name=value` would, a template that has no
        questions in `copier.yml`; others know what they ask and nothing else.
        Rendering the same release and answers again gives an equal tree. Raises RenderError, which
        names the file, when the template fails, hangs, is too large, or makes something unsafe;
        AnswersInvalidError when the answers do not fit the questions.
        """
        ...
