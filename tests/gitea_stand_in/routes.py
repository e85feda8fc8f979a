"""Which call is about what."""

from __future__ import annotations

from collections.abc import Callable

from tests.faulty import Reply
from tests.gitea_stand_in.accounts import AccountCalls
from tests.gitea_stand_in.content import Stored
from tests.gitea_stand_in.hooks import HookCalls
from tests.gitea_stand_in.pulls import PullCalls
from tests.gitea_stand_in.repositories import RepositoryCalls


class Call(AccountCalls, RepositoryCalls, PullCalls, HookCalls):
    """One call of the API, whatever it is about."""

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
