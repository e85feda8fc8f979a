"""Calls about the server itself, people, organisations, and new repositories of theirs."""

from __future__ import annotations

from tests.faulty import Reply
from tests.gitea_stand_in.calls import CallBase, Refusal
from tests.gitea_stand_in.content import PAGE_CAP

RESERVED = {"api", "user", "explore"}


class AccountCalls(CallBase):
    """About the server, people and organisations."""

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
