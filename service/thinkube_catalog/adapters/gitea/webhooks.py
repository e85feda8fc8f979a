"""The webhooks of an organisation's repositories, looked at for `tkt doctor`. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from pydantic import BaseModel

from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.domain.checks import Check, passed, warned
from thinkube_catalog.domain.forge import ForgeUnavailableError

LOOKED_AT = 10
"""How many repositories are looked at, so that it does not take long where there are many."""

_NAME = "gitea webhooks"
_SECONDS = 5.0


class _Config(BaseModel):
    url: str = ""


class _Hook(BaseModel):
    active: bool = False
    config: _Config = _Config()


class _Repository(BaseModel):
    name: str


def check_webhooks(url: str, token: str, organisation: str, targets: Sequence[str]) -> list[Check]:
    """Look whether repositories tell of pushes at these addresses; none if there are none yet."""
    client = GiteaClient(url, token, _SECONDS)
    try:
        return list(_look(client, organisation, targets))
    except ForgeUnavailableError:
        return []  # what is wrong with the Gitea or the token is told by another check
    finally:
        client.close()


def _look(client: GiteaClient, organisation: str, targets: Sequence[str]) -> Iterator[Check]:
    answer = client.get(f"orgs/{quote(organisation)}/repos", {"limit": LOOKED_AT})
    names = [it.name for it in answer.read(list[_Repository])] if answer.ok and answer.body else []
    told = {name: _targets(client, organisation, name) for name in names}
    for target in targets:
        missing = [name for name, there in told.items() if target not in there]
        if missing:
            message = f"{', '.join(missing)} will not tell {target} of pushes"
            mend = "start the service, which connects its deployments; those of others need none"
            yield warned(_NAME, message, mend)
        elif told:
            yield passed(_NAME, f"{len(told)} repositories tell {target} of pushes")


def _targets(client: GiteaClient, organisation: str, name: str) -> set[str]:
    """Return where a repository's webhooks go to, without what our addresses end with."""
    answer = client.get(f"repos/{quote(organisation)}/{quote(name)}/hooks", {"limit": 50})
    hooks = answer.read(list[_Hook]) if answer.ok and answer.body else []
    return {hook.config.url.partition("?")[0] for hook in hooks if hook.active}
