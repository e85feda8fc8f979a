"""Killed anywhere, even while it recovers, a service ends where it would have ended anyway."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("scenario", "cases"),
    [("deploy", 52), ("rollback", 18), ("upgrade", 36), ("remake", 26), ("remove", 18)],
)
def test_any_two_kills_change_nothing_about_the_outcome(
    scenario: str, cases: int, tmp_path: Path
) -> None:
    seed = 20_261
    nursery = [sys.executable, "-m", "tests.kill.nursery", str(tmp_path), scenario]
    done = subprocess.run(
        [*nursery, str(cases), str(seed)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=880,
    )
    tried = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    faulty = [case for case in tried if case["faults"]]
    assert faulty == [], done.stderr[-4000:]
    assert len(tried) == cases
    assert sum(case["kills"] for case in tried) > 1.6 * cases
    assert b"canary" not in b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
