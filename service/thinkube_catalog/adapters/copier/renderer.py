"""CopierRenderer: renders and asks by Copier, in contained children. Imports no Copier itself."""

from __future__ import annotations

import json
import math
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import psutil

from thinkube_catalog.adapters.copier import trees
from thinkube_catalog.adapters.copier.cache import form_size, key_of, tree_size
from thinkube_catalog.adapters.copier.forms import FormWorkers
from thinkube_catalog.adapters.copier.frames import BrokenFrameError
from thinkube_catalog.adapters.copier.limits import Limits
from thinkube_catalog.adapters.copier.replies import form_of, raise_faults
from thinkube_catalog.adapters.copier.server import (
    Child,
    OverdueError,
    RenderServer,
    ServerLostError,
)
from thinkube_catalog.domain.catalog import Release, TemplateSources
from thinkube_catalog.domain.errors import Problem, RenderError
from thinkube_catalog.domain.naming import name_problems
from thinkube_catalog.domain.questions import Answers, AnswersInvalidError, Form
from thinkube_catalog.domain.rendering import NO_VARIABLES, FileTree
from thinkube_catalog.operations.remembering import BoundedCache

_T = TypeVar("_T")
_CACHE_BYTES = 64 << 20
_MOST_AT_ONCE = 4
_MOST_CHECKED = 4096


class CopierRenderer:
    """Keeps the promises of `Renderer`. Safe to use from several threads.

    `start` prepares the render server ahead of the first need; `close` ends it.
    """

    def __init__(
        self,
        sources: TemplateSources,
        limits: Limits | None = None,
        cache_bytes: int = _CACHE_BYTES,
    ) -> None:
        self._sources = sources
        self._limits = limits or Limits()
        self._server = RenderServer()
        self._forms = FormWorkers(self._server, self._limits)
        self._trees: BoundedCache[FileTree] = BoundedCache(cache_bytes)
        self._known_forms: BoundedCache[Form] = BoundedCache(cache_bytes // 8)
        self._slots = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._checked: set[tuple[str, str]] = set()

    def start(self) -> None:
        self._server.start()

    def close(self) -> None:
        self._forms.close()
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def evaluate(self, release: Release, raw: Mapping[str, object]) -> Form:
        """See `Renderer.evaluate`."""
        self._check_answers(raw)
        key = key_of(release, raw)
        known = self._known_forms.get(key)
        if known is not None:
            return known
        form = self._evaluate(release, raw)
        self._known_forms.put(key, form, form_size(form))
        return form

    def _evaluate(self, release: Release, raw: Mapping[str, object]) -> Form:
        folder = self._template(release)
        request = self._request(release, folder, raw, NO_VARIABLES)
        request |= {"do": "evaluate", "seconds": self._limits.form_seconds}
        reply = _twice(lambda: self._forms.ask(release, request))
        raise_faults(release, reply)
        return form_of(reply)

    def render(
        self,
        release: Release,
        answers: Answers,
        variables: Mapping[str, str] = NO_VARIABLES,
    ) -> FileTree:
        """See `Renderer.render`."""
        self._check_answers(answers)
        key = key_of(release, answers, variables)
        known = self._trees.get(key)
        if known is not None:
            return known
        tree = _twice(lambda: self._render(release, answers, variables))
        self._trees.put(key, tree, tree_size(tree))
        return tree

    def _render(
        self,
        release: Release,
        answers: Answers,
        variables: Mapping[str, str],
    ) -> FileTree:
        folder = self._template(release)
        with self._slots, tempfile.TemporaryDirectory(prefix="render-") as private:
            destination = Path(private, _folder_name(answers))
            request = self._request(release, folder, answers, variables)
            request |= {"do": "render", "seconds": self._limits.render_seconds}
            request |= {"destination": str(destination)}
            with self._server.fork() as child:
                reply = self._outcome(child, request, destination)
            raise_faults(release, reply)
            if problems := form_of(reply).problems:
                raise AnswersInvalidError(problems)
            try:
                return trees.read(destination, self._limits)
            except trees.UnsafeTreeError as error:
                raise _unrendered(release, error.problems) from error

    def _outcome(
        self,
        child: Child,
        request: Mapping[str, object],
        destination: Path,
    ) -> dict[str, object]:
        watch = _Watch(child.pid, destination, self._limits)
        seconds = self._limits.render_seconds
        try:
            reply = child.ask(request, seconds, self._limits.message_size, watch.look)
        except (OverdueError, BrokenFrameError) as error:
            reply = {"faults": [{"message": str(error)}]}
        death = child.end()
        return reply if reply is not None else {"faults": [{"message": death.reason}]}

    def _template(self, release: Release) -> Path:
        folder = self._sources.checkout(release)
        key = (str(folder), release.commit)
        if key not in self._checked:
            try:
                trees.check_template(folder, self._limits)
            except trees.UnsafeTreeError as error:
                raise _unrendered(release, error.problems) from error
            if len(self._checked) >= _MOST_CHECKED:
                self._checked.clear()
            self._checked.add(key)
        return folder

    def _request(
        self,
        release: Release,
        folder: Path,
        raw: Mapping[str, object],
        variables: Mapping[str, str],
    ) -> dict[str, object]:
        return {
            "template": str(folder.resolve()),
            "release": {
                "location": release.location,
                "version": release.version,
                "commit": release.commit,
            },
            "raw": dict(raw),
            "variables": dict(variables),
            "memory": self._limits.memory,
            "file_size": self._limits.file_size,
        }

    def _check_answers(self, raw: Mapping[str, object]) -> None:
        try:
            size = len(json.dumps(dict(raw), allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            problem = Problem(f"the answers cannot be written as JSON: {error}")
            raise AnswersInvalidError((problem,)) from error
        if size > self._limits.answers_size:
            message = (
                f"the answers have {size} bytes; at most {self._limits.answers_size} are taken"
            )
            raise AnswersInvalidError((Problem(message),))


class _Watch:
    """Looks at a running render from outside: what it occupies and what it has written."""

    def __init__(self, pid: int, destination: Path, limits: Limits) -> None:
        self._pid, self._destination, self._limits = pid, destination, limits
        self._base = math.inf

    def look(self) -> None:
        """Raise OverdueError when a bound is passed."""
        if problem := trees.measure(self._destination, self._limits):
            raise OverdueError(problem)
        try:
            resident = psutil.Process(self._pid).memory_info().rss
        except psutil.Error:
            return
        self._base = min(self._base, resident)
        if resident > self._limits.memory + min(self._base, 256 << 20):
            raise OverdueError("it needs more memory than a render may use")


def _twice(job: Callable[[], _T]) -> _T:
    """Do the job again when the render server was lost under it: that is nobody's fault here."""
    try:
        return job()
    except ServerLostError:
        return job()


def _unrendered(release: Release, problems: list[Problem]) -> RenderError:
    return RenderError(f"{release.location} {release.version}".strip() + " is not safe", problems)


def _folder_name(answers: Answers) -> str:
    """Name the folder as a person would (`copier copy ... legal-qa`): templates can see it."""
    name = answers.get("project_name")
    return name if isinstance(name, str) and not name_problems(name) else "project"
