"""What stands beside a repository's content in Gitea: its webhooks and its workflow's secrets.

Gitea has no webhook twice by itself, never tells a webhook's secret and cannot change it. So the
address of each carries a fingerprint of its secret: whether the right one is there can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from pydantic import BaseModel

from thinkube_catalog.adapters.gitea.client import Answer, GiteaClient
from thinkube_catalog.domain.forge import ForgeRefusedError, ForgeUnavailableError, Repository
from thinkube_catalog.domain.secrets import SecretValue

_FORBIDDEN, _NOT_FOUND, _INVALID = 403, 404, 422
_TYPE = "gitea"


@dataclass(frozen=True)
class Hook:
    """A webhook at each repository: `secret` is told the repository's numeric id.

    `fingerprint` gives nothing of a secret away, and two secrets have two of them.
    """

    url: str
    secret: Callable[[int], SecretValue]
    fingerprint: Callable[[SecretValue], str]

    def address(self, repository: int) -> str:
        """Return where the webhook of a repository delivers to."""
        return f"{self.url}?key={self.fingerprint(self.secret(repository))}"


@dataclass(frozen=True)
class Care:
    """What each deployment's repository is connected with, and the page that tells of it."""

    hooks: Sequence[Hook] = ()
    secrets: Mapping[str, SecretValue] = field(default_factory=dict)
    page: Callable[[Repository], str] = lambda _repository: ""


class HooksRefusedError(ForgeRefusedError):
    """Webhooks are switched off there, or are not ours to make; pushes are seen without them."""


class _Config(BaseModel):
    url: str = ""


class _Listed(BaseModel):
    id: int
    type: str
    config: _Config


class Connections:
    """Makes and deletes them; every step looks before it acts and may be repeated."""

    def __init__(self, client: GiteaClient, care: Care) -> None:
        self._client = client
        self._care = care

    def make(self, repository: Repository, id_: int) -> None:
        """Put there what is missing and delete what is there twice.

        Raises HooksRefusedError once all else is done, ForgeRefusedError, LostAnswerError.
        """
        path = _path(repository)
        for name, value in self._care.secrets.items():
            body = {"data": value.reveal()}
            _accepted(self._client.send("PUT", f"{path}/actions/secrets/{name}", body), name)
        if self._care.hooks:
            there = self._hooks(path)
            for hook in self._care.hooks:
                self._make_hook(path, hook, id_, there)

    def delete(self, repository: Repository) -> None:
        """Delete what `make` has put there; what is gone is gone."""
        path = _path(repository)
        if self._care.hooks:
            urls = {hook.url for hook in self._care.hooks}
            for each in self._hooks(path):
                if each.type == _TYPE and _plain(each.config.url) in urls:
                    self._delete(f"{path}/hooks/{each.id}")
        for name in self._care.secrets:
            self._delete(f"{path}/actions/secrets/{name}")

    def _make_hook(self, path: str, hook: Hook, id_: int, there: Sequence[_Listed]) -> None:
        """Make the wanted one first and delete the others then: no push goes untold between."""
        address = hook.address(id_)
        ours = [it for it in there if it.type == _TYPE and _plain(it.config.url) == hook.url]
        kept = next((it for it in ours if it.config.url == address), None)
        config = {"url": address, "content_type": "json"}
        if kept is not None:
            answer = self._client.send("PATCH", f"{path}/hooks/{kept.id}", whole(config))
        else:
            config["secret"] = hook.secret(id_).reveal()
            answer = self._client.send("POST", f"{path}/hooks", {**whole(config), "type": _TYPE})
        _accepted(answer, f"the webhook to {hook.url}", HooksRefusedError)
        for other in ours:
            if other is not kept:
                self._delete(f"{path}/hooks/{other.id}")

    def _hooks(self, path: str) -> list[_Listed]:
        found: list[_Listed] = []
        for answer in self._client.pages(f"{path}/hooks", {"limit": 50}):
            if answer.status == _NOT_FOUND:
                return found
            page = _accepted(answer, "reading the webhooks", HooksRefusedError)
            found += page.read(list[_Listed])
        return found

    def _delete(self, path: str) -> None:
        answer = self._client.send("DELETE", path)
        if answer.status != _NOT_FOUND:
            _accepted(answer, "deleting it", HooksRefusedError)


def _accepted(
    answer: Answer, what: str, refused: type[ForgeRefusedError] = ForgeRefusedError
) -> Answer:
    if answer.ok:
        return answer
    reason = f"{what}: {answer.reason}"
    if answer.status in {_FORBIDDEN, _NOT_FOUND, _INVALID}:
        raise refused(reason)
    raise ForgeUnavailableError(reason)


def whole(config: Mapping[str, str]) -> dict[str, object]:
    """Return all that a webhook is told to be: a change sets back what it leaves out."""
    return {
        "active": True,
        "events": ["push"],
        "branch_filter": "main",
        "authorization_header": "",
        "config": config,
    }


def _plain(url: str) -> str:
    return url.partition("?")[0]


def _path(repository: Repository) -> str:
    return f"repos/{quote(repository.owner)}/{quote(repository.name)}"
