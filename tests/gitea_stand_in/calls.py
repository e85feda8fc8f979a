"""One call of the API: whether it is let in, and how what there is looks in answers."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.faulty import Reply
from tests.gitea_stand_in.content import PAGE_CAP, GiteaStandIn, Stored

_KINDS = {
    "orgs": "organization",
    "repos": "repository",
    "user": "user",
    "users": "user",
    "packages": "package",
    "notifications": "notification",
}


class Refusal(Exception):  # noqa: N818 (it is an answer, not a failure of ours)
    """An answer that ends a call early."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.reply = Reply(status, {"message": message, "url": "about:blank"})


@dataclass
class CallBase:
    """One call of the API."""

    gitea: GiteaStandIn
    method: str
    path: str
    query: dict[str, list[str]]
    body: dict[str, Any]
    token: str = ""

    def admit(self, authorization: str) -> None:
        """Check token and scope, before anything is looked for."""
        self.token = authorization.removeprefix("token ")
        scopes = self.gitea.tokens.get(self.token)
        if scopes is None:
            raise Refusal(401, "invalid username, password or token")
        kind = _KINDS.get(self.path.split("/")[3])
        if kind is None:
            return
        if self.path.endswith("/repos/issues/search"):
            kind = "issue"
        level = "read" if self.method == "GET" else "write"
        if f"write:{kind}" not in scopes and f"{level}:{kind}" not in scopes:
            raise Refusal(403, f"token does not have at least one of required scope(s) {kind}")

    def _page_of(self, entries: list[Any]) -> list[Any]:
        page = int(self.query.get("page", ["1"])[0])
        limit = min(PAGE_CAP, int(self.query.get("limit", ["30"])[0]))
        return entries[(page - 1) * limit : page * limit]

    def _is_commit(self, stored: Stored, sha: str) -> bool:
        command = ["git", "-C", str(self.gitea.path(stored)), "cat-file", "-e", f"{sha}^{{commit}}"]
        return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0

    def _has(self, stored: Stored, branch: str) -> bool:
        return bool(self.gitea.git(stored, "for-each-ref", f"refs/heads/{branch}"))

    def _shown(self, stored: Stored) -> dict[str, Any]:
        return {
            "id": stored.id,
            "name": stored.name,
            "permissions": {"pull": True, "push": self.token not in self.gitea.readers},
            "full_name": f"{stored.owner}/{stored.name}",
            "empty": not self.gitea.git(stored, "for-each-ref", "refs/heads"),
            "default_branch": stored.default_branch,
            "description": stored.description,
            "archived": stored.archived,
            "private": stored.private,
            "has_pull_requests": stored.has_pulls,
            "updated_at": datetime.fromtimestamp(stored.updated_at, UTC).isoformat(),
            "created_at": stored.created_at,
            "html_url": f"{self.gitea.url}/{stored.owner}/{stored.name}",
            "clone_url": f"http://another-name.invalid/{stored.owner}/{stored.name}.git",
        }
