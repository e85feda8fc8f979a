"""Whether Argo CD knows the cluster that applications are to run on, and reaches it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import BaseModel

from thinkube_catalog.adapters.argocd.client import Answer, ArgoCdClient
from thinkube_catalog.adapters.argocd.destination import destination, is_address
from thinkube_catalog.adapters.argocd.project import ProjectPlan
from thinkube_catalog.domain.checks import Check, failed, passed

OWN = "https://kubernetes.default.svc"
"""The cluster that Argo CD itself runs in, as it calls it."""

NAME = "argocd cluster"

_NOBODY = "catalog-doctor"
_NOWHERE = "https://nowhere.invalid/nobody/nothing"  # no project takes it
_INVALID = 400
_REASON_LENGTH = 300
_WRAPPED = re.compile(r"rpc error: code = \w+ desc = ")


class _State(BaseModel):
    status: str = ""
    message: str = ""


class _Cluster(BaseModel):
    server: str
    name: str = ""
    serverVersion: str = ""  # noqa: N815 (Argo CD's own name)
    connectionState: _State = _State()  # noqa: N815 (as above)


class _Clusters(BaseModel):
    items: list[_Cluster] | None = None


def check_destination(client: ArgoCdClient, plan: ProjectPlan) -> Iterator[Check]:
    """Look whether that cluster is known, and connected where this token may see it.

    Raises EngineUnavailableError.
    """
    answer = _refused(client, plan)
    if answer.status == _INVALID and "destination spec" in answer.reason:
        reason = without_wrapping(answer.reason.rpartition(" is invalid: ")[2])
        message = f"{plan.cluster} is not known to Argo CD: {reason}"
        yield failed(NAME, message, _register(plan))
        return
    found = client.get("clusters", destination(plan.cluster))
    there = found.read(_Clusters).items if found.ok else None
    if there:
        yield _told(there[0])
    elif answer.status == _INVALID or answer.ok:
        message = f"{plan.cluster} is known; whether it is connected, this token may not see"
        yield passed(NAME, f"{message} (tkt bootstrap --kubeconfig lets it)")


def cluster_address(client: ArgoCdClient, name: str) -> str:
    """Return the address of a cluster by its name, for who may see it; empty if there is none.

    Raises EngineUnavailableError, EngineRefusedError.
    """
    found = client.get("clusters", {"name": name}).expect("listing the clusters")
    there = found.read(_Clusters).items or ()
    return there[0].server if there else ""


def _refused(client: ArgoCdClient, plan: ProjectPlan) -> Answer:
    """Ask for an application that cannot come to be, and return why.

    The cluster is looked for before the repository is, and no project takes that repository.
    """
    body = {
        "metadata": {"name": _NOBODY},
        "spec": {
            "project": plan.name,
            "source": {"repoURL": _NOWHERE, "targetRevision": "main", "path": "k8s"},
            "destination": {
                **destination(plan.cluster),
                "namespace": f"{plan.namespace_prefix}{_NOBODY}",
            },
        },
    }
    answer = client.send("POST", "applications", {"validate": "false"}, body)
    if answer.ok:  # the project takes everything, which another check tells
        client.send("DELETE", f"applications/{_NOBODY}", {"project": plan.name, "cascade": "false"})
    return answer


def without_wrapping(reason: str) -> str:
    """Return Argo CD's own words without the names of what they went through."""
    return _WRAPPED.sub("", reason)[:_REASON_LENGTH]


def _register(plan: ProjectPlan) -> str:
    listed = "set THINKUBE_ARGOCD_CLUSTER to an address or a name that argocd cluster list shows"
    if plan.cluster == OWN:
        return f"set cluster.inClusterEnabled to true in Argo CD's ConfigMap argocd-cm, or {listed}"
    how = "" if is_address(plan.cluster) else f" --name {plan.cluster}"
    return f"register it with argocd cluster add CONTEXT{how}, or {listed}"


def _told(cluster: _Cluster) -> Check:
    who = f"{cluster.server} ({cluster.name})" if cluster.name else cluster.server
    state = cluster.connectionState
    if state.status == "Failed":
        message = f"Argo CD does not reach {who}: {without_wrapping(state.message)}"
        way = "see that argocd-application-controller reaches that address"
        mend = f"{way}, and renew the credentials with argocd cluster add CONTEXT --upsert"
        return failed(NAME, message, mend)
    if state.status != "Successful":
        message = f"{who} is known; Argo CD connects to it with the first application there"
        return passed(NAME, message)
    version = f", version {cluster.serverVersion}" if cluster.serverVersion else ""
    return passed(NAME, f"Argo CD reaches {who}{version}")
