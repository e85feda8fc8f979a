"""`tkt bootstrap`: what this service needs in other systems, made by who administers them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.prompt import Prompt

from thinkube_catalog.cli.answers import ArgumentsInvalidError
from thinkube_catalog.cli.options import AsJson, backend
from thinkube_catalog.cli.output import (
    err,
    note,
    out,
    print_finding,
    print_json,
    readable_path,
    reported,
)
from thinkube_catalog.domain.bootstrap import Effect, Outcome, Part, State, Wishes
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations.bootstrap import carry_out, complete, plan

_MARKS: Mapping[Effect, str] = {
    Effect.LEFT: "[green]✓[/green]",
    Effect.WANTED: "[yellow]+[/yellow]",
    Effect.MADE: "[green]+[/green]",
    Effect.CORRECTED: "[green]~[/green]",
    Effect.BY_HAND: "[yellow]![/yellow]",
    Effect.FAILED: "[red]✗[/red]",
    Effect.SKIPPED: "[dim]-[/dim]",
}
_TITLES = {
    "gitea": "Gitea",
    "argocd": "Argo CD",
    "kubernetes": "Cluster",
    "settings": "Settings",
}

EnvFile = Annotated[
    Path,
    typer.Option(
        "--env",
        metavar="FILE",
        dir_okay=False,
        help="Read settings from this file, and keep there what is made.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only look, and say what would be made.")]
Days = Annotated[
    int, typer.Option("--token-days", min=1, help="How long Argo CD's token for us is good.")
]


Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Of an administrator of the cluster; without it, what is to be done there is told.",
    ),
]
Manifests = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        file_okay=False,
        help="Change nothing; write what administrators apply, and a page that says how.",
    ),
]


def _password(option: str, whose: str) -> object:
    return typer.Option(
        option,
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help=f"File with the password of {whose}; else asked for.",
    )


def bootstrap(
    context: typer.Context,
    *,
    dry_run: DryRun = False,
    env: EnvFile = Path(".env"),
    gitea_admin: Annotated[
        str, typer.Option(metavar="NAME", help="An administrator of Gitea; else asked for.")
    ] = "",
    gitea_password_file: Annotated[
        Path | None, _password("--gitea-password-file", "Gitea's administrator")
    ] = None,
    account: Annotated[
        str, typer.Option(metavar="NAME", help="The service's own account in Gitea.")
    ] = "catalog",
    reader: Annotated[
        str, typer.Option(metavar="NAME", help="Argo CD's account in Gitea.")
    ] = "catalog-reader",
    argocd_admin: Annotated[
        str, typer.Option(metavar="NAME", help="An administrator of Argo CD.")
    ] = "admin",
    argocd_password_file: Annotated[
        Path | None, _password("--argocd-password-file", "Argo CD's administrator")
    ] = None,
    kubeconfig: Kubeconfig = None,
    token_days: Days = 365,
    manifests: Manifests = None,
    as_json: AsJson = False,
) -> None:
    """Make what the service needs in Gitea, Argo CD and the cluster: accounts, tokens, rights."""
    with reported(as_document=as_json):
        wishes = Wishes(
            settings=env,
            ask=_ask,
            gitea_admin=gitea_admin,
            gitea_password=gitea_password_file,
            argocd_admin=argocd_admin,
            argocd_password=argocd_password_file,
            kubeconfig=kubeconfig,
            account=account,
            reader=reader,
            token_days=token_days,
        )
        if manifests is not None:
            _hand_over(context, wishes, manifests, as_json=as_json)
            return
        with backend(context).bootstrap(wishes) as parts:
            outcomes = plan(parts) if dry_run else carry_out(parts)
            try:
                found = list(outcomes) if as_json else _shown(outcomes, parts)
            except KeyboardInterrupt:
                note("stopped; what is made is kept, and running it again goes on from there")
                raise typer.Exit(130) from None
        if as_json:
            print_json({"items": found})
        else:
            _conclude(found, env, dry_run=dry_run)
        failed = any(outcome.effect is Effect.FAILED for outcome in found)
        if failed or not (dry_run or complete(found)):
            raise typer.Exit(1)


def _hand_over(context: typer.Context, wishes: Wishes, folder: Path, *, as_json: bool) -> None:
    files = backend(context).hand_over(wishes, folder)
    if as_json:
        print_json({"files": files})
        return
    for file in files:
        out.print(escape(readable_path(file)))
    out.print(f"\nStart with {escape(readable_path(folder / 'README.md'))}.")


def _ask(title: str, file: Path | None) -> SecretValue:
    if file is not None:
        return SecretValue(file.read_text("utf-8").strip("\n"))
    if not sys.stdin.isatty():
        mend = "give the option for it; tkt bootstrap --help lists them"
        raise ArgumentsInvalidError(
            [Problem("is needed, and there is nobody to ask", field=title, mend=mend)]
        )
    return SecretValue(Prompt.ask(title, password=title.startswith("Password"), console=err))


def _shown(outcomes: Iterable[Outcome], parts: Sequence[Part]) -> list[Outcome]:
    """Print each outcome when it is known, under the name of its system."""
    width = max(len(part.name) for part in parts) + 1
    found: list[Outcome] = []
    with out.status("looking") as status:
        for outcome in outcomes:
            if not found or found[-1].system != outcome.system:
                out.print(f"[bold]{escape(_TITLES.get(outcome.system, outcome.system))}[/bold]")
            found.append(outcome)
            print_finding(_MARKS[outcome.effect], outcome.part, width, _said(outcome), indent=2)
            if outcome.mend:
                out.print(f"    → {escape(outcome.mend)}")
            if len(found) < len(parts):
                status.update(escape(parts[len(found)].name))
    return found


def _said(outcome: Outcome) -> str:
    if outcome.effect is Effect.LEFT:
        return f"present, {outcome.message}" if outcome.message else "present"
    if outcome.effect is Effect.WANTED:
        word = "missing" if outcome.state is State.MISSING else "different"
    else:
        word = str(outcome.effect)
    return f"{word}: {outcome.message}" if outcome.message else word


def _conclude(found: Sequence[Outcome], env: Path, *, dry_run: bool) -> None:
    wanted = sum(outcome.effect is Effect.WANTED for outcome in found)
    if dry_run and any(outcome.effect is Effect.FAILED for outcome in found):
        out.print("\nNothing was changed. Mend what is marked first.")
    elif dry_run:
        out.print(f"\n{wanted} to be done; nothing was changed." if wanted else "\nAll is there.")
    elif complete(found):
        out.print(f"\nAll is there; {escape(readable_path(env))} has the tokens. Next: tkt doctor")
    else:
        out.print("\nMend what is marked, and run it again: what is there is left as it is.")
