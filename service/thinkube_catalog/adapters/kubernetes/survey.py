"""The cluster looked at for `tkt doctor`: its version, the kinds that it has to know, its GPUs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from thinkube_catalog.adapters.kubernetes.access import ClusterAccess
from thinkube_catalog.adapters.kubernetes.client import Call, KubernetesClient
from thinkube_catalog.adapters.kubernetes.namespaces import OURS
from thinkube_catalog.adapters.kubernetes.rights import (
    ASK_OWN_RIGHTS,
    MAKE_NAMESPACE,
    READ_STORE,
    WHERE_GRANTED,
    Resource,
    Right,
)
from thinkube_catalog.domain.checks import Check, failed, passed, warned
from thinkube_catalog.domain.gitops import EngineRefusedError

OLDEST = (1, 30)
"""The first that holds accounts to namespaces by an admission policy, as `deploy/` wants it."""

_WHERE_ADMITTED = "deploy/base/admission.yaml"
_NOBODY = "catalog-doctor"
_SECONDS = 5.0
_GPU = re.compile(r"^[a-z0-9.-]+/(gpu|mig-.+)$")


@dataclass(frozen=True)
class Needed:
    """A kind of object that the cluster has to know, and what wants it."""

    kind: str
    plural: str
    group_version: str
    why: str
    mend: str


def survey_cluster(
    access: ClusterAccess, namespace_prefix: str, needed: Sequence[Needed], store: str = ""
) -> list[Check]:
    """Look whether that cluster will do. Changes nothing. Raises EngineUnavailableError.

    `store` is the ClusterSecretStore that secrets are fetched from, where they are.
    """
    client = KubernetesClient(access, _SECONDS)
    try:
        version = client.ask(Call(Right("get", _Page("version"), "see its version")))
        return [
            _check_version(version.read(_Version)),
            *_check_power(client),
            _check_admission(client, namespace_prefix),
            *(_check_kind(client, each) for each in needed),
            *([_check_store(client, store)] if store else []),
            *_check_gpus(client),
        ]
    finally:
        client.close()


@dataclass(frozen=True)
class _Page(Resource):
    """What the API tells beside objects."""

    def path(self, namespace: str, name: str) -> str:  # noqa: ARG002 (there is but one)
        return f"/{self.plural}"


class _Version(BaseModel):
    major: str
    minor: str


def _check_version(version: _Version) -> Check:
    name = "cluster version"
    said = f"{version.major}.{version.minor}"
    numbers = re.match(r"(\d+)\.(\d+)", said)
    good = numbers is None or (int(numbers[1]), int(numbers[2])) >= OLDEST
    if not good:
        return failed(name, said, "use Kubernetes 1.30 or newer")
    return passed(name, said)


class _Status(BaseModel):
    allowed: bool = False


class _Review(BaseModel):
    status: _Status = _Status()


def _check_power(client: KubernetesClient) -> Iterator[Check]:
    attributes = {"verb": "*", "group": "*", "resource": "*"}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    if client.ask(Call(ASK_OWN_RIGHTS, body=body)).read(_Review).status.allowed:
        message = "this service's account may do everything in the cluster"
        yield warned("cluster power", message, f"give it the role in {WHERE_GRANTED} alone")


def _check_admission(client: KubernetesClient, prefix: str) -> Check:
    """Have the cluster say what would come of making two namespaces: ours, and another."""
    name = "cluster namespaces"
    mend = f"apply {_WHERE_ADMITTED} with THINKUBE_NAMESPACE_PREFIX={prefix}, or run tkt bootstrap"
    refused = _refusal_of(client, f"{prefix}{_NOBODY}")
    if refused:
        return failed(name, f"one that begins with {prefix} may not be made: {refused}", mend)
    if not prefix:
        message = "may have any name, so that nothing holds this service's account to its own"
        return warned(name, message, "set THINKUBE_NAMESPACE_PREFIX")
    if not _refusal_of(client, _NOBODY):
        message = f"may be made without {prefix} too: no admission policy is in force"
        return warned(name, message, mend)
    return passed(name, f"may be made with {prefix}, and no others")


def _refusal_of(client: KubernetesClient, namespace: str) -> str:
    """Return why a namespace would not be made; empty if it would. It is not made."""
    metadata = {"name": namespace, "labels": OURS}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    try:
        client.ask(Call(MAKE_NAMESPACE, query={"dryRun": "All"}, body=body))
    except EngineRefusedError as error:
        return error.reason
    return ""


class _Kind(BaseModel):
    name: str


class _Kinds(BaseModel):
    resources: list[_Kind] = []


def _check_kind(client: KubernetesClient, needed: Needed) -> Check:
    name = f"cluster {needed.kind}"
    # Of a group, since a group that is not known is no error but an answer.
    page = _Page(f"apis/{needed.group_version}", group=needed.group_version)
    answer = client.ask(Call(Right("get", page, "see which kinds there are")))
    kinds = answer.read(_Kinds).resources if answer.ok else []
    if any(kind.name == needed.plural for kind in kinds):
        return passed(name, f"{needed.group_version} is there")
    message = f"the cluster does not know {needed.group_version}, and {needed.why}"
    return failed(name, message, needed.mend)


class _StoreCondition(BaseModel):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _StoreStatus(BaseModel):
    conditions: list[_StoreCondition] = []


class _Store(BaseModel):
    status: _StoreStatus = _StoreStatus()


def _check_store(client: KubernetesClient, store: str) -> Check:
    name, what = "cluster secret store", f"the ClusterSecretStore {store}"
    try:
        answer = client.ask(Call(READ_STORE, name=store))
    except EngineRefusedError as error:
        return failed(name, error.reason, f"apply {WHERE_GRANTED}")
    if not answer.ok:
        mend = "make it, or have THINKUBE_SECRET_STORE name one that is there"
        return failed(name, f"{what} is not there", mend)
    found = answer.read(_Store).status.conditions
    ready = next((each for each in found if each.type == "Ready"), None)
    if ready is None:
        mend = "see that External Secrets runs in the cluster"
        return failed(name, f"External Secrets has not looked at {what} yet", mend)
    told = f"{ready.reason}: {ready.message}"
    if ready.status != "True":
        mend = "see what its events say with: kubectl describe clustersecretstore"
        return failed(name, f"{what} is not ready ({told})", f"{mend} {store}")
    return passed(name, f"{what} is ready ({told})")


class _NodeStatus(BaseModel):
    allocatable: dict[str, str] = {}


class _Node(BaseModel):
    status: _NodeStatus = _NodeStatus()


class _Nodes(BaseModel):
    items: list[_Node] = []


def _check_gpus(client: KubernetesClient) -> Iterator[Check]:
    """Count GPUs where our account may see nodes; it does not need to."""
    call = Call(Right("list", Resource("nodes"), "count GPUs"), query={"limit": 500})
    try:
        answer = client.ask(call)
    except EngineRefusedError:
        return
    nodes = answer.read(_Nodes).items if answer.ok else []
    found = [
        (resource, int(amount))
        for node in nodes
        for resource, amount in node.status.allocatable.items()
        if _GPU.match(resource) and amount.isdecimal()
    ]
    total = sum(amount for _, amount in found)
    kinds = ", ".join(sorted({resource for resource, _ in found}))
    told = f"{total} ({kinds})" if total else "none; templates that need one will wait for it"
    yield passed("cluster gpus", told)
