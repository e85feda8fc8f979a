"""Calls about what goes with a repository: webhooks, Actions secrets, statuses of commits."""

from __future__ import annotations

import re
import threading
from typing import Any

from tests.faulty import Reply
from tests.gitea_stand_in.calls import CallBase, Refusal
from tests.gitea_stand_in.content import Stored, now


class HookCalls(CallBase):
    """About webhooks, secrets and statuses."""

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
            hook |= {**_hook_fields(self.body), "updated_at": now()}
        return Reply(200, _shown_hook(hook))

    def _make_hook(self, stored: Stored) -> Reply:
        config = self.body.get("config", {})
        if self.body.get("type") not in {"gitea", "gogs"} or not config.get("url"):
            raise Refusal(422, "invalid hook")
        if config.get("content_type") not in {"json", "form"}:
            raise Refusal(422, "Invalid content type")
        self.gitea.ids += 1
        hook = {"id": self.gitea.ids, "type": self.body["type"], "config": dict(config)}
        stored.hooks.append({**hook, **_hook_fields(self.body), "updated_at": now()})
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
