"""Calls about pull requests: opened, looked at in the background, merged."""

from __future__ import annotations

from typing import Any

from tests.faulty import Reply
from tests.gitea_stand_in.calls import CallBase, Refusal
from tests.gitea_stand_in.content import PAGE_CAP, PullRequest, Stored


class PullCalls(CallBase):
    """About pull requests."""

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
