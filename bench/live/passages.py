"""What is measured of one deployment, on either side."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.live.watching import Watcher


@dataclass
class Passage:
    """When one application got where; seconds of this machine's clock.

    `known` is when the one who asked was told that it is healthy; `changed` when a person's later
    push had ended, and `applied` when Argo CD had applied that.
    """

    asked: float
    pushed: float
    registered: float
    synced: float
    healthy: float
    known: float = 0.0
    changed: float = 0.0
    applied: float = 0.0


@dataclass(frozen=True)
class Clone:
    """A clone of the repository of the application `record`, in which a person works."""

    record: str
    folder: Path


def push_changes(
    watcher: Watcher,
    work: Mapping[str, Clone],
    passages: Mapping[str, Passage],
    environment: Mapping[str, str],
) -> None:
    """Change an image in each clone, push all at once, and note when each has been applied."""
    for clone in work.values():
        _change(clone.folder, environment)
    with ThreadPoolExecutor(len(work)) as people:
        pushes = {
            name: people.submit(_push, clone.folder, environment) for name, clone in work.items()
        }
    commits = {}
    for name, push in pushes.items():
        passages[name].changed, commit = push.result()
        commits[name] = (work[name].record, commit)
    watcher.wait_applied(commits.values())
    for name, change in commits.items():
        passages[name].applied = watcher.applied[change]


def git(folder: Path, environment: Mapping[str, str], *arguments: str) -> str:
    """Run git as a developer does."""
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def cpu_seconds(pid: int) -> float:
    """Return what a process and all that it started have used of the processor so far."""
    family, parents = {pid}, _parents()
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(_used(each) for each in family)


def _change(folder: Path, environment: Mapping[str, str]) -> None:
    changed = False
    for path in (folder / "k8s").glob("*.yaml"):
        text = path.read_text()
        another = text.replace("newTag: unbuilt", "newTag: v2").replace(':1"', ':2"')
        changed |= another != text
        path.write_text(another)
    assert changed, f"no image is named in {folder}"
    git(folder, environment, "commit", "-q", "-a", "-m", "Take another image")


def _push(folder: Path, environment: Mapping[str, str]) -> tuple[float, str]:
    git(folder, environment, "push", "-q", "origin", "HEAD:main")
    return time.time(), git(folder, environment, "rev-parse", "HEAD").strip()


def _parents() -> dict[int, int]:
    found = {}
    for each in Path("/proc").glob("[0-9]*"):
        if state := _state(int(each.name)):
            found[int(each.name)] = int(state[1])
    return found


def _used(pid: int) -> float:
    ticks = sum(int(each) for each in _state(pid)[11:15])  # its own, and its ended children's
    return ticks / os.sysconf("SC_CLK_TCK")


def _state(pid: int) -> Sequence[str]:
    """Return the fields of /proc/PID/stat from the third on; none where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ()
