"""Git on one side, a running application on the other."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.adapters.local_engine.conftest import LEGAL_QA, QUICK
from tests.adapters.local_engine.projects import (
    REPOSITORY,
    get,
    project,
    push,
    wait_failed,
    wait_for,
    wait_healthy,
)
from thinkube_catalog.adapters.local_engine.engine import LocalEngine, Options
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.memory.secrets import MemorySecrets

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def git(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, **IDENTITY}
    subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True
    )


def test_a_git_push_redeploys_and_a_broken_one_leaves_the_last_healthy_version(
    tmp_path: Path,
) -> None:
    forge = LocalForge(tmp_path / "forge")
    address = forge.ensure_repository(REPOSITORY, LEGAL_QA.marker)
    options = Options(timings=QUICK)
    engine = LocalEngine(tmp_path / "engine", forge, MemorySecrets(), options)
    engine.start()
    try:
        engine.ensure_application(LEGAL_QA)
        url = wait_healthy(engine, push(forge, project("one"))).url
        git(tmp_path, "clone", "-q", address, "clone")
        clone = tmp_path / "clone"
        app = clone / "app.py"
        app.write_text(app.read_text().replace("'one'", "'two'"))
        git(clone, "commit", "-qam", "Say two")
        git(clone, "push", "-q", "origin", "HEAD:main")
        wait_for(engine, lambda _: get(url) == "two")
        app.write_text("raise SystemExit('broken')")
        git(clone, "commit", "-qam", "Break it")
        git(clone, "push", "-q", "origin", "HEAD:main")
        head = forge.head(REPOSITORY)
        assert head is not None
        status = wait_failed(engine, head)
        assert "broken" in status.causes[0].lines
        assert get(url) == "two"
    finally:
        engine.stop(leave_running=False)
