"""`tkt list`, `show`, `render`: the catalog, without a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from thinkube_catalog.cli.answers import ask_missing, raw_answers
from thinkube_catalog.cli.description import print_details, print_questions
from thinkube_catalog.cli.folder import write_tree
from thinkube_catalog.cli.options import (
    Answer,
    AnswersFile,
    AsJson,
    Defaults,
    Ref,
    backend,
    template_names,
)
from thinkube_catalog.cli.output import out, print_json, print_table, readable_path, reported
from thinkube_catalog.domain.questions import Form
from thinkube_catalog.operations import browse, forms, preview
from thinkube_catalog.operations.platform import Platform

Template = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A template's name, or a folder or Git URL of one.",
        autocompletion=template_names,
    ),
]


def list_(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="Words to look for.")] = "",
    *,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag.")] = None,
    category: Annotated[str, typer.Option(help="Only of this category.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the templates, or those that match QUERY, best first."""
    with reported(as_document=as_json):
        page = browse.search(
            backend(context).platform(), query, tags=tag or [], category=category, limit=10_000
        )
        if as_json:
            print_json(backend(context).documents().templates(page))
            return
        rows = ((each.name, each.category, each.description) for each in page.items)
        print_table(("NAME", "CATEGORY", "WHAT IT IS"), rows, "No template matches.")
        out.print("\nMore about one: [bold]tkt show NAME[/bold]")


def show(context: typer.Context, name: Template, *, ref: Ref = "", as_json: AsJson = False) -> None:
    """Show what a template is, asks, needs and gives."""
    with reported(as_document=as_json):
        platform = backend(context).platform()
        details = browse.describe(platform, name, ref)
        form = forms.evaluate(platform, name, {}, ref)
        if as_json:
            documents = backend(context).documents()
            print_json({"template": documents.template(details), "form": documents.form(form)})
            return
        print_details(details)
        print_questions(form)
        out.print("\n[bold]Use it[/bold]")
        for command in details.commands:
            out.print(f"  {escape(command)}")


def render(
    context: typer.Context,
    name: Template,
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="The folder to write to.")],
    *,
    answer: Answer = None,
    answers_file: AnswersFile = None,
    ref: Ref = "",
    kubernetes: Annotated[
        bool, typer.Option("--kubernetes", help="Write the Kubernetes objects as well.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there and differ.")
    ] = False,
    defaults: Defaults = False,
    as_json: AsJson = False,
) -> None:
    """Render a template into a folder: the same bytes as plain `copier copy`."""
    with reported(as_document=as_json):
        platform = backend(context).platform()
        raw = raw_answers(answer or [], answers_file)
        answers = _answers(platform, name, raw, ref, ask=not (defaults or as_json))
        if kubernetes:
            tree = preview.preview(platform, name, answers, ref).tree
        else:
            tree = preview.project_tree(platform, name, answers, ref)
        written = write_tree(tree, destination, overwrite=overwrite)
        if as_json:
            print_json({"destination": destination.absolute(), "files": list(tree)})
            return
        same = len(tree) - written
        unchanged = f", {same} were there already" if same else ""
        folder = escape(readable_path(destination.absolute()))
        out.print(f"{written} files written to [bold]{folder}[/bold]{unchanged}")


def _answers(
    platform: Platform, name: str, raw: dict[str, object], ref: str, *, ask: bool
) -> dict[str, object]:
    def evaluate(answers: object) -> Form:
        assert isinstance(answers, dict)  # noqa: S101 (as `ask_missing` calls it)
        return forms.evaluate(platform, name, answers, ref)

    form = ask_missing(raw, evaluate, ask=ask)
    return {each.name: each.value for each in form.questions if each.answered}
