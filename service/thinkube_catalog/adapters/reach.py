"""Whether others can reach this service, and what a Gitea has to allow; for `tkt doctor`."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from thinkube_catalog.domain.checks import Check, failed, passed, warned

_SECONDS = 5.0


def check_public(public_url: str, gitea_url: str, hook: str) -> Check:
    """Look whether this service answers under the address that Gitea is told.

    `hook` is the path that webhooks are sent to: what is not signed has to be refused there.
    """
    name = "public address"
    if is_loopback(public_url) and not is_loopback(gitea_url):
        message = f"{public_url} means the machine of whoever calls it, and Gitea is another"
        return failed(name, message, "set THINKUBE_PUBLIC_URL to what Gitea reaches this by")
    try:
        answer = httpx.get(f"{public_url}/health", timeout=_SECONDS)
        unsigned = httpx.post(f"{public_url}{hook}", json={}, timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"{public_url} does not answer: {str(error) or type(error).__name__}"
        return warned(name, message, "start the service, or correct THINKUBE_PUBLIC_URL")
    if not answer.is_success:
        message = f"{public_url}/health answers {answer.status_code}"
        mend = "have the proxy in front of it pass requests on; see THINKUBE_ALLOWED_HOSTS"
        return failed(name, message, mend)
    if unsigned.status_code != httpx.codes.FORBIDDEN:
        message = f"{public_url}{hook} answers {unsigned.status_code} where 403 is due"
        mend = "set THINKUBE_PUBLIC_URL to this service's address, without a path of another"
        return failed(name, message, mend)
    return passed(name, f"{public_url} answers, and believes nobody who does not sign")


def check_allowed(targets: Sequence[str]) -> list[Check]:
    """Say what Gitea has to allow so that its webhooks go to these addresses.

    Gitea shows nobody what it allows, and takes a webhook that it will not deliver.
    """
    local = {host: kind for url in targets if (host := _host(url)) and (kind := _kind(host))}
    if not local:
        return []
    allowed = ",".join(sorted(local))
    told = ", ".join(f"{host} is {kind}" for host, kind in sorted(local.items()))
    setting = f"ALLOWED_HOST_LIST = external,{allowed}"
    message = f"{told}: Gitea delivers there only with {setting} under [webhook] in its app.ini"
    return [passed("gitea webhooks", message)]


def is_loopback(url: str) -> bool:
    """Say whether an address names the machine of whoever uses it."""
    return _kind(_host(url)) == "loopback"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _kind(host: str) -> str:
    """Return why Gitea would not deliver there by itself; empty where it does."""
    for address in _addresses(host):
        if address.is_loopback:
            return "loopback"
        if not address.is_global:
            return "private"
    return ""


def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [ipaddress.ip_address(each[4][0]) for each in found]
