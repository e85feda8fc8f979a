"""Whether others can reach this service, and what a Gitea has to allow; for `tkt doctor`."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from thinkube_catalog.adapters.trust import trusting
from thinkube_catalog.domain.checks import Check, failed, passed, warned
from thinkube_catalog.domain.forge import Arrivals
from thinkube_catalog.domain.secrets import SecretValue

NOBODY = 2**63 - 1
"""The number of no repository, in whose name a test delivery can be signed from here."""

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
        reason = str(error) or type(error).__name__
        mend = trusting(reason, "start the service, or correct THINKUBE_PUBLIC_URL")
        return warned(name, f"{public_url} does not answer: {reason}", mend)
    if not answer.is_success:
        message = f"{public_url}/health answers {answer.status_code}"
        mend = "have the proxy in front of it pass requests on; see THINKUBE_ALLOWED_HOSTS"
        return failed(name, message, mend)
    if unsigned.status_code != httpx.codes.FORBIDDEN:
        message = f"{public_url}{hook} answers {unsigned.status_code} where 403 is due"
        mend = "set THINKUBE_PUBLIC_URL to this service's address, without a path of another"
        return failed(name, message, mend)
    return passed(name, f"{public_url} answers, and believes nobody who does not sign")


def check_signed(url: str, secret: SecretValue, arrivals: Arrivals) -> Check:
    """Look whether the service there believes what is signed with this secret, and notes it.

    What is sent is a test delivery for NOBODY. Raises StoreUnavailableError.
    """
    name = "service key"
    try:
        answer = _send_test(url, secret)
    except httpx.HTTPError as error:
        message = f"{url} does not answer: {str(error) or type(error).__name__}"
        return warned(name, message, "start the service, or correct THINKUBE_PUBLIC_URL")
    delivery = answer.request.headers["X-Gitea-Delivery"]
    if answer.status_code == httpx.codes.FORBIDDEN:
        message = f"{url} does not believe what is signed with the key that is set here"
        mend = "have the service and this command read the same THINKUBE_SECRET_KEY"
        return failed(name, message, f"{mend} (secret.key in the data folder, where none is set)")
    if not answer.is_success:
        message = f"{url} answers {answer.status_code} to a delivery that is signed"
        return failed(name, message, "look into the service's log, and the proxy in front of it")
    if arrivals.last(NOBODY) != delivery:
        message = f"{url} took a test delivery and noted it in another database than is set here"
        mend = "have the service and this command read the same THINKUBE_DATABASE_URL"
        return failed(name, message, f"{mend}, and be of the same version")
    return passed(name, f"{url} believes what is signed with this installation's key")


def _send_test(url: str, secret: SecretValue) -> httpx.Response:
    """Send what changes nothing. Raises httpx.HTTPError."""
    nothing = "0" * 40
    content = {
        "ref": "refs/heads/catalog-doctor",
        "before": nothing,
        "after": nothing,
        "repository": {"id": NOBODY, "full_name": "nobody/nothing"},
    }
    body = json.dumps(content).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Gitea-Event": "push",
        "X-Gitea-Delivery": str(uuid4()),
        "X-Gitea-Signature": hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest(),
    }
    return httpx.post(url, content=body, headers=headers, timeout=_SECONDS)


def obstacles(url: str) -> str:
    """Say what may keep Gitea from an address that others reach, likeliest first.

    Gitea shows nobody what it allows, and takes a webhook that it will not deliver.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    kind = _kind(host)
    setting = f"ALLOWED_HOST_LIST = external,{host} under [webhook] in Gitea's app.ini"
    allowed = f"set {setting}, since {host} is {kind}"
    trust = f"have Gitea's machine trust the certificate of {host}"
    way = f"see that its machine reaches {parts.netloc} (name, firewall, proxy, network policies)"
    told = [*([allowed] if kind else []), *([trust] if parts.scheme == "https" else []), way]
    return f"{'; or '.join(told)}. Gitea's log says which, at 'unable to deliver webhook'"


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
