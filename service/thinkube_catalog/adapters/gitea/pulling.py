"""The token that the cluster pulls images with, looked at for `tkt doctor`: it pulls, no more."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from thinkube_catalog.adapters.gitea.client import Answer, GiteaClient
from thinkube_catalog.adapters.gitea.scopes import beyond
from thinkube_catalog.domain.checks import Check, failed, passed, warned
from thinkube_catalog.domain.forge import ForgeRefusedError, ForgeUnavailableError

NAME = "image pulls"

_NEEDED = "read:package"
_NOBODY = "-"  # no owner can be called so
_FORBIDDEN, _NOT_FOUND = 403, 404
_SECONDS = 5.0
_MEND = "run tkt bootstrap, or make a token with read:package alone; set THINKUBE_PULL_TOKEN to it"


def check_pulling(url: str, user: str, token: str, organisation: str) -> Check:
    """Look whether a token reads an organisation's images, and does nothing else."""
    client = GiteaClient(url, token, _SECONDS)
    try:
        return _look(client, user, organisation)
    except ForgeRefusedError as error:
        return failed(NAME, error.reason.replace("_GITEA_TOKEN", "_PULL_TOKEN"), _MEND)
    except ForgeUnavailableError as error:
        return failed(NAME, error.reason, "look into Gitea's own log")
    finally:
        client.close()


def _look(client: GiteaClient, user: str, organisation: str) -> Check:
    # The scopes are checked before anything is looked for: nothing can come of these.
    if client.get(f"packages/{_NOBODY}").status == _FORBIDDEN:
        return failed(NAME, f"the token lacks {_NEEDED}", _MEND)
    too_much = [scope for scope, ask in _LEAST.items() if ask(client).status != _FORBIDDEN]
    too_much += [
        scope
        for scope in beyond(client, (_NEEDED, *_LEAST))
        if scope.replace("write:", "read:") not in too_much
    ]
    if too_much:
        message = f"the token is good for {', '.join(too_much)} as well, and every namespace has it"
        return warned(NAME, message, _MEND)
    found = client.get(f"packages/{quote(organisation)}", {"type": "container", "limit": 1})
    if found.ok:
        return passed(NAME, f"{user} reads the images of {organisation}, and nothing else")
    if found.status == _NOT_FOUND:
        return passed(NAME, f"the token will do; there is no {organisation} yet")
    mend = f"add {user} to a team of {organisation} that reads packages"
    return failed(
        NAME, f"{user} may not read those of {organisation}", f"run tkt bootstrap, or {mend}"
    )


_LEAST: dict[str, Callable[[GiteaClient], Answer]] = {
    "write:package": lambda it: it.send("DELETE", f"packages/{_NOBODY}/generic/x/x"),
    "read:repository": lambda it: it.get(f"repos/{_NOBODY}/{_NOBODY}"),
    "read:organization": lambda it: it.get(f"orgs/{_NOBODY}"),
    "read:user": lambda it: it.get("user"),
}
"""The least beyond what is needed, each asked for so that nothing can come of it."""
