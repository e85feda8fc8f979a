"""Asking Argo CD's server: one deadline per call, no redirects, answers checked for sense.

What may be repeated safely is repeated here; what may have taken effect although its answer was
lost is left to the caller, who looks first: it gets LostAnswerError.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from thinkube_catalog.adapters.asking import (
    BUSY,
    PASSING,
    AnswerUnusableError,
    asked_to_wait,
    pauses,
    timeout,
    whole_content,
)
from thinkube_catalog.domain.gitops import EngineRefusedError, EngineUnavailableError

LARGEST_ANSWER = 32 * 1024**2
"""In bytes; applications with hundreds of objects have answers of some MiB."""

_JSON = "application/json"
_CONFLICT = 409
_KEEP_ALIVE = 15.0  # seconds after which Argo CD says that a stream of events is still there
_REASON_LENGTH = 600

Query = Mapping[str, str | int | Sequence[str]]

T = TypeVar("T")


class LostAnswerError(EngineUnavailableError):
    """A change was asked for, and nobody knows whether it was made."""


@dataclass(frozen=True)
class Answer:
    """A status below 500 with its decoded body (None where it is empty or no JSON)."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 (the class of success, RFC 9110)

    @property
    def reason(self) -> str:
        """What Argo CD says, for people: the text differs between its versions."""
        message = self.body.get("message") if isinstance(self.body, dict) else None
        return " ".join(str(message or f"status {self.status}").split())[:_REASON_LENGTH]

    def read(self, form: type[T]) -> T:
        """Return the body in that form. Raises EngineUnavailableError if it has another."""
        return read(form, self.body)

    def expect(self, what: str) -> Answer:
        """Return this answer if it is a success; raise what its refusal means otherwise."""
        if self.ok:
            return self
        if self.status == httpx.codes.FORBIDDEN:
            raise EngineRefusedError(f"{what}: {self.reason}; give the project's role that right")
        raise EngineUnavailableError(f"{what}: {self.reason}")


class ArgoCdClient:
    """The API below `<url>/api/v1` with one token; may be used by many threads."""

    def __init__(self, url: str, token: str, seconds: float = 20.0) -> None:
        """`seconds` is the deadline of one call with all that is repeated in it."""
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1/",
            # The server compares this type as a whole, also where there is no body.
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": _JSON,
                "Content-Type": _JSON,
            },
            follow_redirects=False,
            limits=httpx.Limits(max_connections=16, keepalive_expiry=30),
        )
        self._seconds = seconds
        self._streams: set[socket.socket] = set()
        self._closed = False

    def close(self) -> None:
        """End all calls; who reads a stream is woken."""
        self._closed = True
        for each in tuple(self._streams):
            with suppress(OSError):  # it has ended by itself
                each.shutdown(socket.SHUT_RDWR)
        self._http.close()

    def get(self, path: str, query: Query | None = None, seconds: float = 0.0) -> Answer:
        """Ask, and ask again where that may help.

        Raises EngineUnavailableError, or EngineRefusedError where the token is not accepted.
        """
        deadline = time.monotonic() + (seconds or self._seconds)
        failure: EngineUnavailableError | None = None
        for pause in pauses():
            try:
                answer, wait = self._once("GET", path, deadline, query)
            except EngineUnavailableError as error:
                failure, wait = error, pause
            else:
                if wait is None:
                    return answer
                failure = EngineUnavailableError(answer.reason)
            _sleep(max(wait, pause), deadline, failure)
        raise failure or EngineUnavailableError("it was not asked")

    def poke(self, path: str, query: Query, seconds: float) -> None:
        """Ask once for what takes effect at once and is answered late; do not wait for it."""
        try:
            self._once("GET", path, time.monotonic() + seconds, query)
        except EngineUnavailableError:
            return  # the caller looks for the effect, not for the answer

    def send(
        self, method: str, path: str, query: Query | None = None, body: object = None
    ) -> Answer:
        """Ask for a change, once; again only where nothing was done: too busy, or a conflict.

        Raises LostAnswerError when it may have been made, EngineRefusedError as `get`.
        """
        deadline = time.monotonic() + self._seconds
        failure: EngineUnavailableError = LostAnswerError("it was not asked")
        for pause in pauses():
            try:
                answer, wait = self._once(method, path, deadline, query, body)
            except EngineUnavailableError as error:
                raise LostAnswerError(error.reason) from error
            if answer.status == _CONFLICT:
                wait = 0.0
            if wait is None:
                return answer
            failure = LostAnswerError(answer.reason)
            if answer.status not in {BUSY, _CONFLICT}:
                raise failure
            _sleep(max(wait, pause), deadline, failure)
        raise failure

    def lines(self, path: str, query: Query) -> list[dict[str, Any]]:
        """Return the objects of an answer that has one on each line, such as a log.

        Raises EngineUnavailableError, also where the answer breaks off with an error.
        """
        deadline = time.monotonic() + self._seconds
        with (
            self._telling(),
            self._http.stream("GET", path, params=query, timeout=timeout(deadline)) as found,
        ):
            content = whole_content(found, deadline, LARGEST_ANSWER)
        if not found.is_success:
            _final(found, content).expect(path)
        return [_result(line) for line in content.splitlines() if line.strip()]

    def events(self, path: str, query: Query) -> Iterator[dict[str, Any] | None]:
        """Follow a stream of events; None says that it is still there.

        Ends, or raises EngineUnavailableError, when the connection does; never returns silently
        on a stream that has gone quiet for longer than Argo CD's own sign of life.
        """
        quiet = httpx.Timeout(2.5 * _KEEP_ALIVE, connect=5.0)
        headers = {"Accept": "text/event-stream"}
        with (
            self._telling(),
            self._http.stream("GET", path, params=query, headers=headers, timeout=quiet) as found,
        ):
            if not found.is_success:
                _final(found, found.read()).expect(path)
            with self._waking(found):
                yield None
                for line in found.iter_lines():
                    if line.startswith("data:"):
                        yield _result(line.removeprefix("data:").encode())
                    elif line.startswith(":"):
                        yield None

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn what goes wrong on the way into our own error."""
        try:
            yield
        except (httpx.HTTPError, httpx.StreamError, AnswerUnusableError) as error:
            raise EngineUnavailableError(str(error) or type(error).__name__) from error
        except RuntimeError as error:
            if not self._closed:
                raise
            raise EngineUnavailableError("the service is stopping") from error

    @contextmanager
    def _waking(self, response: httpx.Response) -> Iterator[None]:
        """Let `close` end a stream that another thread is waiting for."""
        connection = response.extensions["network_stream"].get_extra_info("socket")
        self._streams.add(connection)
        try:
            if self._closed:
                raise EngineUnavailableError("the service is stopping")
            yield
        finally:
            self._streams.discard(connection)

    def _once(
        self,
        method: str,
        path: str,
        deadline: float,
        query: Query | None = None,
        body: object = None,
    ) -> tuple[Answer, float | None]:
        """Return the answer, and after how many seconds to ask again (None: it is final)."""
        content = None if body is None else json.dumps(body).encode()
        with (
            self._telling(),
            self._http.stream(
                method, path, params=query, content=content, timeout=timeout(deadline)
            ) as response,
        ):
            received = whole_content(response, deadline, LARGEST_ANSWER)
        answer = _final(response, received)
        if answer.status == BUSY or answer.status in PASSING:
            return answer, asked_to_wait(response)
        return answer, None


def read(form: type[T], body: object) -> T:
    """Return decoded JSON in that form. Raises EngineUnavailableError if it has another."""
    try:
        return TypeAdapter(form).validate_python(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = f"its answer makes no sense: {place} {first['msg']}"
        raise EngineUnavailableError(reason) from error


def _final(response: httpx.Response, content: bytes) -> Answer:
    answer = Answer(response.status_code, _decoded(response, content))
    if answer.status == httpx.codes.UNAUTHORIZED:
        reason = f"the token is not accepted ({answer.reason}); set a valid THINKUBE_ARGOCD_TOKEN"
        raise EngineRefusedError(reason)
    if response.is_redirect:
        reason = "it redirects; set THINKUBE_ARGOCD_URL to the address that it answers on"
        raise EngineUnavailableError(reason)
    return answer


def _decoded(response: httpx.Response, content: bytes) -> object:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError as error:
        if response.is_success:  # half a body, or somebody else's page
            raise EngineUnavailableError("its answer is not the JSON of an API") from error
        return None


def _result(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise EngineUnavailableError("its answer breaks off") from error
    if isinstance(found, dict) and isinstance(found.get("result"), dict):
        return dict(found["result"])
    told = found.get("error") if isinstance(found, dict) else None
    reason = str(told.get("message") or "no reason given") if isinstance(told, dict) else ""
    raise EngineUnavailableError(reason[:_REASON_LENGTH] or "its answer makes no sense")


def _sleep(seconds: float, deadline: float, failure: EngineUnavailableError) -> None:
    if time.monotonic() + seconds >= deadline:
        raise failure
    threading.Event().wait(seconds)
