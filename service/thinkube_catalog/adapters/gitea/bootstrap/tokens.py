"""Access tokens: exactly the scopes that are needed, and their values kept as settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import BaseModel

from thinkube_catalog.adapters.gitea.bootstrap.asking import NOT_FOUND, PRESENT, InGitea, refusal
from thinkube_catalog.domain.bootstrap import Finding, Kept, State
from thinkube_catalog.domain.secrets import SecretValue


class _Listed(BaseModel):
    id: int
    name: str
    scopes: list[str] = []
    token_last_eight: str = ""


class _Created(BaseModel):
    sha1: str


@dataclass(frozen=True)
class Token(InGitea):
    """An access token with exactly these scopes, whose value is kept as a setting."""

    account: str
    token: str
    scopes: Sequence[str]
    setting: str
    kept: Kept

    @property
    def name(self) -> str:
        return f"token {self.token} of {self.account}"

    def look(self) -> Finding:
        there = list(self._tokens())
        value = self.kept.value(self.setting)
        if value is not None:
            mine = [each for each in there if value.reveal().endswith(each.token_last_eight or "?")]
            if mine:
                return self._judged(mine[0])
        if any(each.name == self.token for each in there):
            told = f"{self.setting} does not hold its value; it is replaced"
            return Finding(State.DIFFERENT, told)
        if value is not None:
            return Finding(State.DIFFERENT, f"{self.setting} holds none of {self.account}'s")
        return Finding(State.MISSING)

    def _judged(self, token: _Listed) -> Finding:
        if set(token.scopes) == set(self.scopes):
            return PRESENT
        told = f"it is good for {', '.join(sorted(token.scopes))}; it is replaced by one that is "
        return Finding(State.DIFFERENT, f"{told}for {', '.join(self.scopes)} alone")

    def make(self) -> None:
        if any(each.name == self.token for each in self._tokens()):
            self.client.send("DELETE", f"{self._path}/{quote(self.token)}")
        body = {"name": self.token, "scopes": list(self.scopes)}
        made = self.ask("POST", self._path, body, f"making the token {self.token}")
        self.kept.keep(self.setting, SecretValue(made.read(_Created).sha1))

    def _tokens(self) -> Iterator[_Listed]:
        for answer in self.client.pages(self._path, {"limit": 50}):
            if answer.status == NOT_FOUND:
                return  # nor is the account there
            if not answer.ok:
                raise refusal(answer, f"listing the tokens of {self.account}")
            yield from answer.read(list[_Listed]) if answer.body else ()

    @property
    def _path(self) -> str:
        return f"users/{quote(self.account)}/tokens"
