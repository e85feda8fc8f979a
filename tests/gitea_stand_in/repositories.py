"""Calls about a repository itself: where it is, its branches, and what protects them."""

from __future__ import annotations

from tests.faulty import Reply
from tests.gitea_stand_in.calls import CallBase, Refusal
from tests.gitea_stand_in.content import Stored


class RepositoryCalls(CallBase):
    """About one repository."""

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
