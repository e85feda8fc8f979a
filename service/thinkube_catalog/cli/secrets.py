"""`tkt secret`: values that applications need, kept encrypted by the service."""

from __future__ import annotations

import os
import sys
from typing import Annotated
from urllib.parse import quote

import typer
from rich.prompt import Prompt

from thinkube_catalog.cli.answers import ArgumentsInvalidError
from thinkube_catalog.cli.options import AsJson, Server, connect
from thinkube_catalog.cli.output import err, out, print_json, print_table, reported
from thinkube_catalog.domain.errors import Problem

Key = Annotated[str, typer.Argument(metavar="NAME", help="As in HF_TOKEN.")]


def list_(context: typer.Context, *, server: Server = "", as_json: AsJson = False) -> None:
    """List what is stored; values are never shown."""
    with reported(as_document=as_json):
        items = connect(context, server).call("GET", "/secrets")["items"]
        if as_json:
            print_json({"items": items})
            return
        rows = ((item["key"], item["changed_at"][:19].replace("T", " ")) for item in items)
        print_table(("NAME", "CHANGED"), rows, "No secret is stored.")


def set_(context: typer.Context, key: Key, *, server: Server = "", as_json: AsJson = False) -> None:
    """Store a secret: from the environment variable of that name, standard input, or asked."""
    with reported(as_document=as_json):
        value = _read(key)
        client = connect(context, server)
        client.call("PUT", f"/secrets/{quote(key, safe='')}", {"value": value})
        print_json({"key": key}) if as_json else out.print(f"{key} is stored.")


def remove(
    context: typer.Context, key: Key, *, server: Server = "", as_json: AsJson = False
) -> None:
    """Delete a secret from the store."""
    with reported(as_document=as_json):
        connect(context, server).call("DELETE", f"/secrets/{quote(key, safe='')}")
        print_json({"key": key}) if as_json else out.print(f"{key} is removed.")


def _read(key: str) -> str:
    if os.environ.get(key):
        return os.environ[key]
    if sys.stdin.isatty():
        value = Prompt.ask(key, password=True, console=err)
    else:
        value = sys.stdin.read().rstrip("\n")
    if not value:
        mend = f"type one, pipe one in, or set the environment variable {key}"
        raise ArgumentsInvalidError([Problem("there is no value", field=key, mend=mend)])
    return value
