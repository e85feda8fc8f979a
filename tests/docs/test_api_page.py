"""Every command of `docs/api.md` works on a service as it stands there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edges.asgi import served
from tests.edges.platform import a_scene
from thinkube_catalog.api.errors import STATUS
from thinkube_catalog.cli.output import EXIT_CODES

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
ENDS_BY_ITSELF = 28
"""curl's exit status when the time is up, as it is for a stream."""
CONFLICTS = ("/retry", "/rollback")
"""What the page shows and what a deployment that is well has no use for."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    assert shutil.which("curl"), "curl is needed to try the page's commands"
    with served(a_scene(tmp_path_factory.mktemp("api-page")).app) as address:
        yield address


def commands() -> list[str]:
    joined = [block.replace("\\\n", " ") for block in BLOCKS]
    return [line for block in joined for line in block.splitlines() if line.strip()]


def test_every_command_of_the_page_does_what_it_says(service: str) -> None:
    for command in commands():
        shown = subprocess.run(
            ["sh", "-c", command.replace("curl ", "curl -w '\\n%{http_code}' ", 1)],
            env={"SERVICE": service, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        streamed = "event-stream" in command
        assert shown.returncode == (ENDS_BY_ITSELF if streamed else 0), command
        status = shown.stdout.rpartition("\n")[2]
        expected = "409" if any(each in command for each in CONFLICTS) else "20"
        assert status.startswith(expected), (command, shown.stdout)


def test_the_page_tries_enough() -> None:
    assert len(commands()) >= 20


def test_the_example_of_an_error_is_one() -> None:
    example = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    assert set(example) == {"type", "title", "status", "detail", "instance", "errors"}
    assert set(example["errors"][0]) == {"message", "file", "line", "field", "mend"}


def test_the_table_of_errors_pairs_status_and_exit_code() -> None:
    for kind, status, _ in STATUS:
        line = next(row for row in PAGE.splitlines() if re.match(rf"\|[ 0-9,]*{status}\b", row))
        code = next(code for each, code in EXIT_CODES if issubclass(kind, each))
        assert line.endswith(f"| {code} |"), kind
