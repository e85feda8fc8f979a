"""Rendering, forms and previews, beside plain Copier doing the same in the same run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.rows import Row
from tests.agent_template import COPIER_YML, EXECUTABLE, agent_template
from tests.folders import FolderSources, write_folder
from thinkube_catalog.adapters.copier import CopierRenderer
from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.questions import Answers

_TIMES = 30
_RAW = {"project_name": "legal-qa", "tracing": True, "formats": ["pdf", "md"], "gpus": "4"}


def measure() -> list[Row]:
    """Measure with a template of 15 questions that makes about 25 files."""
    with tempfile.TemporaryDirectory() as root:
        folder = write_folder(Path(root, "template"), agent_template(), EXECUTABLE)
        sources = FolderSources()
        release = sources.offer(folder)
        with CopierRenderer(sources, cache_bytes=0) as fresh, CopierRenderer(sources) as caching:
            return _rows(folder, release, fresh, caching)


def _rows(
    folder: Path,
    release: Release,
    fresh: CopierRenderer,
    caching: CopierRenderer,
) -> list[Row]:
    answers = fresh.evaluate(release, _RAW).answers()
    render, in_process = _interleaved(
        lambda: fresh.render(release, answers),
        lambda: _in_process(folder, answers),
    )
    form, questions_only = _interleaved(
        lambda: fresh.evaluate(release, _RAW),
        lambda: _in_process(folder, answers, questions_only=True),
    )
    cached = _timed(lambda: caching.render(release, answers))
    command = _timed(lambda: _command(folder), times=5)
    copier = "Copier in-process, plain folder, without git"
    return [
        Row("render 25 files", render, in_process, copier, "in a contained child of its own"),
        Row("render 25 files", render, command, "the copier command"),
        Row(
            "evaluate a form of 15 questions",
            form,
            questions_only,
            "Copier in-process, questions alone",
            "Copier stops at the first error and tells no choices",
        ),
        Row("render again (cached)", cached, render, "rendering it"),
    ]


def _interleaved(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Time two things in turn, so that whatever else the machine does hits both."""
    pairs = [(_once(ours), _once(theirs)) for _ in range(_TIMES + 2)][2:]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def _timed(job: Callable[[], object], times: int = _TIMES) -> float:
    job()
    return median(_once(job) for _ in range(times))


def _once(job: Callable[[], object]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def _in_process(folder: Path, answers: Answers, *, questions_only: bool = False) -> None:
    import copier  # noqa: PLC0415 - what is compared with, not what this project uses here
    from plumbum import local  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as root, local.env(PATH="/nonexistent"):
        assert not _has_git()
        if questions_only:
            folder = write_folder(Path(root, "asks"), {"copier.yml": COPIER_YML, "template/x": ""})
        copier.run_copy(
            str(folder),
            Path(root, "out"),
            data=dict(answers),
            settings=copier.Settings(),
            exclude=[".git"],
            defaults=True,
            overwrite=True,
            quiet=True,
        )


def _has_git() -> bool:
    from plumbum import CommandNotFound, local  # noqa: PLC0415 - Copier's own way to find it

    try:
        local.which("git")
    except CommandNotFound:
        return False
    return True


def _command(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as root:
        git = shutil.which("git") or ""
        subprocess.run(
            [
                *(sys.executable, "-m", "copier", "copy", "-q", "-x", ".git", "--defaults"),
                *("-d", "project_name=legal-qa", str(folder), str(Path(root, "out"))),
            ],
            check=True,
            env={"PATH": os.path.dirname(git), "HOME": root, "LANG": "C.UTF-8"},  # noqa: PTH120
            capture_output=True,
        )


if __name__ == "__main__":
    for row in measure():
        ratio = f"{row.ours_seconds / row.theirs_seconds:.2f}"
        ours = f"{row.ours_seconds * 1000:8.2f} ms"
        print(f"{row.name:35} {ours}  ratio {ratio} to {row.theirs}")
