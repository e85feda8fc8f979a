"""Asking the cluster's API: one deadline per call, no redirects, no values in any error.

Whatever is asked for here may be asked for again: what is made has a name, what is changed is
applied or bound to a version, what is deleted is named. So a call whose answer was lost is
repeated, and where that finds its own work it is told so (409, 404), like any other caller.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
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
from thinkube_catalog.adapters.kubernetes.access import ClusterAccess
from thinkube_catalog.adapters.kubernetes.rights import WHERE_GRANTED, Right
from thinkube_catalog.domain.gitops import (
    EngineBusyError,
    EngineRefusedError,
    EngineUnavailableError,
)

LARGEST_ANSWER = 16 * 1024**2
"""In bytes; what we ask for has some kB."""

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
FIELD_MANAGER = "thinkube-catalog"

_METHODS = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}
_JSON = "application/json"
_METADATA = f"{_JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_REASON_LENGTH = 300

T = TypeVar("T")


class NamespaceGoingError(EngineBusyError):
    """Nothing new is taken by a namespace that is being deleted."""

    def __init__(self, namespace: str) -> None:
        super().__init__(f"the namespace {namespace} is being deleted; wait until it is gone")


@dataclass(frozen=True)
class Call:
    """A right in use.

    `hidden` says that it is about secret values: of the object only metadata may come back, and
    of a failure only the status may be told.
    """

    right: Right
    namespace: str = ""
    name: str = ""
    query: Mapping[str, str | int] | None = None
    body: Mapping[str, object] | None = None
    form: str = _JSON
    hidden: bool = False

    def __str__(self) -> str:
        verb = "apply" if self.form == APPLY else self.right.verb
        return f"{verb} {self.right.resource} {self.name}".rstrip()


@dataclass(frozen=True)
class Answer:
    """A status that the caller has to deal with: success, 404 or 409; and the decoded body."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def created(self) -> bool:
        return self.status == HTTPStatus.CREATED

    @property
    def absent(self) -> bool:
        return self.status == HTTPStatus.NOT_FOUND

    def read(self, form: type[T]) -> T:
        """Return the body in that form. Raises EngineUnavailableError if it has another."""
        try:
            return TypeAdapter(form).validate_python(self.body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            reason = f"its answer makes no sense: {place} {first['msg']}"
            raise EngineUnavailableError(reason) from None


class KubernetesClient:
    """One cluster's API with one account; may be used by many threads."""

    def __init__(self, access: ClusterAccess, seconds: float = 20.0) -> None:
        """`seconds` is the deadline of one call with all that is repeated in it."""
        self._token = access.token
        self._seconds = seconds
        self._http = httpx.Client(
            base_url=access.url,
            verify=_trust(access),
            follow_redirects=False,
            trust_env=False,  # a proxy for the internet does not lead to the cluster
            limits=httpx.Limits(max_connections=8, keepalive_expiry=30),
        )

    def close(self) -> None:
        self._http.close()

    def ask(self, call: Call) -> Answer:
        """Ask, and again where that may help.

        Raises EngineUnavailableError, EngineRefusedError, NamespaceGoingError.
        """
        deadline = time.monotonic() + self._seconds
        failure = EngineUnavailableError("the cluster was not asked")
        for pause in pauses():
            asked = 0.0
            try:
                answer, asked = self._once(call, deadline)
            except _LostError as lost:
                failure = EngineUnavailableError(f"the cluster, asked to {call}: {lost}")
            else:
                if answer.status != BUSY and answer.status not in PASSING:
                    return _accepted(call, answer)
                told = _told(call, answer)
                failure = EngineUnavailableError(f"the cluster, asked to {call}: {told}")
            if time.monotonic() + max(asked, pause) >= deadline:
                break
            threading.Event().wait(max(asked, pause))
        raise failure

    def _once(self, call: Call, deadline: float) -> tuple[Answer, float]:
        """Return the answer, and how many seconds the server wants to be left alone."""
        try:
            with self._http.stream(
                _METHODS[call.right.verb],
                call.right.resource.path(call.namespace, call.name),
                params=call.query,
                content=None if call.body is None else json.dumps(call.body),
                headers={
                    "Authorization": f"Bearer {self._token()}",
                    "Accept": _METADATA if call.hidden else _JSON,
                    "Content-Type": call.form,
                },
                timeout=timeout(deadline),
            ) as response:
                content = whole_content(response, deadline, LARGEST_ANSWER)
        except (httpx.HTTPError, httpx.StreamError, AnswerUnusableError, OSError) as error:
            # The words of a library could repeat what was sent; its kind cannot.
            reason = type(error).__name__ if call.hidden else str(error) or type(error).__name__
            raise _LostError(reason) from None
        return Answer(response.status_code, _decoded(response, content)), asked_to_wait(response)


class _LostError(Exception):
    """No answer, or half of one."""


def _trust(access: ClusterAccess) -> ssl.SSLContext | bool:
    if not access.url.startswith("https:") or access.ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=access.ca)
    except (OSError, ssl.SSLError) as error:
        reason = f"the certificates in {access.ca} cannot be read ({error}); see "
        raise EngineRefusedError(f"{reason}THINKUBE_KUBERNETES_CA") from error


def _accepted(call: Call, answer: Answer) -> Answer:
    """Return an answer that callers deal with; raise for every other."""
    if answer.ok or answer.status == HTTPStatus.CONFLICT:
        return answer
    if answer.absent and (isinstance(answer.body, dict) or call.right.resource.group):
        return answer  # of a group that the cluster does not know, it says nothing in JSON
    raise _refusal(call, answer)


def _refusal(call: Call, answer: Answer) -> EngineUnavailableError:
    told = _told(call, answer)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return EngineRefusedError(
            f"the cluster does not accept the token ({told}); set a valid "
            "THINKUBE_KUBERNETES_TOKEN, or let the pod have one of its service account"
        )
    if answer.absent:
        return EngineRefusedError(
            f"what answers is no cluster's API ({told}); look at THINKUBE_KUBERNETES_URL"
        )
    if answer.status != HTTPStatus.FORBIDDEN:
        return EngineRefusedError(f"the cluster does not {call}: {told}")
    if _is_going(answer.body):
        return NamespaceGoingError(call.namespace)
    right = call.right
    verb = f"{right.verb} (or create)" if call.form == APPLY else right.verb
    where = f"in the namespace {call.namespace}" if call.namespace else "in the cluster"
    return EngineRefusedError(
        f"this service's account may not {verb} {right.resource} {where} ({told}); "
        f"{WHERE_GRANTED} grants it, and admission.yaml beside it says in which namespaces"
    )


def _is_going(body: object) -> bool:
    details = body.get("details") if isinstance(body, dict) else None
    causes = details.get("causes") if isinstance(details, dict) else None
    return any(
        isinstance(each, dict) and each.get("reason") == "NamespaceTerminating"
        for each in causes or ()
    )


def _told(call: Call, answer: Answer) -> str:
    """Return what the server says, for people; of a call with secrets its status alone."""
    status = f"status {answer.status}"
    if call.hidden or not isinstance(answer.body, dict):
        return status
    return " ".join(str(answer.body.get("message") or status).split())[:_REASON_LENGTH]


def _decoded(response: httpx.Response, content: bytes) -> object:
    try:
        return json.loads(content) if content else None
    except ValueError:
        if response.is_success:  # half a body, or somebody else's page
            raise _LostError("its answer is not the JSON of an API") from None
        return None
