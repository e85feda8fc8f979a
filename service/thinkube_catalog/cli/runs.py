"""A run's end as commands show it: its steps while it runs, then the deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from thinkube_catalog.cli.output import Json, err, out, print_json
from thinkube_catalog.cli.progress import follow_run
from thinkube_catalog.domain.errors import Problem

if TYPE_CHECKING:  # its HTTP client is heavy, and `tkt --help` calls nobody
    from thinkube_catalog.cli.client import Client

STATE_COLOURS = {
    "healthy": "green",
    "degraded": "red",
    "failed": "red",
    "deploying": "yellow",
    "rolling-out": "yellow",
}


def finish(client: Client, run: Json, *, wait: bool, as_json: bool) -> None:
    name = run["deployment"]
    if not wait:
        if as_json:
            print_json(run)
        else:
            out.print(f"{escape(name)}: {run['kind']} has started.")
            out.print(f"Follow it: [bold]tkt status {escape(name)} --follow[/bold]")
        return
    # In JSON the result alone goes to standard output; progress is for people, beside it.
    ended = follow_run(client.events(name), run, err if as_json else out)
    _print_result(client, name, run["id"], as_json=as_json)
    if ended != "run succeeded":
        raise typer.Exit(1)


def _print_result(client: Client, name: str, run_id: str, *, as_json: bool) -> None:
    run = client.call("GET", f"/runs/{run_id}")
    if run["kind"] == "remove" and run["state"] == "succeeded":
        print_json(run) if as_json else out.print(f"{escape(name)} is removed.")
        return
    deployment = client.call("GET", f"/deployments/{name}")
    if as_json:
        print_json(deployment)
        return
    print_deployment(deployment)


def print_deployment(deployment: Json) -> None:
    state = deployment["state"]
    colour = STATE_COLOURS.get(state, "default")
    name = escape(deployment["name"])
    out.print(f"[bold]{name}[/bold] is [{colour}]{state}[/{colour}]")
    if deployment["unavailable"]:
        told = f"seen last; nothing newer is known: {deployment['unavailable']}"
        out.print(f"  [yellow]•[/yellow] {escape(told)}")
    _print_causes(deployment)
    for warning in deployment["warnings"]:
        out.print(f"  [yellow]•[/yellow] {escape(str(Problem(**warning)))}")
    rows = [
        ("address", deployment["url"]),
        ("repository", deployment["clone_url"]),
        ("template", f"{deployment['template']} {deployment['release']['version']}"),
        ("commit", deployment["commit"][:12]),
    ]
    rows.append(("serving", _serving(deployment)))
    for label, value in rows:
        if value:
            out.print(f"  {label:<11}{escape(value)}")


def _serving(deployment: Json) -> str:
    """Say what answers requests, where that is not plain."""
    application = deployment["application"]
    if application is None:
        return ""
    commit = application["serving"]
    if deployment["state"] == "rolling-out":
        return f"{commit[:12]}, meanwhile" if commit else "nothing, until it is up"
    earlier = commit not in {"", deployment["commit"]}
    return f"{commit[:12]} (the last healthy version)" if earlier else ""


def _print_causes(deployment: Json) -> None:
    application = deployment["application"] or {}
    causes = application.get("causes", [])
    for cause in causes:
        where = f" ({cause['container']})" if cause["container"] else ""
        out.print(f"  [red]•[/red] {escape(cause['kind'] + where)}: {escape(cause['message'])}")
        for line in cause["lines"]:
            out.print(f"      [dim]{escape(line)}[/dim]")
        if cause["mend"]:
            out.print(f"    → {escape(cause['mend'])}")
    for problem in [] if causes else deployment["problems"]:
        out.print(f"  [red]•[/red] {escape(str(Problem(**problem)))}")
