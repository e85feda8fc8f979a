"""Commands to copy: what a person types to get the same, with plain Copier or with `tkt`."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping

from thinkube_catalog.domain.catalog import CatalogEntry, Release
from thinkube_catalog.domain.questions import Form
from thinkube_catalog.domain.standard import PROJECT_NAME

EXAMPLE_PROJECT = "my-app"
_DESCRIBED = re.compile(r".*-\d+-g[0-9a-f]{7,}|[0-9a-f]{7,40}")


def commands(
    entry: CatalogEntry,
    release: Release,
    project: str = EXAMPLE_PROJECT,
    form: Form | None = None,
    told: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the `copier copy` and the `tkt deploy` line, ready for a shell.

    With a form they give exactly what it says: its answers, nothing asked. `told` are the
    variables for a template that asks nothing in `copier.yml`. Secret answers are left out.
    """
    listed = entry.name if entry.origin else entry.location
    ours = _given(_answers(form, besides=PROJECT_NAME))
    # Plain Copier does not know the defaults of a manifest, so it has to be told all of them.
    copied = {**told, **_answers(form, everything=True)} if told else _answers(form)
    exactly = ["--defaults"] if form else []
    at = _ref(release, "--ref") if form else ()
    return [
        shlex.join(
            [
                *("copier", "copy", "-x", ".git", *exactly, *_ref(release), *_given(copied)),
                *(release.location, project),
            ],
        ),
        shlex.join(["tkt", "deploy", listed, project, *at, *ours]),
    ]


def _ref(release: Release, option: str = "--vcs-ref") -> tuple[str, ...]:
    if not release.version:
        return ()
    described = _DESCRIBED.fullmatch(release.version)
    return (option, release.commit if described else release.version)


def _answers(
    form: Form | None,
    besides: str = "",
    *,
    everything: bool = False,
) -> dict[str, str]:
    if form is None:
        return {}
    return {
        question.name: _text(question.value, question.type)
        for question in form.questions
        if question.name != besides and not question.secret and (everything or question.answered)
    }


def _given(answers: Mapping[str, str]) -> Iterator[str]:
    for name, text in answers.items():
        yield from ("-d", f"{name}={text}")


def _text(value: object, type_name: str) -> str:
    structured = isinstance(value, list | dict) or type_name in {"json", "yaml"}
    return json.dumps(value, ensure_ascii=False) if structured else str(value)
