"""One template, opened by Copier: its questions evaluated and its files rendered.

With `worker.py` and `questionnaire.py` the only use of Copier's inner classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copier._template import Template
from copier._types import Phase
from copier._user_data import DEFAULT_DATA

from thinkube_catalog.adapters.copier.faults import Fault, InvalidAnswersError, ManifestFault
from thinkube_catalog.adapters.copier.questionnaire import walk
from thinkube_catalog.adapters.copier.worker import ContainedWorker, a_template, a_worker
from thinkube_catalog.domain.manifest import (
    ManifestInvalidError,
    parse_manifest,
    questions_from_parameters,
)

NOWHERE = Path("/nonexistent/project")
"""Where a form's project would be. It is not there, which is what templates shall find."""

_NOT_RUN = {
    "_tasks": "commands to run (_tasks)",
    "_migrations": "commands to run on updates (_migrations)",
    "_jinja_extensions": "Python extensions to load (_jinja_extensions)",
}
_MANIFEST = "manifest.yaml"
_LARGEST_MANIFEST = 1 << 20


@dataclass
class Project:
    """A template as its release has it, and a worker that asks its questions.

    Questions come from `copier.yml`; a template that has none there is asked for by the parameters
    of its manifest, and rendered as Thinkube does it: every value is text.
    """

    template: Template
    asking: ContainedWorker
    asked_by: str

    @classmethod
    def open(cls, folder: Path, release: Mapping[str, Any]) -> Project:
        """Read the configuration. Raises Fault for what the catalog refuses to run."""
        template = asking = a_template(folder, release)
        _refuse_commands(template._raw_config, folder)
        asked_by = _configuration_name(folder) if template.questions_data else ""
        if not asked_by and (questions := _manifest_questions(folder)):
            asked_by = _MANIFEST
            asking = a_template(folder, release)
            asking.__dict__["_raw_config"] = questions
        return cls(template, a_worker(asking, NOWHERE), asked_by)

    def evaluate(self, raw: Mapping[str, Any]) -> dict[str, object]:
        """Return every visible question's state, every problem, and the names that were dropped."""
        with Phase.use(Phase.PROMPT):
            reply = walk(self.asking, raw, typed=False, describe=True)
        return {
            "questions": reply.questions,
            "problems": reply.problems,
            "dropped": reply.dropped,
            "asked_by": self.asked_by,
        }

    def render(
        self,
        destination: Path,
        answers: Mapping[str, Any],
        variables: Mapping[str, Any],
    ) -> None:
        """Write the project. Raises InvalidAnswersError, or whatever Copier raises."""
        with a_worker(self.template, destination) as worker:
            if self.template.questions_data:
                worker.catalog_answers = answers
            else:
                worker.catalog_variables = self._texts(answers, variables)
            worker.run_copy()

    def _texts(
        self,
        answers: Mapping[str, Any],
        variables: Mapping[str, Any],
    ) -> dict[str, str]:
        """Return what Thinkube would give as `-d name=value`, answers checked."""
        with Phase.use(Phase.PROMPT):
            reply = walk(self.asking, answers, typed=True, describe=False)
        if reply.problems:
            raise InvalidAnswersError(reply.problems)
        given = {**variables, **self.asking.answers.user}
        given |= {name: answers[name] for name in variables if name in answers}
        return {name: str(value) for name, value in given.items() if _may_be_told(name)}


def _refuse_commands(configuration: Mapping[str, Any], folder: Path) -> None:
    for key, what in _NOT_RUN.items():
        if configuration.get(key):
            message = f"the template has {what}; the catalog renders, and runs nothing"
            raise Fault(message, file=_configuration_name(folder), field=key)


def _manifest_questions(folder: Path) -> dict[str, dict[str, object]]:
    try:
        with (folder / _MANIFEST).open("rb") as file:
            text = file.read(_LARGEST_MANIFEST).decode("utf-8", "replace")
    except (FileNotFoundError, IsADirectoryError):
        return {}
    if "thinkube.io/" not in text:  # some other manifest of a plain Copier template
        return {}
    try:
        manifest = parse_manifest(text).value
    except ManifestInvalidError as error:
        raise ManifestFault(error.problems) from error
    return questions_from_parameters(manifest.parameters)


def _may_be_told(name: str) -> bool:
    return name.isidentifier() and not name.startswith("_") and name not in DEFAULT_DATA


def _configuration_name(folder: Path) -> str:
    return next((path.name for path in sorted(folder.glob("copier.y*ml"))), "copier.yml")
