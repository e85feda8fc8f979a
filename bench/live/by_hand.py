"""What a person does without this program: a script of copier, git and curl."""

from __future__ import annotations

import json
import os
import resource
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.live.passages import Clone, Passage, push_changes
from bench.live.servers import IN_CLUSTER, given
from bench.live.watching import PATIENCE_SECONDS, Watcher
from tests.journeys.installation import HELLO

ORG = "bench-by-hand"

SCRIPT = """
set -e
stamp() { date +"$1 %s.%N" >> "$WORK/$NAME.times"; }
stamp begun
copier copy -q -x .git -l -d project_name=$NAME "$TEMPLATE" "$WORK/$NAME"
mkdir "$WORK/$NAME/k8s" && sed "s/NAME/$NAME/g" "$WORK/objects.yaml" > "$WORK/$NAME/k8s/app.yaml"
auth="Authorization: token $THINKUBE_TEST_GITEA_USER_TOKEN"
curl -sf -o /dev/null -H "$auth" -H 'Content-Type: application/json' \\
  -d "{\\"name\\": \\"$NAME\\", \\"private\\": true}" "$GITEA/api/v1/orgs/$ORG/repos"
curl -sf -o /dev/null -H "$auth" -H 'Content-Type: application/json' \\
  -d @"$WORK/hook.json" "$GITEA/api/v1/repos/$ORG/$NAME/hooks"
cd "$WORK/$NAME"
git init -q -b main && git add -A && git commit -q -m "Render it"
git remote add origin "$GITEA/$ORG/$NAME.git"
git push -q origin main
stamp pushed
curl -sf -o /dev/null -H "Authorization: Bearer $THINKUBE_TEST_ARGOCD_TOKEN" \\
  -H 'Content-Type: application/json' "$ARGOCD/api/v1/applications" \\
  -d "$(sed "s/NAME/$NAME/g" "$WORK/application.json")"
stamp registered
"""
"""Render, make a repository that tells Argo CD of pushes, push, register. They then watch."""

OBJECTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      containers:
        - {name: web, image: "registry.example.org/NAME:1", ports: [{containerPort: 8000}]}
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {selector: {app: NAME}, ports: [{port: 8000}]}
"""


@dataclass(frozen=True)
class Batch:
    """What came of scripts that ran at once; those that gave up have no passage.

    `cpu_seconds` is what one of them used of the processor.
    """

    passages: Sequence[Passage]
    cpu_seconds: float


def deploy(folder: Path, watcher: Watcher, size: int) -> Batch:
    """Run so many scripts at once, push a change to each result, and clean up."""
    work = folder / f"by-hand-{secrets.token_hex(3)}"
    work.mkdir()
    (work / "objects.yaml").write_text(OBJECTS)
    (work / "application.json").write_text(json.dumps(_application()))
    (work / "hook.json").write_text(json.dumps(_hook()))
    names = [f"hand-{secrets.token_hex(3)}-{number}" for number in range(size)]
    environment = _environment(work)
    with _prepared(names):
        used = _processor()
        scripts = [
            subprocess.Popen(["bash", "-c", SCRIPT], env={**environment, "NAME": name})
            for name in names
        ]
        ended = [script.wait(PATIENCE_SECONDS) for script in scripts]
        used = _processor() - used
        well = [name for name, code in zip(names, ended, strict=True) if code == 0]
        watcher.wait_healthy(well)
        passages = {name: _passage(watcher, name, work) for name in well}
        clones = {name: Clone(name, work / name) for name in well}
        push_changes(watcher, clones, passages, environment)
    return Batch(list(passages.values()), used / size)


def _passage(watcher: Watcher, name: str, work: Path) -> Passage:
    lines = (work / f"{name}.times").read_text().splitlines()
    times = {word: float(at) for word, at in (line.split() for line in lines)}
    return Passage(
        times["begun"],
        times["pushed"],
        times["registered"],
        watcher.synced[name],
        watcher.healthy[name],
    )


def _environment(work: Path) -> Mapping[str, str]:
    return {
        **os.environ,
        "HOME": str(work),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GIT_AUTHOR_NAME": "A developer",
        "GIT_AUTHOR_EMAIL": "developer@example.com",
        "GIT_COMMITTER_NAME": "A developer",
        "GIT_COMMITTER_EMAIL": "developer@example.com",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: token {given('GITEA_USER_TOKEN')}",
        "TEMPLATE": str(HELLO),
        "WORK": str(work),
        "GITEA": given("GITEA_URL"),
        "ARGOCD": given("ARGOCD_URL"),
        "ORG": ORG,
    }


def _application() -> dict[str, object]:
    return {
        "metadata": {"name": "NAME", "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
        "spec": {
            "project": "default",
            "source": {
                "repoURL": f"{given('GITEA_URL')}/{ORG}/NAME.git",
                "targetRevision": "main",
                "path": "k8s",
            },
            "destination": {"server": IN_CLUSTER, "namespace": "NAME"},
            "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
        },
    }


def _hook() -> dict[str, object]:
    target = {
        "url": f"{given('ARGOCD_URL')}/api/webhook",
        "content_type": "json",
        "secret": given("ARGOCD_WEBHOOK_SECRET"),
    }
    return {"type": "gitea", "config": target, "events": ["push"], "active": True}


@contextmanager
def _prepared(names: Sequence[str]) -> Iterator[None]:
    """Have an organisation whose repositories Argo CD may read; remove what came of the names."""
    gitea = {"Authorization": f"token {given('GITEA_USER_TOKEN')}"}
    argocd = {
        "Authorization": f"Bearer {given('ARGOCD_TOKEN')}",
        "Content-Type": "application/json",
    }
    url = f"{given('GITEA_URL')}/api/v1"
    httpx.post(f"{url}/orgs", headers=gitea, json={"username": ORG}, timeout=30)
    body = {
        "url": f"{given('GITEA_URL')}/{ORG}/",
        "username": "bench",
        "password": given("GITEA_USER_TOKEN"),
    }
    credentials = f"{given('ARGOCD_URL')}/api/v1/repocreds?upsert=true"
    httpx.post(credentials, headers=argocd, json=body, timeout=30).raise_for_status()
    yield
    for name in names:
        application = f"{given('ARGOCD_URL')}/api/v1/applications/{name}"
        httpx.delete(application, headers=argocd, timeout=60)
        httpx.delete(f"{url}/repos/{ORG}/{name}", headers=gitea, timeout=30)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
