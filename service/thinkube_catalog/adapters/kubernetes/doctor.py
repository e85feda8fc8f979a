"""The cluster looked at for `tkt doctor`: whether the account has its rights, and no others."""

from __future__ import annotations

from pydantic import BaseModel

from thinkube_catalog.adapters.kubernetes.access import ClusterAccess
from thinkube_catalog.adapters.kubernetes.client import Call, KubernetesClient
from thinkube_catalog.adapters.kubernetes.rights import (
    ASK_OWN_RIGHTS,
    RIGHTS,
    SECRETS,
    WHERE_GRANTED,
    Right,
)
from thinkube_catalog.domain.checks import Check

FORBIDDEN = tuple(Right(verb, SECRETS, "is not needed") for verb in ("get", "list", "watch"))
"""What the account should not be able to do, since nothing here does it."""

_SECONDS = 5.0


class _Status(BaseModel):
    allowed: bool = False


class _Review(BaseModel):
    status: _Status = _Status()


def check_cluster(access: ClusterAccess) -> list[Check]:
    """Ask the cluster what this account may do. Raises EngineUnavailableError."""
    client = KubernetesClient(access, _SECONDS)
    try:
        missing = [each for each in RIGHTS if not _has(client, each)]
        spare = [each for each in FORBIDDEN if _has(client, each)]
    finally:
        client.close()
    return [_rights(access, missing), _secrecy(spare)]


def _has(client: KubernetesClient, right: Right) -> bool:
    wanted = {
        "verb": right.verb,
        "group": right.resource.group,
        "resource": right.resource.plural,
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": wanted},
    }
    return client.ask(Call(ASK_OWN_RIGHTS, body=body)).read(_Review).status.allowed


def _rights(access: ClusterAccess, missing: list[Right]) -> Check:
    if not missing:
        return Check("cluster", good=True, message=f"{access.url} grants what is needed")
    listed = "; ".join(f"{each.verb} {each.resource} (to {each.why})" for each in missing)
    message = f"this service's account may not {listed}"
    return Check("cluster", good=False, message=message, mend=f"apply {WHERE_GRANTED}")


def _secrecy(spare: list[Right]) -> Check:
    if not spare:
        return Check("cluster secrets", good=True, message="this service's account reads none")
    verbs = ", ".join(each.verb for each in spare)
    return Check(
        "cluster secrets",
        good=False,
        message=f"this service's account may {verbs} secrets of the whole cluster",
        mend=f"give it the role in {WHERE_GRANTED} alone",
    )
