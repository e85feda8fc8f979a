"""Deploying a small application, beside a shell script that does the same by hand."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from bench.rows import Row
from tests.journeys.installation import Installation, ask

ROUNDS = 5

BY_HAND = """
set -e
PATH=$BIN:$PATH
copier copy -q -x .git -l -d project_name=$NAME $TEMPLATE $WORK/$NAME
cd $WORK/$NAME
git init -q -b main . && git add -A && git commit -q -m "Render it"
git init -q --bare -b main $WORK/$NAME.git
git push -q $WORK/$NAME.git main
git clone -q $WORK/$NAME.git $WORK/$NAME-run
cd $WORK/$NAME-run
uv venv -q .venv
GREETING=hello PORT=$PORT nohup .venv/bin/python app.py >$WORK/$NAME.log 2>&1 &
echo $! >$WORK/$NAME.pid
until curl -sf http://127.0.0.1:$PORT/health >/dev/null; do sleep 0.05; done
"""
"""What a person would write: render, commit, push, clone, start, wait until it is healthy."""


def measure() -> list[Row]:
    """Return the time from the request to the healthy application, by hand and by the service."""
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder))
        try:
            installation.tkt("deploy", "tkt-hello", "warm-up", "-l", "--wait")
            template = installation.data_dir / "git/thinkube-templates/tkt-hello.git"
            ours, theirs = [], []
            for number in range(ROUNDS):
                theirs.append(_by_hand(installation, template, number))
                ours.append(_deployed(installation, number))
            request = statistics.median(total for total, _ in ours)
            pushed = statistics.median(published for _, published in ours)
        finally:
            installation.stop()
    script = statistics.median(theirs)
    return [
        Row(
            "request → healthy, hello application",
            request,
            script,
            "a shell script: copier, git, uv, curl",
            "ours includes Kubernetes objects, records, supervision and a stable address; "
            "without the start of the command line",
        ),
        Row("request → pushed and registered", pushed, script, "the whole script", ""),
    ]


def _deployed(installation: Installation, number: int) -> tuple[float, float]:
    name = f"ours-{number}"
    installation.tkt("deploy", "tkt-hello", name, "-l", "--wait")
    events = installation.events(name)
    started = next(event["at"] for event in events if event["kind"] == "run started")
    ended = next(event["at"] for event in events if event["kind"] == "run succeeded")
    registered = next(
        event["at"]
        for event in events
        if event["kind"] == "step succeeded" and event["step"] == "register"
    )
    return _between(started, ended), _between(started, registered)


def _between(start: str, end: str) -> float:

    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _by_hand(installation: Installation, template: Path, number: int) -> float:
    name, work = f"by-hand-{number}", installation.root / "by-hand"
    work.mkdir(exist_ok=True)
    environment = installation.environment | {
        "BIN": str(Path(sys.executable).parent),
        "NAME": name,
        "TEMPLATE": str(template),
        "WORK": str(work),
        "PORT": str(21000 + number),
    }
    started = time.perf_counter()
    subprocess.run(["bash", "-c", BY_HAND], env=environment, check=True, timeout=120)
    seconds = time.perf_counter() - started
    ask(f"http://127.0.0.1:{environment['PORT']}/")
    subprocess.run(["bash", "-c", f"kill $(cat {work}/{name}.pid)"], check=True)
    return seconds
