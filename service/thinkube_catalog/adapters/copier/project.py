"""One template, opened by Copier: its questions evaluated and its files rendered.

The only use of Copier's inner classes. What is used of them: `Template` with its Git facts filled
in beforehand (so that a plain tree renders as its published source does, without git), `Worker`
with its questionnaire replaced by ours, `Question` and `AnswersMap` (`questionnaire.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import jinja2
from copier._jinja_ext import SandboxedEnvironment, get_yield_context
from copier._main import Worker
from copier._settings import SettingsModel
from copier._template import Template
from copier._types import Phase

from thinkube_catalog.adapters.copier.faults import Fault, InvalidAnswersError
from thinkube_catalog.adapters.copier.questionnaire import Reply, walk

_NOT_RUN = {
    "_tasks": "commands to run (_tasks)",
    "_migrations": "commands to run on updates (_migrations)",
    "_jinja_extensions": "Python extensions to load (_jinja_extensions)",
}


NOWHERE = Path("/nonexistent/project")
"""Where a form's project would be. It is not there, which is what templates shall find."""


class _ContainedWorker(Worker):
    """A Worker that asks by our questionnaire: all problems at once, nobody is prompted."""

    catalog_raw: Mapping[str, Any]
    catalog_variables: Mapping[str, Any]

    @cached_property
    def jinja_env(self) -> SandboxedEnvironment:
        """Copier's environment, which compiles each of the many equal texts only once."""
        environment = super().jinja_env
        compiled = lru_cache(4096)(environment.from_string)

        def from_string(source: str) -> jinja2.Template:
            # Copier's `yield` tag counts on this reset, which compiling does.
            context = get_yield_context(environment)
            context.yield_name = context.yield_iterable = None
            return compiled(source)

        environment.from_string = from_string  # type: ignore[method-assign,assignment]
        return environment

    def _ask(self) -> None:
        reply = walk(self, self.catalog_raw, self.catalog_variables, typed=True, describe=False)
        if reply.problems:
            raise InvalidAnswersError(reply.problems)


@dataclass
class Project:
    """A template folder and the release that it is a checkout of."""

    folder: Path
    release: Mapping[str, Any]
    asking: Worker | None = None

    @classmethod
    def open(cls, folder: Path, release: Mapping[str, Any]) -> Project:
        """Read the configuration. Raises Fault for what the catalog refuses to run."""
        project = cls(folder, release)
        configuration = project._template()._raw_config
        for key, what in _NOT_RUN.items():
            if configuration.get(key):
                message = f"the template has {what}; the catalog renders, and runs nothing"
                raise Fault(message, file=_configuration_name(folder), field=key)
        return project

    def evaluate(self, raw: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, object]:
        """Return every visible question's state, every problem, and the names that were dropped."""
        if self.asking is None:
            self.asking = self._worker(NOWHERE)
        with Phase.use(Phase.PROMPT):
            reply: Reply = walk(self.asking, raw, variables, typed=False, describe=True)
        return {"questions": reply.questions, "problems": reply.problems, "dropped": reply.dropped}

    def render(
        self,
        destination: Path,
        answers: Mapping[str, Any],
        variables: Mapping[str, Any],
    ) -> None:
        """Write the project. Raises InvalidAnswersError, or whatever Copier raises."""
        with self._worker(destination) as worker:
            worker.catalog_raw = answers
            worker.catalog_variables = variables
            worker.run_copy()

    def _worker(self, destination: Path) -> _ContainedWorker:
        worker = _ContainedWorker(
            src_path=self.release["location"],
            dst_path=destination,
            settings=SettingsModel(),
            exclude=[".git"],
            cleanup_on_error=False,
            defaults=True,
            overwrite=True,
            quiet=True,
        )
        worker.__dict__["template"] = self._template()
        return worker

    def _template(self) -> Template:
        template = Template(url=self.release["location"])
        template.__dict__.update(
            local_abspath=self.folder,
            vcs=None,
            commit=self.release["version"] or None,
            commit_hash=self.release["commit"] if self.release["version"] else None,
        )
        return template


def _configuration_name(folder: Path) -> str:
    return next((path.name for path in sorted(folder.glob("copier.y*ml"))), "copier.yml")
