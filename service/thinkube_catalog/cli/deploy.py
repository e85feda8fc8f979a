"""`tkt deploy`: from a template to a healthy application."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.prompt import Prompt

from thinkube_catalog.cli.answers import ArgumentsInvalidError, ask_missing, raw_answers
from thinkube_catalog.cli.options import (
    Answer,
    AnswersFile,
    AsJson,
    Defaults,
    Ref,
    Server,
    connect,
    template_names,
)
from thinkube_catalog.cli.output import Json, err, reported
from thinkube_catalog.cli.runs import finish
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.questions import Choice, Form, Question

if TYPE_CHECKING:  # its HTTP client is heavy, and `tkt --help` calls nobody
    from thinkube_catalog.cli.client import Client


def deploy(
    context: typer.Context,
    template: Annotated[
        str, typer.Argument(metavar="NAME", help="The template.", autocompletion=template_names)
    ],
    project: Annotated[
        str, typer.Argument(metavar="PROJECT", help="The name of the new deployment.")
    ],
    answer: Answer = None,
    answers_file: AnswersFile = None,
    ref: Ref = "",
    secret: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            metavar="NAME[=KEY]",
            help="Give the application this secret: what is stored under a key; else from the "
            "environment variable of that name, from the store, or asked for. May be repeated.",
        ),
    ] = None,
    defaults: Defaults = False,
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Follow it until it is healthy or has failed."),
    ] = False,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Deploy a template as PROJECT. With --wait, exits 0 only when it is healthy."""
    with reported(as_document=as_json):
        raw = raw_answers(answer or [], answers_file) | {"project_name": project}
        client = connect(context, server)
        answers = _complete(client, template, raw, ref, ask=not (defaults or as_json))
        body = {
            "template": template,
            "name": project,
            "answers": answers,
            "ref": ref,
            "secrets": _secrets(client, secret or []),
        }
        run = client.call("POST", "/deployments", body, key=str(uuid.uuid4()), timeout=120)
        finish(client, run, wait=wait, as_json=as_json)


def _complete(
    client: Client,
    template: str,
    raw: Mapping[str, object],
    ref: str,
    *,
    ask: bool,
) -> dict[str, object]:
    def evaluate(answers: Mapping[str, object]) -> Form:
        body = {"answers": dict(answers), "ref": ref}
        return form_of(client.call("POST", f"/templates/{template}/form", body))

    if not ask or not sys.stdin.isatty():
        return dict(raw)
    form = ask_missing(raw, evaluate, ask=True)
    return {question.name: question.value for question in form.questions}


def form_of(document: Json) -> Form:
    """Return a form as the API sends it."""
    questions = tuple(
        Question(
            **{
                **each,
                "choices": None
                if each["choices"] is None
                else tuple(Choice(**choice) for choice in each["choices"]),
            },
        )
        for each in document["questions"]
    )
    problems = tuple(Problem(**each) for each in document["problems"])
    return Form(questions, tuple(document["dropped"]), problems)


def _secrets(client: Client, names: Sequence[str]) -> dict[str, Json]:
    if not names:
        return {}
    stored = {entry["key"] for entry in client.call("GET", "/secrets")["items"]}
    given: dict[str, Json] = {}
    missing = []
    for asked in names:
        name, _, key = asked.partition("=")
        if key:
            given[name] = {"stored": key}
        elif os.environ.get(name):
            given[name] = {"value": os.environ[name]}
        elif name in stored:
            given[name] = {"stored": name}
        elif sys.stdin.isatty():
            given[name] = {"value": Prompt.ask(f"{name}", password=True, console=err)}
        else:
            mend = f"set the environment variable, or store it: tkt secret set {name}"
            missing.append(Problem("there is no such secret", field=name, mend=mend))
    if missing:
        raise ArgumentsInvalidError(missing)
    return given
