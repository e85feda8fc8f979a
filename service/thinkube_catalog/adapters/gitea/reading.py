"""The token that Argo CD clones with, looked at for `tkt doctor`: it reads code, no more."""

from __future__ import annotations

from urllib.parse import quote

from thinkube_catalog.adapters.gitea.client import GiteaClient
from thinkube_catalog.domain.checks import Check, failed, passed, warned
from thinkube_catalog.domain.forge import ForgeRefusedError, ForgeUnavailableError

_NAME = "gitea read token"
_NOBODY = "-"  # no organisation and no repository can be called so
_FORBIDDEN, _NOT_FOUND = 403, 404
_SECONDS = 5.0
_MEND = "run tkt bootstrap, or make a token with read:repository; set THINKUBE_GITEA_READ_TOKEN"


def check_reading(url: str, token: str, service_token: str, organisation: str) -> list[Check]:
    """Look whether a token reads an organisation's repositories, and cannot write them."""
    client = GiteaClient(url, token, _SECONDS)
    service = GiteaClient(url, service_token, _SECONDS)
    try:
        return [_look(client, service, organisation)]
    except ForgeRefusedError as error:
        return [failed(_NAME, error.reason.replace("_GITEA_TOKEN", "_GITEA_READ_TOKEN"), _MEND)]
    except ForgeUnavailableError as error:
        return [failed(_NAME, error.reason, "look into Gitea's own log")]
    finally:
        client.close()
        service.close()


def _look(client: GiteaClient, service: GiteaClient, organisation: str) -> Check:
    if client.get(f"repos/{_NOBODY}/{_NOBODY}").status == _FORBIDDEN:
        return failed(_NAME, "lacks read:repository", _MEND)
    # The scopes are checked before anything is looked for: nothing can come of these.
    writes = {
        "write:repository": client.send("PATCH", f"repos/{_NOBODY}/{_NOBODY}", {}),
        "write:organization": client.send("PATCH", f"orgs/{_NOBODY}", {}),
    }
    too_much = [scope for scope, answer in writes.items() if answer.status != _FORBIDDEN]
    if too_much:
        message = f"is good for {', '.join(too_much)} as well, and should only read"
        return warned(_NAME, message, _MEND)
    hidden = _hidden(client, service, organisation)
    if hidden:
        mend = f"add its account to a team of {organisation} that reads every repository's code"
        return failed(
            _NAME, f"cannot read {organisation}/{hidden}", f"run tkt bootstrap, or {mend}"
        )
    return passed(_NAME, f"reads {organisation}, and writes nothing")


def _hidden(client: GiteaClient, service: GiteaClient, organisation: str) -> str:
    """Return the name of a repository that the service sees and this token does not."""
    try:
        answer = service.get(f"orgs/{quote(organisation)}/repos", {"limit": 1})
    except ForgeRefusedError:
        return ""  # the service's own token is bad, which another check tells
    there = answer.body if answer.ok and isinstance(answer.body, list) else []
    names = [str(each.get("name", "")) for each in there if isinstance(each, dict)]
    for name in names:
        if client.get(f"repos/{quote(organisation)}/{quote(name)}").status == _NOT_FOUND:
            return name
    return ""
