"""A stand-in for Gitea: its API as far as we use it, over real bare repositories.

It answers as `docs/gitea.md` says that Gitea does, also where that is surprising. `Fault`s are
named, happen at named calls, and say how often they did.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx

from tests.faulty import Faulty, FaultyHandler, Reply, serving
from tests.git_server import answer_with_git

SCOPES = frozenset({"write:organization", "write:repository", "read:user"})
RESERVED = {"api", "user", "explore"}
PAGE_CAP = 3  # small, so that paging happens
_GIT = re.compile(r"/([^/]+)/([^/]+)\.git(/.*)")
_KINDS = {
    "orgs": "organization",
    "repos": "repository",
    "user": "user",
    "users": "user",
    "packages": "package",
    "notifications": "notification",
}


def _now() -> str:
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
    created_at: str = field(default_factory=_now)
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
        hook["updated_at"] = _now()

    def git(self, stored: Stored, *arguments: str) -> str:
        """Look into a repository by hand."""
        command = ["git", "-C", str(self.path(stored)), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
        return done.stdout.strip()


@contextmanager
def gitea_stand_in(root: Path) -> Generator[GiteaStandIn]:
    """Serve, on a free port."""
    root.mkdir(parents=True, exist_ok=True)
    gitea = GiteaStandIn(root=root)
    with serving(gitea, _Handler):
        yield gitea


class Refusal(Exception):  # noqa: N818 (it is an answer, not a failure of ours)
    """An answer that ends a call early."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.reply = Reply(status, {"message": message, "url": "about:blank"})


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


@dataclass
class Call:
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

    def answer(self) -> Reply:
        segments = [part for part in self.path.split("/") if part][2:]
        match segments:
            case ["orgs", *rest]:
                return self._owner(rest)
            case ["repos", "search"]:
                return self._search()
            case ["repos", owner, name, *rest]:
                return self._repository(owner, name, rest)
        return self._about(segments)

    def _about(self, segments: list[str]) -> Reply:
        rights = {"can_create_repository": self.gitea.is_owner, "is_owner": self.gitea.is_owner}
        match segments:
            case ["version"]:
                return Reply(200, {"version": self.gitea.version})
            case ["settings", "repository"]:
                return Reply(200, {"http_git_disabled": self.gitea.http_git_disabled})
            case ["user"]:
                administers = self.gitea.is_administrator
                return Reply(200, {"id": 1, "login": "catalog", "is_admin": administers})
            case ["users", name]:
                return Reply(200 if name in self.gitea.people else 404, {"login": name})
            case ["users", _, "orgs", _, "permissions"]:
                return Reply(200, rights)
        return Reply(404, {"message": "not found", "errors": None})

    def _owner(self, rest: list[str]) -> Reply:
        owners = self.gitea.owners
        match self.method, rest:
            case "POST", []:
                return self._make_owner(self.body["username"])
            case "GET", [name] if name in self.gitea.renamed_owners:
                there = self.gitea.renamed_owners[name]
                return Reply(307, None, f"/api/v1/orgs/{there}")
            case "GET", [name] if name in owners and name not in self.gitea.people:
                return Reply(200, {"id": owners[name], "name": name})
            case "GET", [name, "repos"] if name in owners:
                mine = [it for it in self.gitea.repositories if it.owner == name]
                return Reply(200, [self._shown(it) for it in self._page_of(mine)])
            case "POST", [name, "repos"] if name in owners:
                return self._make_repository(name)
        return Reply(404, {"message": "not found"})

    def _make_owner(self, name: str) -> Reply:
        if not self.gitea.may_make_owners:
            raise Refusal(403, "user not allowed to create organization")
        if name in RESERVED or name in self.gitea.owners:
            raise Refusal(422, f"user already exists [name: {name}]")
        self.gitea.ids += 1
        self.gitea.owners[name] = self.gitea.ids + 1000
        return Reply(201, {"id": self.gitea.owners[name], "name": name})

    def _make_repository(self, owner: str) -> Reply:
        name = self.body["name"]
        if not self.gitea.is_owner:
            raise Refusal(403, "Given user is not allowed to create repository")
        if name.endswith((".rss", ".atom", ".wiki", ".git")) or name in {".", "..", "-"}:
            raise Refusal(422, f"name is reserved [name: {name}]")
        if self.gitea.find(owner, name):
            raise Refusal(409, "The repository with the same name already exists.")
        stored = self.gitea.make(owner, name, self.body.get("description", ""))
        stored.private = self.body["private"]
        if self.body.get("auto_init"):
            nothing = self.gitea.git(stored, "hash-object", "-t", "tree", "/dev/null")
            person = ("-c", "user.name=A person", "-c", "user.email=person@example.org")
            commit = self.gitea.git(stored, *person, "commit-tree", nothing, "-m", "Begin")
            self.gitea.git(stored, "update-ref", "refs/heads/main", commit)
        return Reply(201, self._shown(stored))

    def _search(self) -> Reply:
        uid = int(self.query["uid"][0])
        page, limit = int(self.query["page"][0]), min(PAGE_CAP, int(self.query["limit"][0]))
        mine = [it for it in self.gitea.repositories if self.gitea.owners.get(it.owner) == uid]
        mine.sort(key=lambda it: -it.updated_at)
        shown = [self._shown(it) for it in mine[(page - 1) * limit : page * limit]]
        return Reply(200, {"ok": True, "data": shown})

    def _repository(self, owner: str, name: str, rest: list[str]) -> Reply:
        if owner in self.gitea.renamed_owners:
            there = self.gitea.renamed_owners[owner]
            return Reply(307, None, self.path.replace(f"/{owner}/", f"/{there}/", 1))
        stored = self.gitea.find(owner, name)
        if stored is None:
            return self._moved(owner, name)
        answers: dict[str, Callable[[Stored, list[str]], Reply]] = {
            "git": self._references,
            "branch_protections": self._branch_protections,
            "tag_protections": self._tag_protections,
            "pulls": self._pulls,
            "hooks": self._hooks,
            "actions": self._secrets,
            "statuses": self._make_status,
            "commits": self._combined,
        }
        if rest:
            return answers[rest[0]](stored, rest[1:])
        return self._itself(stored)

    def _moved(self, owner: str, name: str) -> Reply:
        moved = self.gitea.redirects.get(f"{owner}/{name}")
        now = next((it for it in self.gitea.repositories if it.id == moved), None)
        if now is None:
            return Reply(404, {"message": "not found", "errors": ["repo does not exist"]})
        return Reply(301, None, self.path.replace(f"{owner}/{name}", f"{now.owner}/{now.name}", 1))

    def _itself(self, stored: Stored) -> Reply:
        if self.method == "DELETE":
            if not self.gitea.is_owner:
                raise Refusal(403, "Must be an owner of the organization")
            self.gitea.repositories.remove(stored)
            self.gitea.on_delete()
            return Reply(204)
        if self.method == "PATCH" and stored.archived:
            raise Refusal(423, "repository is archived")
        if self.method == "PATCH":
            self._change(stored)
        return Reply(200, self._shown(stored))

    def _change(self, stored: Stored) -> None:
        if "default_branch" in self.body and self._has(stored, self.body["default_branch"]):
            stored.default_branch = self.body["default_branch"]
        if self.body.get("has_pull_requests"):
            for name in ("allow_manual_merge", "autodetect_manual_merge"):
                setattr(stored, name, self.body.get(name, getattr(stored, name)))

    def _pulls(self, stored: Stored, rest: list[str]) -> Reply:
        if not stored.has_pulls:
            raise Refusal(404, "not found")
        for pull in stored.pulls:
            self._look_in_background(stored, pull)
        match self.method, rest:
            case "GET", []:
                page, limit = int(self.query["page"][0]), min(PAGE_CAP, int(self.query["limit"][0]))
                wanted = [it for it in stored.pulls if it.state == self.query["state"][0]]
                shown = wanted[(page - 1) * limit : page * limit]
                return Reply(200, [self._pull(stored, it) for it in shown])
            case "POST", []:
                return self._open(stored)
        found = [it for it in stored.pulls if str(it.number) == rest[0]]
        if not found:
            raise Refusal(404, "not found")
        [pull] = found
        if self.method == "POST" and rest[1:] == ["merge"]:
            return self._merge(stored, pull)
        if self.method == "PATCH":
            pull.title = self.body.get("title", pull.title)
            pull.body = self.body.get("body", pull.body)
            pull.state = self.body.get("state", pull.state)
        return Reply(201 if self.method == "PATCH" else 200, self._pull(stored, pull))

    def _look_in_background(self, stored: Stored, pull: PullRequest) -> None:
        """Close what has lost its branch; note as merged what a push has merged."""
        pull.looks = max(pull.looks - 1, 0)
        if pull.state != "open":
            return
        if not self._has(stored, pull.head):
            pull.state = "closed"
        elif stored.autodetect_manual_merge and not self._brings(stored, pull.head):
            pull.state, pull.merged = "closed", True

    def _brings(self, stored: Stored, branch: str) -> bool:
        return self.gitea.git(stored, "rev-list", "--count", f"main..{branch}") != "0"

    def _open(self, stored: Stored) -> Reply:
        head, base = self.body["head"], self.body["base"]
        if head == base:
            raise Refusal(422, "head and base are the same")
        noted = head in stored.noted
        stored.noted.add(head)  # in the background, some time after the push
        if not (noted and self._has(stored, head) and self._has(stored, base)):
            raise Refusal(404, "not found")
        if any(it.head == head and it.state == "open" for it in stored.pulls):
            raise Refusal(409, "pull request already exists for these targets")
        number = len(stored.pulls) + 1
        stored.pulls.append(PullRequest(number, self.body["title"], self.body["body"], head))
        return Reply(201, self._pull(stored, stored.pulls[-1]))

    def _merge(self, stored: Stored, pull: PullRequest) -> Reply:
        if pull.state != "open":
            raise Refusal(404, "the pull request is closed")
        if self.body["Do"] == "manually-merged":
            if not stored.allow_manual_merge:
                raise Refusal(405, "Invalid merge style")
            commit = self.body["MergeCommitID"]
            if self.gitea.git(stored, "rev-parse", "main") != commit:
                raise Refusal(409, "Wrong commit ID")
        else:
            if pull.looks or pull.title.startswith("WIP:"):
                raise Refusal(405, "Please try again later")
            self.gitea.merge_by_hand(stored, pull)
        pull.state, pull.merged = "closed", True
        return Reply(200)

    def _pull(self, stored: Stored, pull: PullRequest) -> dict[str, Any]:
        name = {"full_name": f"{stored.owner}/{stored.name}"}
        return {
            "number": pull.number,
            "title": pull.title,
            "body": pull.body,
            "state": pull.state,
            "merged": pull.merged,
            "mergeable": not pull.looks and pull.state == "open",
            "html_url": f"http://another-name.invalid/{name['full_name']}/pulls/{pull.number}",
            "head": {"ref": pull.head, "repo": name},
            "base": {"ref": "main", "repo": name},
        }

    def _references(self, stored: Stored, rest: list[str]) -> Reply:
        if stored.wrecked:
            return Reply(500, {"message": ""})
        prefix = "/".join(["refs", *rest[1:]])
        listing = self.gitea.git(stored, "for-each-ref", "--format=%(objectname) %(refname)")
        lines = (line.split(" ", 1) for line in listing.splitlines())
        found = [
            {"ref": name, "object": {"sha": sha, "type": "commit"}}
            for sha, name in lines
            if name.startswith(prefix)
        ]
        return Reply(200, found) if found else Reply(404, {"message": "not found", "errors": None})

    def _branch_protections(self, stored: Stored, rest: list[str]) -> Reply:
        if self.method == "GET":
            there = [it for it in stored.branch_protections if it["rule_name"] == rest[0]]
            return Reply(200, there[0]) if there else Reply(404, {"message": "not found"})
        if any(it["rule_name"] == self.body["rule_name"] for it in stored.branch_protections):
            raise Refusal(403, "Branch protection already exist")
        stored.branch_protections.append(self.body)
        self.gitea.git(stored, "config", "receive.denyNonFastForwards", "true")
        return Reply(201, self.body)

    def _tag_protections(self, stored: Stored, _rest: list[str]) -> Reply:
        if self.method == "GET":
            return Reply(200, stored.tag_protections)
        if not self.body.get("whitelist_usernames"):
            raise Refusal(400, "both whitelist_usernames and whitelist_teams are empty")
        stored.tag_protections.append(self.body)
        return Reply(201, self.body)

    def _hooks(self, stored: Stored, rest: list[str]) -> Reply:
        if self.gitea.webhooks_disabled:
            raise Refusal(403, "webhooks disabled by administrator")
        if not rest and self.method == "POST":
            return self._make_hook(stored)
        if not rest:
            return Reply(200, [_shown_hook(it) for it in self._page_of(stored.hooks)])
        hook = next((it for it in stored.hooks if str(it["id"]) == rest[0]), None)
        if hook is None:
            return Reply(404, {"message": "not found"})
        return self._hook(stored, hook, testing=rest[1:] == ["tests"])

    def _hook(self, stored: Stored, hook: dict[str, Any], *, testing: bool) -> Reply:
        if testing:
            if self._has(stored, "main"):  # without a commit nothing is sent, and all is well
                threading.Thread(target=self.gitea.test, args=(stored, hook)).start()
            return Reply(204)
        if self.method == "DELETE":
            stored.hooks.remove(hook)
            return Reply(204)
        if self.method == "PATCH":
            changed = dict(self.body.get("config", {}))
            changed.pop("secret", None)  # it can be given, and has no effect
            hook["config"] |= changed
            hook |= {**_hook_fields(self.body), "updated_at": _now()}
        return Reply(200, _shown_hook(hook))

    def _make_hook(self, stored: Stored) -> Reply:
        config = self.body.get("config", {})
        if self.body.get("type") not in {"gitea", "gogs"} or not config.get("url"):
            raise Refusal(422, "invalid hook")
        if config.get("content_type") not in {"json", "form"}:
            raise Refusal(422, "Invalid content type")
        self.gitea.ids += 1
        hook = {"id": self.gitea.ids, "type": self.body["type"], "config": dict(config)}
        stored.hooks.append({**hook, **_hook_fields(self.body), "updated_at": _now()})
        return Reply(201, _shown_hook(stored.hooks[-1]))

    def _secrets(self, stored: Stored, rest: list[str]) -> Reply:
        if len(rest) != 2 or rest[0] != "secrets":
            return Reply(404, {"message": "not found"})
        name = rest[1].upper()
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name) or name.startswith(("GITEA_", "GITHUB_")):
            raise Refusal(400, "invalid secret name")
        there = name in stored.secrets
        if self.method == "DELETE":
            stored.secrets.pop(name, None)
            return Reply(204) if there else Reply(404, {"message": "not found"})
        stored.secrets[name] = self.body["data"]
        return Reply(204 if there else 201)

    def _make_status(self, stored: Stored, rest: list[str]) -> Reply:
        if not self._is_commit(stored, rest[0]):
            return Reply(500, {"message": ""})
        status = {
            "id": len(stored.statuses) + 1,
            "sha": rest[0],
            "status": self.body["state"],
            "context": self.body["context"],
            "target_url": self.body.get("target_url", ""),
            "description": self.body.get("description", ""),
        }
        stored.statuses.append(status)
        return Reply(201, status)

    def _combined(self, stored: Stored, rest: list[str]) -> Reply:
        if rest[1:] != ["status"] or not self._is_commit(stored, rest[0]):
            return Reply(404, {"message": "not found"})
        mine = [it for it in stored.statuses if it["sha"] == rest[0]]
        newest = list({it["context"]: it for it in mine}.values())
        state = "pending" if not mine else mine[-1]["status"]
        shown = self._page_of(newest)
        return Reply(200, {"state": state, "sha": rest[0], "statuses": shown or None})

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


def _hook_fields(body: dict[str, Any]) -> dict[str, Any]:
    """What a call sets, and sets back where it says nothing of it."""
    return {
        "active": body.get("active", False),
        "events": body.get("events") or ["push"],
        "branch_filter": body.get("branch_filter", ""),
        "authorization_header": body.get("authorization_header", ""),
    }


def _shown_hook(hook: dict[str, Any]) -> dict[str, Any]:
    config = {key: text for key, text in hook["config"].items() if key != "secret"}
    return {**hook, "config": config}
