"""Where a template may be fetched from: an allow-list of address forms, and of hosts.

Everything that is not plainly one of the known forms is refused; nothing is guessed or cleaned.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from thinkube_catalog.domain.errors import InvalidError, Problem

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TRANSPORT = re.compile(r"[A-Za-z0-9+.-]*::")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SCP = re.compile(r"(?P<user>[A-Za-z0-9._-]+)@(?P<host>[^:/@]+):(?P<path>.+)")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_PATH = re.compile(r"[A-Za-z0-9._~/+@%-]+")
_SHORT = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}

_NEVER = tuple(
    # Link-local, which is where clouds serve an instance's own credentials, and the addresses
    # outside that range at which some of them do (Amazon over IPv6, Alibaba, Oracle).
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",
        "fe80::/10",
        "fd00:ec2::/32",
        "100.100.100.200/32",
        "192.0.0.192/32",
        "0.0.0.0/32",
        "::/128",
        "224.0.0.0/4",
        "ff00::/8",
    )
)


@dataclass(frozen=True)
class Local:
    """A folder or repository on this machine."""

    path: Path


@dataclass(frozen=True)
class Remote:
    """A Git repository at `url`; `addresses` is filled by `pinned`."""

    url: str
    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...] = ()


class LocationRefusedError(InvalidError):
    """`location` itself may hold a secret, so the sentence does not repeat it."""

    def __init__(self, reason: str, mend: str = "") -> None:
        problem = Problem(reason, field="location", mend=mend)
        super().__init__("templates are not fetched from this address:", [problem])


def read_location(location: str) -> Local | Remote:
    """Tell a folder from an address. Raises LocationRefusedError."""
    if not location or _CONTROL.search(location):
        raise LocationRefusedError("it is empty or has control characters")
    if location.startswith("-") or _TRANSPORT.match(location):
        raise LocationRefusedError("it could be taken for an option or a command")
    text = _expanded(location)
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return _read_url(text)
    scp = _SCP.fullmatch(text)
    if scp is not None:
        return _read_url(f"ssh://{scp['user']}@{scp['host']}/{scp['path'].lstrip('/')}")
    return Local(Path(text).expanduser())


def pinned(remote: Remote) -> Remote:
    """Look the host up once and keep the answer, so that the fetch goes where we checked.

    Raises LocationRefusedError if it leads to an address that nothing is fetched from, OSError
    if the host is unknown. A proxy looks hosts up itself: then only literal addresses are checked.
    """
    if remote.scheme in {"http", "https"} and _goes_by_proxy(remote):
        addresses = _literal(remote.host)
    else:
        found = socket.getaddrinfo(remote.host, remote.port, type=socket.SOCK_STREAM)
        addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        _refuse_forbidden(address)
    return Remote(remote.url, remote.scheme, remote.host, remote.port, addresses)


def _expanded(location: str) -> str:
    for short, long in _SHORT.items():
        if location.startswith(short):
            path = location.removeprefix(short).lstrip("/")
            return f"{long}{path}" if path.endswith(".git") else f"{long}{path}.git"
    return location.removeprefix("git+")


def _read_url(text: str) -> Local | Remote:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise LocationRefusedError(f"it is no well-formed address: {error}") from error
    if parts.query or parts.fragment or "\\" in text:
        raise LocationRefusedError("it has a query, a fragment or a backslash")
    if parts.scheme == "file":
        return _read_file_url(parts)
    if parts.scheme not in _PORTS:
        mend = "use https, ssh, http, git or file, or a folder"
        raise LocationRefusedError(f"nothing is fetched by {parts.scheme}://", mend)
    _check_parts(parts)
    port = port if port is not None else _PORTS[parts.scheme]
    return Remote(text, parts.scheme, parts.hostname or "", port)


def _read_file_url(parts: SplitResult) -> Local:
    if parts.netloc not in {"", "localhost"}:
        raise LocationRefusedError("a file address names another machine")
    return Local(Path(unquote(parts.path)))


def _check_parts(parts: SplitResult) -> None:
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or ".." in host:
        mend = "write names with other letters in their xn-- form"
        raise LocationRefusedError("its host is not a plain name or address", mend)
    if parts.password is not None or (parts.username is not None and parts.scheme != "ssh"):
        mend = "addresses end up in answers files and logs; give the token as a setting"
        raise LocationRefusedError("it holds a user name or password", mend)
    if parts.username is not None and not _USER.fullmatch(parts.username):
        raise LocationRefusedError("its user is not a plain name")
    path = unquote(parts.path)
    if not _PATH.fullmatch(parts.path) or "\\" in path or _CONTROL.search(path):
        raise LocationRefusedError("its path has characters that no repository needs")
    segments = path.removeprefix("/").removesuffix("/").split("/")
    if any(part in {"", ".", ".."} or part.startswith("-") for part in segments):
        raise LocationRefusedError("its path has empty, dotted or option-like parts")


def _goes_by_proxy(remote: Remote) -> bool:
    return remote.scheme in getproxies() and not proxy_bypass(remote.host)


def _literal(host: str) -> tuple[str, ...]:
    """Return the address that the host is written as, in any form that the resolver takes."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except OSError:
        return ()
    return tuple(str(entry[4][0]) for entry in found)


def _refuse_forbidden(text: str) -> None:
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    address = ipaddress.ip_address(text.partition("%")[0])
    embedded = _embedded(address)
    if any(one in network for one in (address, *embedded) for network in _NEVER):
        raise LocationRefusedError(
            f"its host leads to {text}, which is a link-local, metadata or unspecified address",
        )


def _embedded(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> tuple[ipaddress.IPv4Address, ...]:
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    tunnelled = (address.ipv4_mapped, address.sixtofour)
    nat64 = ipaddress.IPv6Network("64:ff9b::/96")
    translated = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in nat64 else None
    return tuple(one for one in (*tunnelled, translated) if one is not None)
