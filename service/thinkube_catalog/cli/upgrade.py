"""`tkt upgrade`: a template's newer release for a deployment, as a plan, a proposal, or at once."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from thinkube_catalog.cli.answers import ask_missing, raw_answers
from thinkube_catalog.cli.deploy import form_of
from thinkube_catalog.cli.differences import print_differences
from thinkube_catalog.cli.options import (
    Answer,
    AnswersFile,
    AsJson,
    Defaults,
    Project,
    Server,
    connect,
)
from thinkube_catalog.cli.output import Json, err, out, print_json, reported
from thinkube_catalog.cli.progress import follow_run
from thinkube_catalog.cli.runs import print_deployment
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.questions import Form

if TYPE_CHECKING:  # its HTTP client is heavy, and `tkt --help` calls nobody
    from thinkube_catalog.cli.client import Client

_WHY = {
    "content": "you and the template changed the same lines",
    "added": "you and the template made a file of that name",
    "removed": "the template removed what you changed",
    "binary": "you and the template changed it, and it has no lines",
    "type": "it is a file on one side, and a link or folder on the other",
    "renamed": "you and the template gave it different names",
}


def upgrade(
    context: typer.Context,
    project: Project,
    *,
    to: Annotated[str, typer.Option(help="Tag, branch or commit; else the newest release.")] = "",
    answer: Answer = None,
    answers_file: AnswersFile = None,
    ours: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Keep yours where it is in conflict; may be repeated."),
    ] = None,
    theirs: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Take the template's there; may be repeated."),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Bring it to main and run it.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change, line by line.")
    ] = False,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take back what is proposed instead.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also an older release, or the same one anew.")
    ] = False,
    defaults: Defaults = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Follow it to its end.")] = True,
    server: Server = "",
    as_json: AsJson = False,
) -> None:
    """Propose the template's newer release on a branch; what you changed stays as it is."""
    with reported(as_document=as_json):
        client = connect(context, server)
        if withdraw:
            _withdraw(client, project, as_json=as_json)
            return
        body: Json = {
            "to": to,
            "answers": raw_answers(answer or [], answers_file),
            "ours": ours or [],
            "theirs": theirs or [],
            "force": force,
        }
        planned = _preview(client, project, body)
        if not (defaults or as_json) and sys.stdin.isatty():
            body["answers"] = {**body["answers"], **_asked(client, project, body, planned)}
            planned = _preview(client, project, body)
        if dry_run and as_json:
            print_json(planned)
        elif not as_json:
            _print_plan(planned, lines=dry_run)
        if not dry_run:
            _carry_out(client, project, {**body, "apply": apply}, wait=wait, as_json=as_json)


def _preview(client: Client, project: str, body: Mapping[str, object]) -> Json:
    return client.call("POST", f"/deployments/{project}/upgrade/preview", body, timeout=120)


def _withdraw(client: Client, project: str, *, as_json: bool) -> None:
    gone = client.call("DELETE", f"/deployments/{project}/proposals")
    if as_json:
        print_json(gone)
    else:
        out.print(f"Withdrawn: {escape(', '.join(gone['branches']))}")


def _asked(client: Client, project: str, body: Json, planned: Json) -> dict[str, object]:
    """Ask the new questions, one by one; what was answered before is not asked again.

    That holds for what waits on a branch as well: other answers would take its place.
    """
    if not planned["new"] or planned["proposed"]:
        return {}
    deployment = client.call("GET", f"/deployments/{project}")
    before = {**deployment["answers"], **body["answers"]}
    ref = planned["after"]["version"]

    def evaluate(answers: Mapping[str, object]) -> Form:
        path = f"/templates/{deployment['template']}/form"
        return form_of(client.call("POST", path, {"answers": dict(answers), "ref": ref}))

    form = ask_missing(before, evaluate, ask=True)
    given = {each.name: each.value for each in form.questions if each.answered}
    return {name: value for name, value in given.items() if before.get(name) != value}


def _carry_out(client: Client, project: str, body: Json, *, wait: bool, as_json: bool) -> None:
    path = f"/deployments/{project}/upgrade"
    run = client.call("POST", path, body, key=str(uuid.uuid4()), timeout=120)
    if not wait:
        if as_json:
            print_json(run)
        else:
            out.print(f"Follow it: [bold]tkt status {escape(project)} --follow[/bold]")
        return
    ended = follow_run(client.events(project), run, err if as_json else out)
    if body["apply"] or ended != "run succeeded":
        deployment = client.call("GET", f"/deployments/{project}")
        print_json(deployment) if as_json else print_deployment(deployment)
    else:
        _print_proposals(client, project, as_json=as_json)
    if ended != "run succeeded":
        raise typer.Exit(1)


def _print_proposals(client: Client, project: str, *, as_json: bool) -> None:
    page = client.call("GET", f"/deployments/{project}/proposals")
    if as_json:
        print_json(page)
        return
    for each in page["items"]:
        out.print(f"[bold]{escape(each['version'])}[/bold] is proposed on {escape(each['branch'])}")
        if each["url"]:
            out.print(f"  pull request {escape(each['url'])}")
        for path in each["unsettled"]:
            out.print(f"  [red]•[/red] {escape(path)} has to be settled")
        again = f"tkt upgrade {escape(project)} --to {escape(each['version'])} --apply"
        hint = " --ours FILE (or --theirs FILE)" if each["unsettled"] else ""
        out.print(f"  apply it with: [bold]{again}{hint}[/bold]")


def _print_plan(planned: Json, *, lines: bool) -> None:
    before, after = (planned[each]["version"] or planned[each]["commit"][:12] for each in _ENDS)
    out.print(f"[bold]{escape(before)} → {escape(after)}[/bold]")
    for version, text in planned["notes"].items():
        out.print(f"[dim]{escape(version)}[/dim]")
        out.print(escape("\n".join(f"  {line}" for line in text.splitlines())))
    for each in planned["form"]["questions"]:
        if each["name"] in planned["new"]:
            shown = f"{each['name']} = {each['value']!r}"
            out.print(f"[cyan]?[/cyan] {escape(shown)} [dim]new: {escape(each['help'])}[/dim]")
    print_differences(planned["files"], lines=lines)
    for path in planned["left_deleted"]:
        out.print(f"[dim]- {escape(path)} stays deleted, although the template changed it[/dim]")
    for each in planned["conflicts"]:
        out.print(f"[red]! {escape(each['path'])}[/red]: {_WHY.get(each['kind'], each['kind'])}")
    for each in planned["problems"]:
        out.print(f"[red]•[/red] {escape(str(Problem(**each)))}")
    if not planned["files"]:
        out.print("Nothing differs.")


_ENDS = ("before", "after")
