"""Asking Gitea's API: one deadline per call, no redirects, answers that were checked for sense.

What may be repeated safely is repeated here; what may have taken effect although its answer was
lost is left to the caller, who looks first: it gets LostAnswerError.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
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
from thinkube_catalog.domain.forge import ForgeRefusedError, ForgeUnavailableError

LARGEST_ANSWER = 16 * 1024**2
"""In bytes; the longest answers that we ask for are some hundred kB."""

_FORBIDDEN, _NOT_FOUND, _LOCKED = 403, 404, 423
_REASON_LENGTH = 300

T = TypeVar("T")


class LostAnswerError(ForgeUnavailableError):
    """A change was asked for, and nobody knows whether it was made."""


@dataclass(frozen=True)
class Answer:
    """A status below 500 with its decoded body (None where it is empty or no JSON)."""

    status: int
    body: Any
    location: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 (the class of success, RFC 9110)

    @property
    def moved(self) -> bool:
        """Whether the object has another name now: 301 for a repository, 307 for its owner."""
        return 300 <= self.status < 400  # noqa: PLR2004 (the class of redirects, RFC 9110)

    @property
    def reason(self) -> str:
        """What Gitea says, for people: the text differs between its versions."""
        message = self.body.get("message") if isinstance(self.body, dict) else None
        return " ".join(str(message or f"status {self.status}").split())[:_REASON_LENGTH]

    def read(self, form: type[T]) -> T:
        """Return the body in that form. Raises ForgeUnavailableError if it has another."""
        try:
            return TypeAdapter(form).validate_python(self.body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            reason = f"its answer makes no sense: {place} {first['msg']}"
            raise ForgeUnavailableError(reason) from error


def accepted(answer: Answer, what: str, mend: str = "") -> Answer:
    """Return a good answer. Raises ForgeRefusedError or ForgeUnavailableError for another."""
    if answer.ok:
        return answer
    reason = f"{what}: {answer.reason}"
    if answer.status == _LOCKED:
        raise ForgeRefusedError(f"{what}: the repository is archived or a mirror")
    if answer.status in {_FORBIDDEN, _NOT_FOUND}:
        raise ForgeRefusedError(f"{reason} ({mend})" if mend else reason)
    raise ForgeUnavailableError(reason)


class GiteaClient:
    """The API below `<url>/api/v1` with one access token; may be used by many threads."""

    def __init__(self, url: str, token: str, seconds: float = 20.0, user: str = "") -> None:
        """`seconds` is the deadline of one call with all that is repeated in it.

        With a `user`, the token may be that user's password instead: some calls need it.
        """
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1/",
            headers={"Authorization": _authorization(token, user), "Accept": "application/json"},
            follow_redirects=False,
            limits=httpx.Limits(max_connections=8, keepalive_expiry=30),
        )
        self._seconds = seconds

    def close(self) -> None:
        self._http.close()

    def get(
        self, path: str, query: Mapping[str, str | int] | None = None, seconds: float = 0.0
    ) -> Answer:
        """Ask, and ask again where that may help.

        Raises ForgeUnavailableError, or ForgeRefusedError where the token is not accepted.
        """
        deadline = time.monotonic() + (seconds or self._seconds)
        failure: ForgeUnavailableError | None = None
        for pause in pauses():
            try:
                answer, wait = self._once("GET", path, deadline, query=query)
            except ForgeUnavailableError as error:
                failure, wait = error, pause
            else:
                if wait is None:
                    return answer
                failure = ForgeUnavailableError(answer.reason)
            _sleep(max(wait, pause), deadline, failure)
        raise failure or ForgeUnavailableError("it was not asked")

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        seconds: float = 0.0,
    ) -> Answer:
        """Ask for a change, once; again only where Gitea says that it was too busy to begin.

        Raises LostAnswerError when it may have been made, ForgeRefusedError as `get`.
        """
        deadline = time.monotonic() + (seconds or self._seconds)
        failure: ForgeUnavailableError = LostAnswerError("it was not asked")
        for pause in pauses():
            try:
                answer, wait = self._once(method, path, deadline, body=body)
            except ForgeUnavailableError as error:
                raise LostAnswerError(_reason_of(error)) from error
            if wait is None:
                return answer
            failure = LostAnswerError(answer.reason)
            if answer.status != BUSY:
                raise failure
            _sleep(max(wait, pause), deadline, failure)
        raise failure

    def pages(self, path: str, query: Mapping[str, str | int] | None = None) -> Iterator[Answer]:
        """Ask for page after page until an empty one; Gitea may give fewer than `limit` on each."""
        number = 1
        while True:
            answer = self.get(path, {**(query or {}), "page": number})
            yield answer
            found = answer.body.get("data") if isinstance(answer.body, dict) else answer.body
            if not answer.ok or not found:
                return
            number += 1

    def _once(
        self,
        method: str,
        path: str,
        deadline: float,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> tuple[Answer, float | None]:
        """Return the answer, and after how many seconds to ask again (None: it is final)."""
        try:
            with self._http.stream(
                method, path, params=query, json=body, timeout=timeout(deadline)
            ) as response:
                content = whole_content(response, deadline, LARGEST_ANSWER)
        except (httpx.HTTPError, httpx.StreamError, AnswerUnusableError) as error:
            raise ForgeUnavailableError(str(error) or type(error).__name__) from error
        answer = Answer(response.status_code, _decoded(response, content), _location(response))
        if answer.status == httpx.codes.UNAUTHORIZED:
            reason = (
                f"the token is not accepted ({answer.reason}); set a valid THINKUBE_GITEA_TOKEN"
            )
            raise ForgeRefusedError(reason)
        if answer.status == BUSY or answer.status in PASSING:
            return answer, asked_to_wait(response)
        return answer, None


def _authorization(token: str, user: str) -> str:
    if not user:
        return f"token {token}"
    return f"Basic {base64.b64encode(f'{user}:{token}'.encode()).decode()}"


def _decoded(response: httpx.Response, content: bytes) -> object:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError as error:
        if response.is_success:  # half a body, or somebody else's page
            raise ForgeUnavailableError("its answer is not the JSON of an API") from error
        return None


def _location(response: httpx.Response) -> str:
    return str(response.headers.get("Location", ""))


def _sleep(seconds: float, deadline: float, failure: ForgeUnavailableError) -> None:
    if time.monotonic() + seconds >= deadline:
        raise failure
    threading.Event().wait(seconds)


def _reason_of(error: ForgeUnavailableError) -> str:
    return str(error).removeprefix("the forge did not answer: ")
