"""Publishing and reading templates, beside the git program called by a shell script."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.rows import Row
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.template_sources import GitTemplateSources
from thinkube_catalog.domain.catalog import Catalog, CatalogEntry, Source
from thinkube_catalog.domain.forge import Repository, Signature
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations.publish import publish_catalog

ROUNDS = 15
FILES = 30
TEMPLATES = 5

_BY_HAND = """
set -e
git init --quiet --bare --initial-branch=main "$1.git"
git clone --quiet "$1.git" "$1.work" 2>/dev/null
cp -r "$2/." "$1.work"
cd "$1.work"
git add --all
git commit --quiet --message Render
git push --quiet origin HEAD:main
"""
_AGAIN_BY_HAND = """
set -e
cp -r "$2/." "$1.work"
cd "$1.work"
git add --all
git diff --cached --quiet
"""
_HEAD_BY_HAND = 'git -C "$1.git" log -1 --format="%H %an %at %s" main >/dev/null'
_CHECK_OUT_BY_HAND = 'git clone --quiet "$1.git" "$3"'
_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.org",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.org",
}
_SIGNATURE = Signature("Us", "us@example.org", datetime(2026, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class _Ports:
    """The part of the platform that publishing touches."""

    forge: LocalForge
    sources: GitTemplateSources
    templates_owner: str = "templates"


def measure() -> list[Row]:
    """Measure on this machine, now; medians."""
    with tempfile.TemporaryDirectory() as place:
        return [*_repository_rows(Path(place)), _catalog_row(Path(place))]


def _repository_rows(place: Path) -> list[Row]:
    files = _files()
    folder = place / "files"
    _write(files, folder)
    forge = LocalForge(place / "forge")

    def repository(number: int) -> Repository:
        return Repository("bench", f"n{number}")

    def publish(number: int) -> None:
        forge.ensure_repository(repository(number), "bench")
        forge.publish(repository(number), files, "Render", _SIGNATURE)

    def check_out(number: int) -> None:
        location = forge.ensure_repository(repository(number), "bench")
        sources = GitTemplateSources(place / f"sources{number}")  # each checks out anew
        sources.checkout(sources.resolve(Source(location)))

    def by_hand(script: str) -> Callable[[int], None]:
        def run(number: int) -> None:
            names = [str(place / f"hand{number}"), str(folder), str(place / f"out{number}")]
            command = ["sh", "-c", script, "sh", *names]
            subprocess.run(command, check=True, env=_ENVIRONMENT, timeout=60)

        return run

    cases = [
        (
            f"publish {FILES} files to a new repository",
            publish,
            _BY_HAND,
            "git clone, commit, push",
        ),
        (f"publish {FILES} files that are there", publish, _AGAIN_BY_HAND, "git add, git diff"),
        ("read the head", lambda number: forge.head(repository(number)), _HEAD_BY_HAND, "git log"),
        (f"check out {FILES} files", check_out, _CHECK_OUT_BY_HAND, "git clone"),
    ]
    return [
        Row(name, _median(ours), _median(by_hand(script)), f"{theirs} in a shell")
        for name, ours, script, theirs in cases
    ]


def _catalog_row(place: Path) -> Row:
    folders = [place / f"tkt-{number}" for number in range(TEMPLATES)]
    for folder in folders:
        _write(_files(), folder)
    catalog = Catalog(tuple(CatalogEntry(path.name, "", source=str(path)) for path in folders))
    ports = _Ports(LocalForge(place / "forge"), GitTemplateSources(place / "sources"))
    publish_catalog(ports, catalog)  # type: ignore[arg-type]  # all that it touches is there

    def digest_by_hand(_number: int) -> None:
        for path in folders:
            command = ["sh", "-c", 'git -C "$1" init -q; git -C "$1" add -A', "sh", str(path)]
            subprocess.run(command, check=True, env=_ENVIRONMENT, timeout=60)

    ours = _median(lambda _number: publish_catalog(ports, catalog))  # type: ignore[arg-type]
    name = f"find {TEMPLATES} published templates unchanged"
    return Row(name, ours, _median(digest_by_hand), "git add in each folder")


def _median(work: Callable[[int], object]) -> float:
    seconds = []
    for number in range(ROUNDS):
        begun = time.perf_counter()
        work(number)
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)


def _files() -> FileTree:
    return FileTree(
        {
            f"folder{number % 5}/file{number}.txt": File(os.urandom(1200).hex().encode())
            for number in range(FILES)
        }
    )


def _write(files: FileTree, folder: Path) -> None:
    for path, file in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(file.content)


if __name__ == "__main__":
    for row in measure():
        ours, theirs = row.ours_seconds * 1000, row.theirs_seconds * 1000
        print(f"{row.name}: {ours:.2f} ms; {row.theirs}: {theirs:.2f} ms")
