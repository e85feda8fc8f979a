"""Copier's Worker and Template, set up so that a plain tree renders as its published source does.

`Template` has its Git facts filled in beforehand, so no git is needed and the answers file names
the published source; `Worker` has its questionnaire replaced by ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import jinja2
from copier._jinja_ext import SandboxedEnvironment, get_yield_context
from copier._main import Worker
from copier._settings import SettingsModel
from copier._template import Template

from thinkube_catalog.adapters.copier.faults import InvalidAnswersError, fault_of
from thinkube_catalog.adapters.copier.questionnaire import walk

_NOTHING: Mapping[str, Any] = {}


class ContainedWorker(Worker):
    """A Worker that asks by our questionnaire: all problems at once, nobody is prompted."""

    catalog_answers: Mapping[str, Any] = _NOTHING
    catalog_variables: Mapping[str, str] = _NOTHING

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

        environment.from_string = from_string  # type: ignore[method-assign,assignment]  # fewer arguments, all that Copier uses
        return environment

    def _render_file(
        self,
        src_relpath: Path,
        dst_relpath: Path,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        try:
            super()._render_file(src_relpath, dst_relpath, extra_context)
        except Exception as error:
            fault = fault_of(error, self.template.local_abspath)
            fault.file = fault.file or src_relpath.as_posix()
            raise fault from error

    def _ask(self) -> None:
        reply = walk(self, self.catalog_answers, typed=True, describe=False)
        if reply.problems:
            raise InvalidAnswersError(reply.problems)
        self.data = {**self.catalog_variables, **self.data}
        self.answers.init = {**self.catalog_variables, **self.answers.init}


def a_worker(template: Template, destination: Path) -> ContainedWorker:
    worker = ContainedWorker(
        src_path=template.url,
        dst_path=destination,
        settings=SettingsModel(),  # not the settings of whoever runs the service
        exclude=[".git"],
        cleanup_on_error=False,
        defaults=True,
        overwrite=True,
        quiet=True,
    )
    worker.__dict__["template"] = template
    return worker


def a_template(folder: Path, release: Mapping[str, Any]) -> Template:
    """Return the template in `folder` as if Copier had cloned that release of its source."""
    template = Template(url=release["location"])
    template.__dict__.update(
        local_abspath=folder,
        vcs=None,
        commit=release["version"] or None,
        commit_hash=release["commit"] if release["version"] else None,
    )
    return template
