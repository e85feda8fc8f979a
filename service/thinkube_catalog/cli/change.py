"""Changing deployments: `tkt retry`, `renew`, `rollback`, `remake`, `cancel`, `remove`."""

from __future__ import annotations

import sys
import uuid
from typing import Annotated

import typer
from rich.markup import escape
from rich.prompt import Confirm

from thinkube_catalog.cli.answers import ArgumentsInvalidError
from thinkube_catalog.cli.differences import print_differences
from thinkube_catalog.cli.options import AsJson, Project, Server, connect
from thinkube_catalog.cli.output import Json, err, out, print_json, reported
from thinkube_catalog.cli.runs import finish
from thinkube_catalog.domain.errors import Problem

Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end.")]


def retry(
    context: typer.Context,
    project: Project,
    *,
    wait: Wait = True,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Go on with a failed run, from the step that failed."""
    with reported(as_document=as_json):
        client = connect(context, server)
        run = client.call("POST", f"/deployments/{project}/retry")
        finish(client, run, wait=wait, as_json=as_json)


def renew(
    context: typer.Context,
    project: Project,
    *,
    wait: Wait = True,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Start it anew with the values that its secrets have now, where they have changed."""
    with reported(as_document=as_json):
        client = connect(context, server)
        run = client.call("POST", f"/deployments/{project}/renew", key=str(uuid.uuid4()))
        finish(client, run, wait=wait, as_json=as_json)


def rollback(
    context: typer.Context,
    project: Project,
    *,
    to: Annotated[str, typer.Option(help="A commit; else the last healthy one before.")] = "",
    wait: Wait = True,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Go back to an earlier version, by a commit on top that restores it."""
    with reported(as_document=as_json):
        client = connect(context, server)
        run = client.call(
            "POST", f"/deployments/{project}/rollback", {"to": to}, key=str(uuid.uuid4())
        )
        finish(client, run, wait=wait, as_json=as_json)


def remake(
    context: typer.Context,
    project: Project,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change, line by line.")
    ] = False,
    wait: Wait = True,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Make k8s/ anew from a thinkube.yaml that was changed, by a commit on top."""
    with reported(as_document=as_json):
        client = connect(context, server)
        if dry_run:
            _print_remade(client.call("GET", f"/deployments/{project}/remake"), as_json=as_json)
            return
        run = client.call("POST", f"/deployments/{project}/remake", key=str(uuid.uuid4()))
        finish(client, run, wait=wait, as_json=as_json)


def cancel(
    context: typer.Context, project: Project, *, server: Server = "", as_json: AsJson = False
) -> None:
    """Ask the run that is under way to end after its current step."""
    with reported(as_document=as_json):
        client = connect(context, server)
        run = client.call("POST", f"/deployments/{project}/cancel")
        print_json(run) if as_json else out.print("It ends after the current step.")


def remove(
    context: typer.Context,
    project: Project,
    *,
    repository: Annotated[
        bool, typer.Option("--repository", help="Delete its repository as well.")
    ] = False,
    volumes: Annotated[
        bool, typer.Option("--volumes", help="Delete what it stored as well.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    plan_only: Annotated[bool, typer.Option("--plan", help="Only show the plan.")] = False,
    wait: Wait = True,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Remove a deployment. Shows first what goes and what stays."""
    with reported(as_document=as_json):
        client = connect(context, server)
        choice = {"repository": str(repository).lower(), "volumes": str(volumes).lower()}
        plan = client.call("GET", f"/deployments/{project}/removal-plan", **choice)  # type: ignore[arg-type] # as query
        if plan_only and as_json:
            print_json(plan)
            return
        if not as_json:
            _print_plan(plan)
        if plan_only or not _confirmed(project, yes=yes):
            return
        run = client.call(
            "DELETE",
            f"/deployments/{project}",
            key=str(uuid.uuid4()),
            **choice,  # type: ignore[arg-type] # as query
        )
        finish(client, run, wait=wait, as_json=as_json)


def _print_remade(remade: Json, *, as_json: bool) -> None:
    if as_json:
        print_json(remade)
        return
    print_differences(remade["files"], lines=True)
    for each in remade["problems"]:
        out.print(f"[red]•[/red] {escape(str(Problem(**each)))}")
    if not remade["files"]:
        out.print("Nothing differs.")


def _print_plan(plan: Json) -> None:
    for item in plan["items"]:
        mark = "[red]remove[/red]" if item["removed"] else "[green]keep  [/green]"
        note_ = f" [dim]{escape(item['note'])}[/dim]" if item["note"] else ""
        out.print(f"{mark} {item['what']:<12}{escape(item['name'])}{note_}")


def _confirmed(project: str, *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        problem = Problem("nobody is there to confirm", mend="add --yes, or --plan to only look")
        raise ArgumentsInvalidError([problem])
    return Confirm.ask(f"Remove {project}?", default=False, console=err)
