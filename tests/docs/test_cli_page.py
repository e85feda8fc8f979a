"""`docs/cli.md` names every command, option and exit code, and none that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.edges.cli import CommandLine
from tests.edges.platform import a_scene
from thinkube_catalog.cli.app import create_cli
from thinkube_catalog.cli.output import EXIT_CODES

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
Command = Any  # typer brings its own of click's
NOT_TOLD_EACH_TIME = {"--help", "--json", "--server", "--data", "--no-wait", "--install-completion"}


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Command]:
    line = CommandLine(a_scene(tmp_path_factory.mktemp("cli-page")))
    root = typer.main.get_command(create_cli(line.backend()))
    return dict(_all(root, "tkt"))


def _all(command: Command, name: str) -> Iterator[tuple[str, Command]]:
    children = getattr(command, "commands", {})
    if not children:
        yield name, command
    for each, child in children.items():
        yield from _all(child, f"{name} {each}")


def test_every_command_stands_on_the_page_and_no_other(commands: dict[str, Command]) -> None:
    told = set(re.findall(r"`(tkt (?:secret )?[a-z]+)[ `]", PAGE))
    assert told - {"tkt secret"} == set(commands)


def test_every_option_stands_on_the_page_and_no_other(commands: dict[str, Command]) -> None:
    there = {
        option
        for command in commands.values()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    told = set(re.findall(r"(--[a-z][a-z-]+)", PAGE))
    assert there - NOT_TOLD_EACH_TIME - told == set()
    assert told - there - NOT_TOLD_EACH_TIME == set()


def test_every_exit_code_stands_on_the_page() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert told == {0, 130, *(code for _, code in EXIT_CODES)}


def test_every_command_takes_json_but_the_one_that_does_not_end(
    commands: dict[str, Command],
) -> None:
    without = {
        name
        for name, command in commands.items()
        if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert without == {"tkt serve"}
