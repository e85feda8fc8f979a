"""`tkt bootstrap` as a person and a program see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.edges.cli import CommandLine
from tests.edges.platform import a_scene
from thinkube_catalog.cli.app import create_cli
from thinkube_catalog.domain.bootstrap import (
    ByHandError,
    Finding,
    ImpossibleError,
    Part,
    State,
    Wishes,
)


@dataclass
class Thing:
    """A part in memory; `error` is what making it comes to."""

    name: str
    system: str = "gitea"
    finding: Finding = field(default_factory=lambda: Finding(State.MISSING))
    error: Exception | None = None

    def look(self) -> Finding:
        return self.finding

    def make(self) -> None:
        if self.error:
            raise self.error
        self.finding = Finding(State.PRESENT)


def parts() -> list[Part]:
    return [
        Thing("account catalog", finding=Finding(State.PRESENT)),
        Thing("token", finding=Finding(State.DIFFERENT, "its value is not kept")),
        Thing("project thinkube", system="argocd"),
    ]


@pytest.fixture
def tkt(tmp_path: Path) -> CommandLine:
    return CommandLine(a_scene(tmp_path), parts=parts())


def test_each_part_is_told_under_its_system(tkt: CommandLine) -> None:
    result = tkt.run("bootstrap", "--env", "my.env")
    assert result.exit_code == 0
    assert result.stdout == (
        "Gitea\n"
        "  ✓ account catalog   present\n"
        "  ~ token             corrected: its value is not kept\n"
        "Argo CD\n"
        "  + project thinkube  made\n"
        "\n"
        "All is there; my.env has the tokens. Next: tkt doctor\n"
    )


def test_a_dry_run_tells_what_would_be_made(tkt: CommandLine) -> None:
    result = tkt.run("bootstrap", "--dry-run")
    assert result.exit_code == 0
    assert "  + token             different: its value is not kept\n" in result.stdout
    assert "2 to be done; nothing was changed." in result.stdout
    assert tkt.parts[2].look().state is State.MISSING


def test_what_is_left_to_be_done_ends_with_1(tkt: CommandLine) -> None:
    tkt.parts = [
        Thing("secret", error=ByHandError("patch it")),
        Thing("project", "argocd", error=ImpossibleError("is somebody else's")),
        Thing("role", "argocd"),
    ]
    result = tkt.run("bootstrap")
    assert result.exit_code == 1
    assert "  ! secret   by hand\n    → patch it\n" in result.stdout
    assert "  ✗ project  failed: is somebody else's\n" in result.stdout
    assert "  - role     skipped: needs project\n" in result.stdout
    assert "run it again" in result.stdout


def test_ctrl_c_says_that_it_can_be_run_again(tkt: CommandLine) -> None:
    class Interrupted(Thing):
        def make(self) -> None:
            raise KeyboardInterrupt

    tkt.parts = [Interrupted("token")]
    result = tkt.run("bootstrap")
    assert (result.exit_code, "running it again" in result.stderr) == (130, True)


def test_programs_get_every_outcome(tkt: CommandLine) -> None:
    items = tkt.json("bootstrap")["items"]
    assert [(it["part"], it["effect"], it["state"]) for it in items] == [
        ("account catalog", "left as it is", "present"),
        ("token", "corrected", "different"),
        ("project thinkube", "made", "missing"),
    ]


def test_manifests_are_written_and_nothing_is_made(tkt: CommandLine) -> None:
    result = tkt.run("bootstrap", "--manifests", "there")
    assert result.exit_code == 0
    assert "there/README.md\n" in result.stdout
    assert tkt.json("bootstrap", "--manifests", "there") == {"files": ["there/README.md"]}
    assert tkt.parts[2].look().state is State.MISSING


def asking(tkt: CommandLine, *titles: str) -> tuple[CliRunner, object, list[str]]:
    """Return the command line whose wiring asks for these, and what it was told."""
    heard: list[str] = []

    @contextmanager
    def open_(wishes: Wishes) -> Iterator[list[Part]]:
        files = {"Password of Gitea's root": wishes.gitea_password}
        heard.extend(wishes.ask(title, files.get(title)).reveal() for title in titles)
        yield tkt.parts

    return CliRunner(), create_cli(replace(tkt.backend(), bootstrap=open_)), heard


def test_a_password_comes_from_a_file(tkt: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("canary-word\n")
    runner, app, heard = asking(tkt, "Password of Gitea's root")
    arguments = ["bootstrap", "--gitea-password-file", str(tmp_path / "password")]
    result = runner.invoke(app, arguments)  # type: ignore[arg-type] # typer brings its own kind
    assert (result.exit_code, heard) == (0, ["canary-word"])
    assert "canary-word" not in result.output


def test_with_nobody_to_ask_that_is_told(tkt: CommandLine) -> None:
    runner, app, _ = asking(tkt, "Password of Gitea's root")
    result = runner.invoke(app, ["bootstrap"])  # type: ignore[arg-type] # as above
    assert result.exit_code == 2
    assert "Password of Gitea's root: is needed" in result.stderr
