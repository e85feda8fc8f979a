"""Small projects as a forge holds them, and waiting for what becomes of them."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import yaml

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.environment import ApplicationContext
from thinkube_catalog.domain.forge import Commit, Forge, Repository, Signature
from thinkube_catalog.domain.gitops import ApplicationStatus, GitOpsEngine
from thinkube_catalog.domain.kubernetes.metadata import METADATA_PATH, metadata_object
from thinkube_catalog.domain.rendering import File, FileTree

REPOSITORY = Repository("thinkube-deployments", "legal-qa")
PATIENCE_SECONDS = 150.0 if os.environ.get("THINKUBE_TEST_LIVE") else 30.0

WEB = '''
"""Says its version, its environment, what it stored, and does as it is told."""
import http.server, json, os, pathlib, signal, sys, threading, time

VERSION = {version!r}

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/hang":
            global stuck
            stuck = True
        if self.path == "/crash":
            os._exit(3)
        if self.path == "/health" and stuck:
            time.sleep(60)
        if self.path == "/slow":
            time.sleep(1.0)
        answers = {{
            "/environment": json.dumps(dict(os.environ)),
            "/headers": json.dumps({{k.lower(): v for k, v in self.headers.items()}}),
            "/pid": str(os.getpid()),
        }}
        body = answers.get(self.path, VERSION).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

stuck = False
print("version", VERSION, "listens", flush=True)
{extra}
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
'''


def web(version: str, extra: str = "") -> str:
    return WEB.format(version=version, extra=extra)


def container(**changes: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "name": "web",
        "build": ".",
        "port": 8080,
        "size": "small",
        "health": "/health",
        "dev": {"command": "python3 app.py"},
    }
    return {key: value for key, value in {**usual, **changes}.items() if value is not None}


def project(
    version: str,
    containers: Sequence[Mapping[str, object]] = (),
    files: Mapping[str, str] | None = None,
    secrets: Sequence[str] = (),
    **spec: object,
) -> FileTree:
    """Return a whole repository: the descriptor, `app.py` and the application's metadata."""
    context = ApplicationContext(
        "legal-qa", "Legal Q&A", "tkt-web", Release("l", "v1.0.0", "0" * 40), secrets=tuple(secrets)
    )
    descriptor = {
        "apiVersion": "thinkube.io/v1",
        "kind": "ThinkubeDeployment",
        "metadata": {"name": "{{ project_name }}"},
        "spec": {"containers": [dict(each) for each in containers] or [container()], **spec},
    }
    metadata = {"data": metadata_object(context).data}
    texts = {
        "thinkube.yaml": yaml.safe_dump(descriptor),
        METADATA_PATH: yaml.safe_dump(metadata),
        "app.py": web(version),
        **(files or {}),
    }
    return FileTree({path: File(text.encode()) for path, text in texts.items()})


def push(forge: Forge, files: FileTree, message: str = "Change") -> Commit:
    signature = Signature("Ada", "ada@example.org", datetime.now(UTC))
    return forge.publish(REPOSITORY, files, message, signature)


def wait_for(
    engine: GitOpsEngine,
    fits: Callable[[ApplicationStatus], bool],
    name: str = "legal-qa",
) -> ApplicationStatus:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not fits(status := engine.status(name)):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {status}")
        time.sleep(0.02)
    return status


def wait_healthy(engine: GitOpsEngine, commit: Commit) -> ApplicationStatus:
    return wait_for(engine, lambda status: status.healthy_for(commit.id))


def wait_failed(engine: GitOpsEngine, commit: Commit) -> ApplicationStatus:
    return wait_for(engine, lambda status: status.failed and status.wanted == commit.id)


def get(url: str, headers: Mapping[str, str] | None = None) -> str:
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310 # our own address
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return str(answer.read().decode())


def get_mapping(url: str, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    found = json.loads(get(url, headers))
    return {str(key): str(value) for key, value in found.items()}


def answer_code(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    try:
        return 200, get(url, headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:  # nothing listens, or not any more
        return 0, str(error)
