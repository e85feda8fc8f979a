"""Seeing how deployments are: `tkt ps`, `status`, `logs`, `open`, `history`."""

from __future__ import annotations

import sys
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from thinkube_catalog.cli.options import AsJson, Project, Server, connect
from thinkube_catalog.cli.output import (
    NOT_ANSWERED,
    Json,
    out,
    print_json,
    print_json_line,
    print_table,
    reported,
)
from thinkube_catalog.cli.progress import ENDS, belongs, follow_run
from thinkube_catalog.cli.runs import print_deployment

if TYPE_CHECKING:  # its HTTP client is heavy, and `tkt --help` calls nobody
    from thinkube_catalog.cli.client import Client


def ps(context: typer.Context, *, server: Server = "", as_json: AsJson = False) -> None:
    """List the deployments and how they are."""
    with reported(as_document=as_json):
        client = connect(context, server)
        items = _all(client, "/deployments")
        if as_json:
            print_json({"items": items, "next": ""})
            return
        print_table(
            ("NAME", "STATE", "TEMPLATE", "VERSION", "ADDRESS"),
            (
                (d["name"], d["state"], d["template"], d["release"]["version"], d["url"])
                for d in items
            ),
            "Nothing is deployed. Find a template: tkt list",
        )


def status(
    context: typer.Context,
    project: Project,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow its events.")] = False,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Say how a deployment is, and why when it is not well. Exits 1 when it is not healthy."""
    with reported(as_document=as_json):
        client = connect(context, server)
        if follow:
            _follow_events(client, project, as_json=as_json)
        deployment = client.call("GET", f"/deployments/{project}")
        print_json(deployment) if as_json else print_deployment(deployment)
        if deployment["unavailable"]:
            raise typer.Exit(NOT_ANSWERED)
        if deployment["state"] != "healthy":
            raise typer.Exit(1)


def logs(
    context: typer.Context,
    project: Project,
    *,
    container: Annotated[str, typer.Option("--container", "-c", help="Only this one.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it writes.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many to begin with.")] = 200,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Print what the application has written."""
    with reported(as_document=as_json):
        client = connect(context, server)
        path = f"/deployments/{project}/logs"
        page = client.call("GET", path, container=container, limit=lines)
        for line in page["items"]:
            _print_log_line(line, as_json=as_json)
        for line in client.log_lines(project, container, page["next"]) if follow else ():
            _print_log_line(line, as_json=as_json)


def open_(
    context: typer.Context, project: Project, *, server: Server = "", as_json: AsJson = False
) -> None:
    """Open the application in a browser, and print its address."""
    with reported(as_document=as_json):
        deployment = connect(context, server).call("GET", f"/deployments/{project}")
        if as_json:
            print_json({"url": deployment["url"]})
            return
        out.print(deployment["url"] or f"{escape(project)} has no address yet")
        if deployment["url"] and sys.stdout.isatty():
            webbrowser.open(deployment["url"])


def history(
    context: typer.Context, project: Project, *, server: Server = "", as_json: AsJson = False
) -> None:
    """List the versions that a deployment has had."""
    with reported(as_document=as_json):
        client = connect(context, server)
        items = client.call("GET", f"/deployments/{project}/history")["items"]
        if as_json:
            print_json({"items": items})
            return
        print_table(
            ("COMMIT", "WHEN", "KIND", "HEALTHY", "SERVING", "MESSAGE"),
            (
                (
                    r["commit"][:12],
                    r["at"][:19].replace("T", " "),
                    r["kind"],
                    "yes" if r["healthy"] else "",
                    "yes" if r["serving"] else "",
                    r["message"].splitlines()[0] if r["message"] else "",
                )
                for r in items
            ),
            "It has no versions yet.",
        )


def _follow_events(client: Client, name: str, *, as_json: bool) -> None:
    deployment = client.call("GET", f"/deployments/{name}")
    run = deployment["run"]
    if run is None or run["state"] not in {"queued", "running"}:
        return
    if as_json:
        for event in client.events(name):
            print_json_line(event)
            if belongs(event, run) and event["kind"] in ENDS:
                return
    follow_run(client.events(name), run, out)


def _print_log_line(line: Json, *, as_json: bool) -> None:
    if as_json:
        print_json_line(line)
        return
    at = line["at"][:19].replace("T", " ")
    out.print(f"[dim]{at} {escape(line['container'])}[/dim] {escape(line['text'])}")


def _all(client: Client, path: str) -> list[Json]:
    items: list[Json] = []
    after = ""
    while True:
        page = client.call("GET", path, after=after)
        items += page["items"]
        after = page["next"]
        if not after:
            return items
