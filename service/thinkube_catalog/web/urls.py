"""Every address of a page, said once. Pages and routes take their links from here alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote, urlencode, urlsplit

SAFE_SCHEMES = ("http", "https")


def catalog(query: str = "", category: str = "", tags: Iterable[str] = (), after: str = "") -> str:
    """Return the catalog with a search; empty values leave no trace in the address."""
    pairs = [("q", query), ("category", category), *(("tag", tag) for tag in tags)]
    return _with("/", [*pairs, ("after", after)])


def template(name: str) -> str:
    return f"/templates/{_part(name)}"


def template_file(name: str, path: str) -> str:
    """Return a picture of a template's own files."""
    return f"{template(name)}/files/{quote(path)}"


def deploy(name: str, ref: str = "") -> str:
    return _with(f"{template(name)}/deploy", [("ref", ref)])


def deployments(filters: Mapping[str, str] | None = None, after: str = "") -> str:
    return _with("/deployments", [*(filters or {}).items(), ("after", after)])


def bulk() -> str:
    return "/deployments"


def deployment(name: str) -> str:
    return f"/deployments/{_part(name)}"


def revision(name: str, commit: str, *, back: bool = False) -> str:
    """Return what a commit changed, or what rolling back to it would change."""
    return _with(f"{deployment(name)}/history/{_part(commit)}", [("back", "true" if back else "")])


def removal(name: str, *, repository: bool = False, volumes: bool = False) -> str:
    chosen = {"repository": repository, "volumes": volumes}
    pairs = [(key, "true" if value else "") for key, value in chosen.items()]
    return _with(f"{deployment(name)}/remove", pairs)


def rollback(name: str) -> str:
    return f"{deployment(name)}/rollback"


def upgrade(name: str, to: str = "") -> str:
    return _with(f"{deployment(name)}/upgrade", [("to", to)])


def upgrade_summary(name: str) -> str:
    """Return what an upgrade would change, in a line."""
    return f"{deployment(name)}/upgrade/summary"


def remake(name: str) -> str:
    return f"{deployment(name)}/remake"


def retry(name: str) -> str:
    return f"{deployment(name)}/retry"


def renewal(name: str) -> str:
    return f"{deployment(name)}/renew"


def cancel(name: str) -> str:
    return f"{deployment(name)}/cancel"


def dependencies() -> str:
    return "/map"


def again(path: str, query: str) -> str:
    """Return an address that was asked for, as a link within this service."""
    asked = quote(f"/{path.lstrip('/')}", safe="/%:@")
    return f"{asked}?{query}" if query else asked


def events(name: str) -> str:
    """Return the API's events of a deployment, which the live pages follow."""
    return f"/api/v1/deployments/{_part(name)}/events"


def logs(name: str) -> str:
    """Return the API's log lines of a deployment."""
    return f"/api/v1/deployments/{_part(name)}/logs"


def external(address: str) -> str:
    """Return an address that is safe to link to, or nothing: only http and https are."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return ""
    return address.strip() if parts.scheme.lower() in SAFE_SCHEMES and parts.netloc else ""


@lru_cache(maxsize=16_384)
def _part(name: str) -> str:
    return quote(name, safe="")


def _with(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    query = urlencode([(name, value) for name, value in pairs if value])
    return f"{path}?{query}" if query else path
