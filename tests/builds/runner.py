"""A person's clone, and a runner: jobs in order, each step of them a script of bash.

What it does with environment, expressions and order is what Gitea's runner does; `buildah` is a
program that notes how it was called, and keeps a registry of names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from thinkube_catalog.domain.rendering import FileTree

_BUILDAH = r"""#!/bin/bash
set -eu
for each in "$@"; do printf '%s\x1f' "$each"; done >> "$BUILDAH_LOG"
printf '\n' >> "$BUILDAH_LOG"
case "$1" in
  login) cat > "$BUILDAH_LOG.password" ;;
  from) echo "container-1" ;;
esac
[ -z "${BUILDAH_FAILS:-}" ] || [ "$1" != "$BUILDAH_FAILS" ] || { echo "it fails" >&2; exit 125; }
if [ "$1" = run ] && [ -n "${BUILDAH_RUNS:-}" ]; then
  while [ "$1" != -- ]; do shift; done; shift; exec "$@"
fi
"""


@dataclass
class Runner:
    """Runs a workflow in folders of its own below `root`; `secrets` are the repository's."""

    root: Path
    server: str
    repository: str
    secrets: Mapping[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        programs = self.root / "bin"
        programs.mkdir(parents=True)
        for name in ("bash", "sh", "git", "awk", "base64", "tr", "mktemp", "rm", "sleep", "cat"):
            found = shutil.which(name)
            assert found, name
            (programs / name).symlink_to(found)
        (programs / "buildah").write_text(_BUILDAH)
        (programs / "buildah").chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        """How buildah was called."""
        log = self.root / "buildah.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.split("\x1f")[:-1] for line in lines]

    @property
    def password(self) -> str:
        return (self.root / "buildah.log.password").read_text()

    def run(self, workflow: str, commit: str, only: Sequence[str] = ()) -> bool:
        """Run all jobs, or those named, for a commit; say whether all went well."""
        jobs: dict[str, Any] = yaml.safe_load(workflow)["jobs"]
        return all(
            self._run_job(name, job, commit) for name, job in jobs.items() if name in (only or jobs)
        )

    def _run_job(self, name: str, job: Mapping[str, Any], commit: str) -> bool:
        number = len(list(self.root.glob("job-*")))
        folder = self.root / f"job-{number}-{name}"
        folder.mkdir()
        return all(self._run_step(folder, job, step, commit) for step in job["steps"])

    def _run_step(
        self, folder: Path, job: Mapping[str, Any], step: Mapping[str, Any], commit: str
    ) -> bool:
        told = {**job.get("env", {}), **step.get("env", {})}
        environment = {
            "PATH": str(self.root / "bin"),
            "HOME": str(self.root),
            "GITHUB_SERVER_URL": self.server,
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_SHA": commit,
            "GITHUB_REF": "refs/heads/main",
            "BUILDAH_LOG": str(self.root / "buildah.log"),
            "RETRY_SECONDS": "0",
            "TMPDIR": str(self.root),
            **self.environment,
            **{key: self._valued(text) for key, text in told.items()},
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=folder,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.printed.append(done.stdout + done.stderr)
        return done.returncode == 0

    def _valued(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            said = match[1].strip()
            if said.startswith("'"):
                return said.strip("'")
            return self.secrets.get(said.removeprefix("secrets."), "")

        return re.sub(r"\$\{\{(.*?)\}\}", value, text)


_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.org",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.org",
}


class Clone:
    """A person's clone: writes files, commits, pushes."""

    def __init__(self, address: str, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._git("init", "--quiet", "--initial-branch=main", ".")
        self._git("remote", "add", "origin", address)

    def push(self, files: FileTree, message: str = "Change") -> str:
        found = self._git("ls-remote", "origin", "refs/heads/main")
        if found:
            self._git("fetch", "--quiet", "origin", "main")
            self._git("reset", "--quiet", "--hard", "FETCH_HEAD")
        for path, file in files.items():
            place = self._folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.content)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)
        self._git("push", "--quiet", "origin", "HEAD:refs/heads/main")
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self._folder), *arguments],
            env=_ENVIRONMENT,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout.strip()
