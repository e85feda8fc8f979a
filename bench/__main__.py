"""`python -m bench [PART...]`: measure, print the table, and write docs/performance.md."""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.rows import Row

PARTS = {
    "render": "Rendering, questions and previews",
    "kubernetes": "Kubernetes objects",
    "search": "Searching the catalog",
    "git": "Publishing to the embedded forge",
    "engine": "The embedded engine",
    "deploy": "Deploying on the embedded platform",
    "pages": "Pages, with 10,000 templates and 5,000 deployments",
    "service": "The service itself",
}
LIVE = {"live": "Deploying in production: a real Gitea, Argo CD and Kubernetes"}
"""Measured where the environment names such servers, as for tests marked `live`."""

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
HEAD = """\
# Performance

Every figure was taken in the same run as what stands beside it, by `make bench`. The ratio is ours
/ theirs: below 1 is faster. Times are medians or the best of several, as each module in `bench/`
says. Machines differ: trust the ratios, and take them again on yours.

{machine}
"""
COLUMNS = "| What | Ours | Instead | Which is | Ratio | Note |"
RULE = "| --- | ---: | ---: | --- | ---: | --- |"


def main(chosen: list[str]) -> None:
    """Measure all parts, or the chosen ones (then nothing is written)."""
    titles = PARTS | LIVE
    live = LIVE if os.environ.get("THINKUBE_TEST_LIVE") else {}
    tables = {}
    for part in chosen or PARTS | live:
        print(f"measuring {part} ...", file=sys.stderr, flush=True)
        rows: list[Row] = importlib.import_module(f"bench.{part}").measure()
        tables[titles[part]] = _table(rows)
        print(_table(rows), flush=True)
    if not chosen:
        kept = {} if live else _kept(LIVE["live"])
        PAGE.write_text(_page(tables | kept))


def _kept(title: str) -> dict[str, str]:
    """Return what the page says under a title that is not measured now."""
    _, found, after = PAGE.read_text().partition(f"## {title}\n\n")
    return {title: after.partition("\n## ")[0].rstrip()} if found else {}


def _page(tables: dict[str, str]) -> str:
    parts = [HEAD.format(machine=_machine())]
    parts += [f"## {title}\n\n{table}\n" for title, table in tables.items()]
    return "\n".join(parts)


def _table(rows: list[Row]) -> str:
    lines = [
        "| What | Ours | Instead | | Ratio | Note |",
        "| --- | ---: | ---: | --- | ---: | --- |",
    ]
    for row in rows:
        theirs = _time(row.theirs_seconds) if row.theirs_seconds else ""
        ratio = f"{row.ours_seconds / row.theirs_seconds:.2f}" if row.theirs_seconds else ""
        ours = _time(row.ours_seconds)
        lines.append(f"| {row.name} | {ours} | {theirs} | {row.theirs} | {ratio} | {row.note} |")
    return "\n".join(lines)


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.3g} ms"


def _machine() -> str:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {cpu}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"{git.strip()}."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
