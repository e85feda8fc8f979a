"""What a token of Gitea is good for beyond what is needed; for `tkt doctor`. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from thinkube_catalog.adapters.gitea.client import GiteaClient

_FORBIDDEN = 403

_ASKED: Mapping[str, tuple[str, str]] = {
    "write:user": ("DELETE", "user/keys/0"),
    "write:organization": ("PATCH", "orgs/-"),
    "write:repository": ("PATCH", "repos/-/-"),
    "read:issue": ("GET", "repos/issues/search"),
    "read:notification": ("GET", "notifications/new"),
    "read:package": ("GET", "packages/-"),
}
"""Calls that nothing can come of: scopes are checked before anything is looked for."""


def beyond(client: GiteaClient, needed: Sequence[str]) -> list[str]:
    """Return scopes that a token has and that nobody needs, the least of each kind.

    Raises ForgeUnavailableError, ForgeRefusedError.
    """
    kinds = {scope.replace("write:", "read:") for scope in needed if scope.startswith("write:")}
    asked = {
        scope: call
        for scope, call in _ASKED.items()
        if scope not in needed and scope.replace("write:", "read:") not in kinds
    }
    return [scope for scope, call in asked.items() if _is_good(client, *call)]


def _is_good(client: GiteaClient, method: str, path: str) -> bool:
    answer = client.get(path, {"limit": 1}) if method == "GET" else client.send(method, path, {})
    return answer.status != _FORBIDDEN
