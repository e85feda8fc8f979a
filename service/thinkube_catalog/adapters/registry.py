"""A registry of images looked at for `tkt doctor`: whether an account can log in to it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx

from thinkube_catalog.adapters.trust import trusting
from thinkube_catalog.domain.checks import Check, failed, passed, warned

_SECONDS = 5.0
_REALM = re.compile(r'^Bearer\b.*?\brealm="([^"]+)"', re.IGNORECASE)
_SERVICE = re.compile(r'\bservice="([^"]+)"', re.IGNORECASE)


def check_registry(name: str, url: str, user: str, token: str, mend: str) -> Check:
    """Log in as programs of containers do. `url` is the registry's address without a path."""
    try:
        with httpx.Client(timeout=_SECONDS, trust_env=False) as http:
            refusal = _refusal(http, url, (user, token))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        asked = trusting(reason, "look whether the cluster's nodes reach it")
        return warned(name, f"{url} does not answer: {reason}", asked)
    if refusal:
        return failed(name, refusal, mend)
    return passed(name, f"{user} logs in to {url}; what it may do there, the registry knows")


def _refusal(http: httpx.Client, url: str, account: tuple[str, str]) -> str:
    """Return why the account cannot log in; empty if it can."""
    answer = http.get(f"{url}/v2/", auth=account)
    asked = answer.headers.get("WWW-Authenticate", "")
    realm, service = _REALM.search(asked), _SERVICE.search(asked)
    if answer.status_code == httpx.codes.UNAUTHORIZED and realm:
        if urlsplit(realm[1]).scheme != "https" and url.startswith("https:"):
            return f"{url} wants the token sent to {realm[1]}, where others could read it"
        wanted = {"service": service[1]} if service else {}
        answer = http.get(realm[1], params=wanted, auth=account)
    if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return f"{url} does not accept {account[0]} with that token"
    return "" if answer.is_success else f"{url} answers {answer.status_code}, not as a registry"
