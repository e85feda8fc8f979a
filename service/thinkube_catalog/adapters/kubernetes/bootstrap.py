"""What this service needs in a cluster, as parts of a bootstrap: made by who administers it."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import yaml

from thinkube_catalog.adapters.argocd.rights import cluster_key, cluster_policy
from thinkube_catalog.adapters.argocd.tokens import Claims, read_claims
from thinkube_catalog.adapters.kubernetes.administration import ClusterAdministration, differences
from thinkube_catalog.domain.bootstrap import Finding, ImpossibleError, Kept, Part, State
from thinkube_catalog.domain.secrets import SecretValue

SERVICE_NAMESPACE = "thinkube-catalog"
SERVICE_ACCOUNT = "thinkube-catalog"
ARGOCD_SECRET = "argocd-secret"  # noqa: S105 (the name of an object)
WEBHOOK_KEY = "webhook.gogs.secret"
ARGOCD_RIGHTS = "argocd-rbac-cm"

FILES = ("namespace.yaml", "service-account.yaml", "rights.yaml", "admission.yaml")
"""What of the manifests in `deploy/base` is needed wherever the service runs."""

PREFIX_VARIABLE = "prefix"
"""Of the admission policy: what the names of our namespaces begin with."""

RENEW_DAYS = 7.0
_DAY = 86400
_SYSTEM = "kubernetes"
_PRESENT = Finding(State.PRESENT)


@dataclass(frozen=True)
class ClusterPlan:
    """What is wanted there. `token_setting` is empty where the service runs in the cluster."""

    manifests: Path
    namespace_prefix: str
    argocd_namespace: str
    webhook_setting: str
    token_setting: str
    token_days: int
    project: str
    cluster: Callable[[], str]
    """Gives the address of the cluster that applications run on. Raises ImpossibleError."""


def cluster_parts(cluster: ClusterAdministration, plan: ClusterPlan, kept: Kept) -> list[Part]:
    """Return the parts in the order in which they build on each other."""
    parts: list[Part] = [_Object(cluster, each) for each in service_objects(plan)]
    if plan.token_setting:
        parts.append(_AccountToken(cluster, plan.token_days, plan.token_setting, kept))
    return [
        *parts,
        _ClusterRight(cluster, plan.argocd_namespace, plan.project, plan.cluster),
        _WebhookSecret(cluster, plan.argocd_namespace, plan.webhook_setting, kept),
    ]


def service_objects(plan: ClusterPlan) -> Sequence[Mapping[str, Any]]:
    """Return the objects that the service's rights are made of, for this prefix of namespaces."""
    objects = [
        document
        for name in FILES
        for document in yaml.safe_load_all((plan.manifests / name).read_text("utf-8"))
        if document
    ]
    for each in objects:
        for variable in each.get("spec", {}).get("variables", ()):
            if variable["name"] == PREFIX_VARIABLE:
                variable["expression"] = json.dumps(plan.namespace_prefix)
    return objects


@dataclass(frozen=True)
class _InCluster:
    cluster: ClusterAdministration
    system: ClassVar[str] = _SYSTEM


@dataclass(frozen=True)
class _Object(_InCluster):
    """One object of the manifests."""

    wanted: Mapping[str, Any]

    @property
    def name(self) -> str:
        metadata = self.wanted["metadata"]
        return f"{self.wanted['kind']} {metadata['name']}"

    def look(self) -> Finding:
        metadata = self.wanted["metadata"]
        namespace = str(metadata.get("namespace", ""))
        there = self.cluster.find(str(self.wanted["kind"]), namespace, str(metadata["name"]))
        if there is None:
            return Finding(State.MISSING)
        found = differences(there, self.wanted)
        return Finding(State.DIFFERENT, f"in {', '.join(found)}") if found else _PRESENT

    def make(self) -> None:
        self.cluster.apply(self.wanted)


@dataclass(frozen=True)
class _AccountToken(_InCluster):
    """A token of the service's account, for a service that runs outside the cluster."""

    days: int
    setting: str
    kept: Kept
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @property
    def name(self) -> str:
        return f"token of the account {SERVICE_ACCOUNT}"

    def look(self) -> Finding:
        value = self.kept.value(self.setting)
        if value is None:
            return Finding(State.MISSING)
        whose = f"system:serviceaccount:{SERVICE_NAMESPACE}:{SERVICE_ACCOUNT}"
        if self.cluster.review(value.reveal()) != whose:
            return Finding(State.DIFFERENT, f"{self.setting} holds none that is good")
        claims = read_claims(value.reveal()) or Claims()
        left = claims.days_left(self.now())
        if left is not None and left < min(RENEW_DAYS, self.days / 4):
            return Finding(State.DIFFERENT, f"it ends on {claims.until}; it is replaced")
        return Finding(State.PRESENT, f"good until {claims.until}" if claims.exp else "")

    def make(self) -> None:
        token = self.cluster.make_token(SERVICE_NAMESPACE, SERVICE_ACCOUNT, self.days * _DAY)
        self.kept.keep(self.setting, SecretValue(token))


@dataclass(frozen=True)
class _ClusterRight(_InCluster):
    """The right of our role to see how Argo CD reaches our cluster, under a key of its own."""

    namespace: str
    project: str
    address: Callable[[], str]

    @property
    def name(self) -> str:
        return f"{cluster_key(self.project)} in {self.namespace}/{ARGOCD_RIGHTS}"

    def look(self) -> Finding:
        found = self.cluster.find("ConfigMap", self.namespace, ARGOCD_RIGHTS)
        if found is None:
            raise self._no_argocd()
        there = (found.get("data") or {}).get(cluster_key(self.project), "")
        if not there:
            return Finding(State.MISSING)
        wanted = cluster_policy(self.project, self.address())
        return _PRESENT if there == wanted else Finding(State.DIFFERENT, "it gives other rights")

    def make(self) -> None:
        line = cluster_policy(self.project, self.address())
        patch = {"data": {cluster_key(self.project): line}}
        if self.cluster.merge("ConfigMap", self.namespace, ARGOCD_RIGHTS, patch) is None:
            raise self._no_argocd()

    def _no_argocd(self) -> ImpossibleError:
        reason = f"there is no ConfigMap {ARGOCD_RIGHTS} in the namespace {self.namespace}"
        return ImpossibleError(f"{reason}; set THINKUBE_ARGOCD_NAMESPACE to Argo CD's own")


@dataclass(frozen=True)
class _WebhookSecret(_InCluster):
    """What Argo CD checks Gitea's webhooks by. One that is there is taken over, never replaced."""

    namespace: str
    setting: str
    kept: Kept

    @property
    def name(self) -> str:
        return f"{WEBHOOK_KEY} in {self.namespace}/{ARGOCD_SECRET}"

    def look(self) -> Finding:
        there = self._there()
        kept = self.kept.value(self.setting)
        if not there:
            return Finding(State.MISSING)
        if kept is None or kept.reveal() != there:
            other = "is not set" if kept is None else "holds another"
            told = f"{self.setting} {other}; the one that is there is taken over"
            return Finding(State.DIFFERENT, told)
        return _PRESENT

    def make(self) -> None:
        there = self._there()
        if there:
            self.kept.keep(self.setting, SecretValue(there))
            return
        secret = self.kept.value(self.setting) or SecretValue(secrets.token_urlsafe(32))
        self.kept.keep(self.setting, secret)
        patch = {"stringData": {WEBHOOK_KEY: secret.reveal()}}
        if self.cluster.merge("Secret", self.namespace, ARGOCD_SECRET, patch) is None:
            raise self._no_argocd()

    def _there(self) -> str:
        found = self.cluster.find("Secret", self.namespace, ARGOCD_SECRET)
        if found is None:
            raise self._no_argocd()
        encoded = (found.get("data") or {}).get(WEBHOOK_KEY, "")
        try:
            return base64.b64decode(encoded).decode().strip()
        except (binascii.Error, UnicodeDecodeError):
            return ""

    def _no_argocd(self) -> ImpossibleError:
        reason = f"there is no Secret {ARGOCD_SECRET} in the namespace {self.namespace}"
        return ImpossibleError(f"{reason}; set THINKUBE_ARGOCD_NAMESPACE to Argo CD's own")
