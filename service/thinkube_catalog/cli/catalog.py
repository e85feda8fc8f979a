"""`tkt list`, `show`, `render`: the catalog, without a service."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from thinkube_catalog.cli.options import AsJson, Ref, backend
from thinkube_catalog.cli.output import out, print_json, print_table, reported
from thinkube_catalog.operations import browse, forms, preview

Template = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A template's name, or a folder or Git URL of one."),
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
            print_json(page.items)
            return
        rows = ((each.name, each.category, each.description) for each in page.items)
        print_table(("NAME", "CATEGORY", "WHAT IT IS"), rows, "No template matches.")


def show(
    context: typer.Context,
    name: Template,
    *,
    ref: Ref = "",
    as_json: AsJson = False,
) -> None:
    """Show what a template is, asks, needs and gives."""
    with reported(as_document=as_json):
        platform = backend(context).platform()
        details = browse.describe(platform, name, ref)
        form = forms.evaluate(platform, name, {}, ref)
        if as_json:
            print_json({"template": details, "form": form})
            return
        _print_details(details)
        _print_questions(form)
        out.print("\n[bold]Use it[/bold]")
        for command in preview.commands(details.entry, details.release):
            out.print(f"  {escape(command)}")
