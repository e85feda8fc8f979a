"""A client of the JSON API; its errors are the domain's again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import cast

import httpx

from thinkube_catalog.cli.output import Json
from thinkube_catalog.domain.errors import (
    CatalogError,
    ConflictError,
    DeniedError,
    InvalidError,
    NotFoundError,
    Problem,
    RenderError,
    UnavailableError,
)

PATIENCE_SECONDS = 60.0
"""How long a stream of events waits for a service that is restarting."""

_KINDS: Mapping[int, type[CatalogError]] = {
    401: DeniedError,
    403: DeniedError,
    404: NotFoundError,
    409: ConflictError,
    503: UnavailableError,
}


class Client:
    """One service. Methods return the API's JSON and raise `CatalogError`s."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    @property
    def address(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str = "",
        timeout: float = 60.0,
        **query: object,
    ) -> Json:
        """Call `/api/v1{path}`. Raises the domain's error that the problem document stands for."""
        headers = {"Idempotency-Key": key} if key else {}
        params = {name: str(value) for name, value in query.items() if value not in ("", None)}
        try:
            response = self.http.request(
                method,
                f"/api/v1{path}",
                json=body,
                params=params,
                headers=headers,
                timeout=timeout,
            )
        except httpx.HTTPError as error:
            raise ServiceUnreachableError(self.address, error) from error
        if response.is_error:
            raise _error(response)
        return cast("Json", response.json()) if response.content else {}

    def events(self, name: str, after: int = 0) -> Iterator[Json]:
        """Yield events of a deployment, in order, each once, for ever; survives restarts."""
        yield from self._poll(f"/deployments/{name}/events", after)

    def log_lines(self, name: str, container: str, after: str) -> Iterator[Json]:
        """Yield log lines as they are written, for ever; survives restarts."""
        yield from self._poll(f"/deployments/{name}/logs", after, container)

    def _poll(self, path: str, after: object, container: str = "") -> Iterator[Json]:
        while True:
            page = self._patiently(partial(self._page, path, after, container))
            after = page["next"]
            yield from page["items"]

    def _page(self, path: str, after: object, container: str) -> Json:
        return self.call("GET", path, after=after, container=container, wait=20)

    def _patiently(self, call: Callable[[], Json]) -> Json:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return call()
            except UnavailableError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)


def open_client(address: str, token: str) -> Client:
    """Return a client of the service at an address; with a token, it sends that."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client(httpx.Client(base_url=address, headers=headers))


class ServiceUnreachableError(UnavailableError):
    def __init__(self, address: str, error: Exception) -> None:
        super().__init__(
            f"the service at {address} does not answer: {str(error) or type(error).__name__}"
        )


def _error(response: httpx.Response) -> CatalogError:
    try:
        document = response.json()
        detail = str(document["detail"])
        problems = [Problem(**item) for item in document.get("errors", [])]
    except (ValueError, KeyError, TypeError):
        detail, problems = f"{response.status_code} {response.reason_phrase}", []
    if response.status_code in {400, 413, 422}:
        return InvalidError(detail, problems)
    if response.status_code in _KINDS:
        error = _KINDS[response.status_code](detail)
        error.problems = tuple(problems)
        return error
    return RenderError(detail, problems)
