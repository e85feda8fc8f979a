"""The webhooks of an organisation's repositories, looked at for `tkt doctor`. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from pydantic import BaseModel

from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.adapters.gitea.connections import Hook
from thinkube_catalog.domain.checks import Check, passed, warned
from thinkube_catalog.domain.forge import ForgeRefusedError, ForgeUnavailableError

LOOKED_AT = 10
"""How many repositories are looked at, so that it does not take long where there are many."""

PROBE = "catalog-doctor"
"""The repository that is made for a moment to try webhooks: no deployment's."""

_NAME = "gitea webhooks"
_SECONDS = 5.0
_START = "start the service, which connects its deployments"


class _Config(BaseModel):
    url: str = ""


class _Listed(BaseModel):
    active: bool = False
    config: _Config = _Config()


class _Repository(BaseModel, frozen=True):
    id: int = 0
    name: str


def check_webhooks(url: str, token: str, organisation: str, hooks: Sequence[Hook]) -> list[Check]:
    """Look whether repositories have these webhooks; none if there are no repositories yet."""
    client = GiteaClient(url, token, _SECONDS)
    try:
        return list(_look(client, organisation, hooks))
    except (ForgeUnavailableError, ForgeRefusedError):
        return []  # what is wrong with the Gitea or the token is told by another check
    finally:
        client.close()


def _look(client: GiteaClient, organisation: str, hooks: Sequence[Hook]) -> Iterator[Check]:
    answer = client.get(f"orgs/{quote(organisation)}/repos", {"limit": LOOKED_AT})
    found = answer.read(list[_Repository]) if answer.ok and answer.body else []
    asked = {it: _addresses(client, organisation, it.name) for it in found if it.name != PROBE}
    told = {it: there for it, there in asked.items() if there is not None}
    for hook in hooks:
        yield from _judge(hook, told)


def _judge(hook: Hook, told: dict[_Repository, set[str]]) -> Iterator[Check]:
    plain = {it: {url.partition("?")[0] for url in there} for it, there in told.items()}
    missing = [it.name for it, there in plain.items() if hook.url not in there]
    others = [
        it.name
        for it, there in told.items()
        if hook.url in plain[it] and hook.address(it.id) not in there
    ]
    if missing:
        message = f"{', '.join(missing)} will not tell {hook.url} of pushes"
        yield warned(_NAME, message, f"{_START}; those of others need none")
    if others:
        message = f"what {', '.join(others)} will tell {hook.url} is signed with another secret"
        yield warned(
            _NAME, message, f"{_START} anew; or run tkt doctor with the service's settings"
        )
    if told and not missing and not others:
        who = "one repository tells" if len(told) == 1 else f"{len(told)} repositories tell"
        yield passed(_NAME, f"{who} {hook.url} of pushes")


def _addresses(client: GiteaClient, organisation: str, name: str) -> set[str] | None:
    """Return where a repository's webhooks go to; None where webhooks are switched off."""
    answer = client.get(f"repos/{quote(organisation)}/{quote(name)}/hooks", {"limit": 50})
    if not answer.ok:
        return None
    hooks = answer.read(list[_Listed]) if answer.body else []
    return {hook.config.url for hook in hooks if hook.active}
