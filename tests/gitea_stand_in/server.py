"""The server: the API, and Git over HTTP."""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.faulty import FaultyHandler, Reply, serving
from tests.git_server import answer_with_git
from tests.gitea_stand_in.calls import Refusal
from tests.gitea_stand_in.content import GiteaStandIn
from tests.gitea_stand_in.routes import Call

_GIT = re.compile(r"/([^/]+)/([^/]+)\.git(/.*)")


@contextmanager
def gitea_stand_in(root: Path) -> Generator[GiteaStandIn]:
    """Serve, on a free port."""
    root.mkdir(parents=True, exist_ok=True)
    gitea = GiteaStandIn(root=root)
    with serving(gitea, _Handler):
        yield gitea


class _Handler(FaultyHandler):
    stand_in: GiteaStandIn

    def answer(self) -> None:
        parts = urlsplit(self.path)
        git = _GIT.fullmatch(parts.path)
        if git:
            self._serve_git(git, parts.query)
            return
        call = Call(self.stand_in, self.command, parts.path, parse_qs(parts.query), self.body())
        try:
            call.admit(self.headers.get("Authorization", ""))
            with self.stand_in.lock:
                reply = call.answer()
        except Refusal as refusal:
            reply = refusal.reply
        self.send(reply)

    def _serve_git(self, git: re.Match[str], query: str) -> None:
        owner, name, rest = git.groups()
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        token = base64.b64decode(given).decode().partition(":")[2]
        moved = self.stand_in.redirects.get(f"{owner}/{name}")
        stored = self.stand_in.find(owner, name)
        if token not in self.stand_in.tokens:
            self.send(Reply(401, None, headers={"WWW-Authenticate": "Basic"}))
        elif stored is None and moved is not None:
            self.send(Reply(301, None, "elsewhere"))
        elif stored is None:
            self.send(Reply(404))
        elif stored.archived and "receive-pack" in rest + query:
            self.send(Reply(403))
        else:
            answer_with_git(self, self.stand_in.root, f"/{stored.id}.git{rest}", query, "catalog")
            if rest == "/git-receive-pack":
                stored.updated_at = int(time.time())
                threading.Thread(target=self.stand_in.deliver, args=(stored,)).start()
