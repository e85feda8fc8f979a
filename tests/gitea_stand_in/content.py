"""What a Gitea holds, for tests to look at and to change as somebody else would."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.faulty import Faulty

SCOPES = frozenset({"write:organization", "write:repository", "read:user"})
PAGE_CAP = 3  # small, so that paging happens


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class Stored:
    """A repository as Gitea's database has it."""

    id: int
    owner: str
    name: str
    description: str
    default_branch: str = "main"
    updated_at: float = 0.0
    created_at: str = field(default_factory=now)
    private: bool = True
    archived: bool = False
    wrecked: bool = False  # a record without files
    branch_protections: list[Any] = field(default_factory=list)
    tag_protections: list[Any] = field(default_factory=list)
    hooks: list[Any] = field(default_factory=list)  # with their secrets, which no answer shows
    secrets: dict[str, str] = field(default_factory=dict)
    statuses: list[Any] = field(default_factory=list)  # oldest first
    has_pulls: bool = True
    allow_manual_merge: bool = False
    autodetect_manual_merge: bool = False
    pulls: list[PullRequest] = field(default_factory=list)
    noted: set[str] = field(default_factory=set)  # branches that the API knows


@dataclass
class PullRequest:
    """A pull request; `looks` is how often somebody still has to ask until it is checked."""

    number: int
    title: str
    body: str
    head: str
    state: str = "open"
    merged: bool = False
    looks: int = 2


@dataclass(kw_only=True)
class GiteaStandIn(Faulty):
    """Its content, for tests to look at and to change as somebody else would."""

    root: Path
    version: str = "1.26.0"
    tokens: dict[str, frozenset[str]] = field(default_factory=lambda: {"the-token": SCOPES})
    owners: dict[str, int] = field(default_factory=lambda: {"catalog": 1, "person": 2})
    people: set[str] = field(default_factory=lambda: {"catalog", "person"})
    repositories: list[Stored] = field(default_factory=list)
    redirects: dict[str, int] = field(default_factory=dict)
    renamed_owners: dict[str, str] = field(default_factory=dict)
    may_make_owners: bool = True
    is_owner: bool = True
    readers: set[str] = field(default_factory=set)  # tokens that may not write
    http_git_disabled: bool = False
    webhooks_disabled: bool = False
    denied: set[str] = field(default_factory=set)  # addresses that it may not deliver to
    delivers: bool = True  # whether anybody works on its queue
    is_administrator: bool = False
    delivered: list[tuple[str, int]] = field(default_factory=list)  # addresses and answers
    on_delete: Callable[[], object] = bool  # what happens right after a deletion
    ids: int = 10

    def find(self, owner: str, name: str) -> Stored | None:
        wanted = (owner.lower(), name.lower())
        found = (it for it in self.repositories if (it.owner.lower(), it.name.lower()) == wanted)
        return next(found, None)

    def path(self, stored: Stored) -> Path:
        return self.root / f"{stored.id}.git"

    def make(self, owner: str, name: str, description: str = "") -> Stored:
        """Make a repository, as somebody else may."""
        self.ids += 1
        self.owners.setdefault(owner, self.ids + 1000)
        stored = Stored(self.ids, owner, name, description, updated_at=int(time.time()))
        command = ["git", "init", "--quiet", "--bare", "--initial-branch=main"]
        subprocess.run([*command, str(self.path(stored))], check=True, timeout=30)
        self.redirects.pop(f"{owner}/{name}", None)
        self.repositories.append(stored)
        return stored

    def rename(self, stored: Stored, owner: str, name: str) -> None:
        """Rename or transfer a repository, as a person does."""
        self.owners.setdefault(owner, self.ids + 1000)
        self.redirects[f"{stored.owner}/{stored.name}"] = stored.id
        stored.owner, stored.name = owner, name

    def merge_by_hand(self, stored: Stored, pull: PullRequest) -> None:
        """Merge a pull request as a person does with its button; its branch stays."""
        main = self.git(stored, "rev-parse", "main")
        tree = self.git(stored, "merge-tree", "--write-tree", main, pull.head).splitlines()[0]
        words = f"Merge pull request '{pull.title}' (#{pull.number}) from {pull.head} into main"
        person = ("-c", "user.name=A person", "-c", "user.email=person@example.org")
        parents = ("-p", main, "-p", pull.head)
        commit = self.git(stored, *person, "commit-tree", tree, *parents, "-m", words)
        self.git(stored, "update-ref", "refs/heads/main", commit, main)
        pull.state, pull.merged = "closed", True
        stored.updated_at = int(time.time())

    def deliver(self, stored: Stored, ref: str = "refs/heads/main", event: str = "push") -> None:
        """Tell the webhooks of a repository, once each, as a push does."""
        content = {"ref": ref, "total_commits": 1, "commits": []}
        for hook in [it for it in stored.hooks if it["active"] and event in it["events"]]:
            self._send(stored, hook, content, event)

    def test(self, stored: Stored, hook: dict[str, Any]) -> None:
        """Tell one webhook of a push that changes nothing, as somebody has asked for."""
        there = self.git(stored, "rev-parse", "main")
        content = {"ref": "refs/heads/main", "before": there, "after": there, "total_commits": 1}
        self._send(stored, hook, content, "push")

    def _send(
        self, stored: Stored, hook: dict[str, Any], content: dict[str, Any], event: str
    ) -> None:
        if not self.delivers:
            return
        repository = {
            "id": stored.id,
            "full_name": f"{stored.owner}/{stored.name}",
            "html_url": f"{self.url}/{stored.owner}/{stored.name}",
        }
        body = json.dumps({**content, "repository": repository}, indent=2).encode()
        secret = hook["config"].get("secret", "").encode()
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest() if secret else ""
        headers = {
            "Content-Type": "application/json",
            "X-Gitea-Event": event,
            "X-Gitea-Event-Type": event,
            "X-Gitea-Delivery": str(uuid4()),
            "X-Gitea-Signature": signature,
            "X-Gogs-Event": event,
            "X-Gogs-Signature": signature,
        }
        url = hook["config"]["url"]
        answer = 0  # it is never sent again
        if url.partition("?")[0] not in self.denied:
            with suppress(httpx.HTTPError):
                answer = httpx.post(url, content=body, headers=headers, timeout=5).status_code
        self.delivered.append((url, answer))
        hook["updated_at"] = now()

    def git(self, stored: Stored, *arguments: str) -> str:
        """Look into a repository by hand."""
        command = ["git", "-C", str(self.path(stored)), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
        return done.stdout.strip()
