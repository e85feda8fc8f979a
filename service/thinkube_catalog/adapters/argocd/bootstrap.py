"""What this service needs in an Argo CD, as parts of a bootstrap: an administrator makes them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from thinkube_catalog.adapters.argocd.client import Answer, ArgoCdClient, read
from thinkube_catalog.adapters.argocd.clusters import cluster_address
from thinkube_catalog.adapters.argocd.destination import is_address
from thinkube_catalog.adapters.argocd.project import (
    ArgoProject,
    JwtToken,
    ProjectPlan,
    corrected,
    differences,
    manifest,
)
from thinkube_catalog.adapters.argocd.rights import ROLE
from thinkube_catalog.adapters.argocd.tokens import Claims, read_claims
from thinkube_catalog.domain.bootstrap import Finding, ImpossibleError, Kept, Part, State
from thinkube_catalog.domain.gitops import EngineUnavailableError
from thinkube_catalog.domain.secrets import SecretValue

RENEW_DAYS = 30.0
"""A token that is good for fewer days is made anew (or a quarter of what one is made for)."""

_SYSTEM = "argocd"
_EVERYTHING = "default"  # the project that Argo CD makes itself, and that allows everything
_TOKEN_PREFIX = "thinkube-catalog-"  # noqa: S105 (the beginning of the names of tokens)
_DAY = 86400
_NOT_FOUND, _FORBIDDEN, _INVALID = 404, 403, 400

_PRESENT = Finding(State.PRESENT)


class _Session(BaseModel):
    token: str


class Administration:
    """Argo CD with an administrator's rights; who that is, is asked once, when it is needed."""

    def __init__(self, url: str, name: str, password: SecretValue, seconds: float) -> None:
        self.name = name
        self._url = url
        self._password = password
        self._seconds = seconds
        self._open: list[ArgoCdClient] = []

    @cached_property
    def client(self) -> ArgoCdClient:
        """Raises ImpossibleError, EngineUnavailableError."""
        body = {"username": self.name, "password": self._password.reveal()}
        try:
            answer = httpx.post(f"{self._url}/api/v1/session", json=body, timeout=self._seconds)
        except httpx.HTTPError as error:
            # Not the words of the library: they could repeat what was sent.
            raise EngineUnavailableError(f"logging in: {type(error).__name__}") from None
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            reason = f"Argo CD does not accept the name {self.name} with that password"
            raise ImpossibleError(reason)
        if answer.is_redirect:
            reason = "it redirects; set THINKUBE_ARGOCD_URL to the address that it answers on"
            raise ImpossibleError(f"logging in to Argo CD: {reason}")
        if not answer.is_success:
            raise EngineUnavailableError(f"logging in: status {answer.status_code}")
        token = read(_Session, _decoded(answer)).token
        self._open.append(ArgoCdClient(self._url, token, self._seconds))
        return self._open[-1]

    def cluster_address(self, cluster: str) -> str:
        """Return the address of a cluster that is told by address or by name.

        Raises ImpossibleError, EngineUnavailableError.
        """
        if is_address(cluster):
            return cluster
        found = cluster_address(self.client, cluster)
        if not found:
            mend = "set THINKUBE_ARGOCD_CLUSTER to one that argocd cluster list shows"
            raise ImpossibleError(f"Argo CD knows no cluster {cluster}; {mend}")
        return found

    def close(self) -> None:
        for client in self._open:
            client.close()


def _decoded(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None  # somebody else's page, which has not the form that is looked for


@dataclass(frozen=True)
class ArgoCdPlan:
    """What is wanted there."""

    project: ProjectPlan
    reader: str
    token_days: int
    token_setting: str
    read_token_setting: str


def argocd_parts(administration: Administration, plan: ArgoCdPlan, kept: Kept) -> list[Part]:
    """Return the parts in the order in which they build on each other."""
    return [
        _Administrator(administration),
        _Project(administration, plan.project),
        _RoleToken(administration, plan.project.name, plan.token_days, plan.token_setting, kept),
        _Credentials(
            administration,
            plan.project.organisation_url,
            plan.reader,
            plan.read_token_setting,
            kept,
        ),
    ]


@dataclass(frozen=True)
class _InArgoCd:
    administration: Administration
    system: ClassVar[str] = _SYSTEM

    @property
    def _client(self) -> ArgoCdClient:
        return self.administration.client


@dataclass(frozen=True)
class _Administrator(_InArgoCd):
    """Who makes all of this: found, never made."""

    @property
    def name(self) -> str:
        return f"administrator {self.administration.name}"

    def look(self) -> Finding:
        answer = self._client.get("account/can-i/projects/create/*")
        if not answer.ok or not isinstance(answer.body, dict) or answer.body.get("value") != "yes":
            reason = f"{self.administration.name} may not make projects in that Argo CD"
            raise ImpossibleError(f"{reason}; name another with --argocd-admin")
        return _PRESENT

    def make(self) -> None:
        """Do nothing: `look` raises where there is none."""


@dataclass(frozen=True)
class _Project(_InArgoCd):
    """The project that every application belongs to, as narrow as it can be."""

    plan: ProjectPlan

    @property
    def name(self) -> str:
        return f"project {self.plan.name} and its role {ROLE}"

    def look(self) -> Finding:
        self._check_names()
        found = _project(self._client, self.plan.name)
        if found is None:
            return Finding(State.MISSING)
        there = found.read(ArgoProject)
        told = differences(there, self.plan)
        if told and not there.is_ours and there.spec.source_repos:
            reason = f"the project {self.plan.name} was made by somebody else ({'; '.join(told)})"
            mend = "set another name with THINKUBE_ARGOCD_PROJECT"
            label = "give it the label app.kubernetes.io/managed-by=thinkube-catalog"
            raise ImpossibleError(f"{reason}; {mend}, or {label} to have it changed")
        return Finding(State.DIFFERENT, "; ".join(told)) if told else _PRESENT

    def make(self) -> None:
        found = _project(self._client, self.plan.name)
        if found is None:
            body = {"project": _without_kind(manifest(self.plan))}
            answer = self._client.send("POST", "projects", None, body)
        else:
            body = {"project": corrected(found.body, self.plan)}
            path = f"projects/{quote(self.plan.name, safe='')}"
            answer = self._client.send("PUT", path, None, body)
        _accepted(answer, f"writing the project {self.plan.name}")

    def _check_names(self) -> None:
        if self.plan.name == _EVERYTHING:
            reason = f"Argo CD's project {_EVERYTHING} allows everything"
            raise ImpossibleError(f"{reason}; set another name with THINKUBE_ARGOCD_PROJECT")
        if self.plan.reaches_argocd:
            reason = (
                f"applications could reach Argo CD's own namespace {self.plan.argocd_namespace}"
            )
            mend = "set THINKUBE_NAMESPACE_PREFIX to what it does not begin with"
            raise ImpossibleError(f"{reason}, and so everything; {mend}")


@dataclass(frozen=True)
class _RoleToken(_InArgoCd):
    """The token of our project's role, whose value is kept as a setting."""

    project: str
    days: int
    setting: str
    kept: Kept
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @property
    def name(self) -> str:
        return f"token of the role {ROLE}"

    def look(self) -> Finding:
        there = self._there()
        claims = self._claims()
        if claims is None:
            if not there:
                return Finding(State.MISSING)
            told = f"{self.setting} does not hold its value; it is replaced"
            return Finding(State.DIFFERENT, told)
        left = claims.days_left(self.now())
        if left is not None and left < min(RENEW_DAYS, self.days / 4):
            return Finding(State.DIFFERENT, f"it ends on {claims.until}; it is replaced")
        if any(each.id != claims.jti for each in there if each.id.startswith(_TOKEN_PREFIX)):
            return Finding(State.DIFFERENT, "older ones are good still; they are withdrawn")
        told = f"good until {claims.until}" if claims.exp else "good for ever"
        return Finding(State.PRESENT, told)

    def make(self) -> None:
        claims = self._claims()
        left = claims.days_left(self.now()) if claims else 0.0
        if claims is None or (left is not None and left < min(RENEW_DAYS, self.days / 4)):
            self._create()
        self._withdraw_others()

    def _create(self) -> None:
        id_ = f"{_TOKEN_PREFIX}{uuid.uuid4().hex[:8]}"
        body = {
            "project": self.project,
            "role": ROLE,
            "id": id_,
            "description": "The catalog's service",
            "expiresIn": self.days * _DAY,
        }
        answer = self._client.send("POST", f"{self._path}/token", None, body)
        token = _accepted(answer, "making a token of the role").read(_Session).token
        self.kept.keep(self.setting, SecretValue(token))

    def _withdraw_others(self) -> None:
        claims = self._claims()
        for each in self._there():
            if each.id.startswith(_TOKEN_PREFIX) and (claims is None or each.id != claims.jti):
                path = f"{self._path}/token/{each.iat}"
                _accepted(self._client.send("DELETE", path, {"id": each.id}), "withdrawing a token")

    def _claims(self) -> Claims | None:
        """Return the claims of the kept token if it is one of this role's that is still good."""
        value = self.kept.value(self.setting)
        claims = read_claims(value.reveal()) if value else None
        if claims is None or claims.sub != f"proj:{self.project}:{ROLE}":
            return None
        return claims if any(each.id == claims.jti for each in self._there()) else None

    def _there(self) -> list[JwtToken]:
        found = _project(self._client, self.project)
        return list(found.read(ArgoProject).tokens(ROLE)) if found else []

    @property
    def _path(self) -> str:
        return f"projects/{quote(self.project, safe='')}/roles/{ROLE}"


class _Template(BaseModel):
    url: str
    username: str = ""


class _Templates(BaseModel):
    items: list[_Template] | None = None


@dataclass(frozen=True)
class _Credentials(_InArgoCd):
    """What Argo CD clones the organisation's repositories with.

    Argo CD never shows a password, so the name beside it, which Gitea does not look at, carries a
    fingerprint of it: whether the right one is there can be read.
    """

    organisation_url: str
    reader: str
    setting: str
    kept: Kept

    @property
    def name(self) -> str:
        return f"credentials for {self._url}"

    def look(self) -> Finding:
        answer = _accepted(self._client.get("repocreds"), "listing the credentials")
        there = [it for it in answer.read(_Templates).items or () if it.url == self._url]
        if not there:
            return Finding(State.MISSING)
        token = self.kept.value(self.setting)
        if token is None or there[0].username != credentials_name(self.reader, token):
            return Finding(State.DIFFERENT, f"they are not those of {self.setting}")
        return _PRESENT

    def make(self) -> None:
        token = self.kept.value(self.setting)
        if token is None:
            raise ImpossibleError(f"{self.setting} is not set, and was not made")
        body = {
            "url": self._url,
            "type": "git",
            "username": credentials_name(self.reader, token),
            "password": token.reveal(),
        }
        answer = self._client.send("POST", "repocreds", {"upsert": "true"}, body)
        _accepted(answer, "writing the credentials")

    @property
    def _url(self) -> str:
        # Without its end, an organisation whose name goes on from there would match as well.
        return f"{self.organisation_url}/"


def credentials_name(reader: str, token: SecretValue) -> str:
    """Return the user's name that goes with a token: it tells two tokens apart, and no more."""
    return f"{reader}-{hashlib.sha256(token.reveal().encode()).hexdigest()[:8]}"


def _project(client: ArgoCdClient, name: str) -> Answer | None:
    answer = client.get(f"projects/{quote(name, safe='')}")
    return None if answer.status == _NOT_FOUND else _accepted(answer, f"reading the project {name}")


def _without_kind(object_: Mapping[str, Any]) -> dict[str, Any]:
    return {key: object_[key] for key in ("metadata", "spec")}


def _accepted(answer: Answer, what: str) -> Answer:
    if answer.status in {_FORBIDDEN, _INVALID}:
        raise ImpossibleError(f"Argo CD refuses {what}: {answer.reason}")
    if not answer.ok:
        raise EngineUnavailableError(f"{what}: {answer.reason}")
    return answer
