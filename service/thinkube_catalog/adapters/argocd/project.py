"""Our project in Argo CD: the one place that says how narrow it has to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from thinkube_catalog.adapters.argocd.destination import destination, is_address
from thinkube_catalog.adapters.argocd.rights import ROLE, policies

MANAGED = {"app.kubernetes.io/managed-by": "thinkube-catalog"}
"""The label by which a project is known to be ours."""

_RIGHTS_IN_CLUSTER = {"group": "rbac.authorization.k8s.io", "kind": "*"}


@dataclass(frozen=True)
class ProjectPlan:
    """What our project is for: repositories of one organisation, namespaces with one prefix."""

    name: str
    organisation_url: str
    cluster: str
    namespace_prefix: str
    argocd_namespace: str

    @property
    def sources(self) -> list[str]:
        return [f"{self.organisation_url}/*"]

    @property
    def destinations(self) -> list[dict[str, str]]:
        """Return the namespaces of applications and no other.

        No line with `!`: Argo CD takes a denied namespace to permit all others.
        """
        return [{**destination(self.cluster), "namespace": f"{self.namespace_prefix}*"}]

    @property
    def reaches_argocd(self) -> bool:
        """Whether Argo CD's own namespace is among the destinations, which is all power."""
        return self.argocd_namespace.startswith(self.namespace_prefix)


class Destination(BaseModel):
    server: str = ""
    name: str = ""
    namespace: str = ""


class Role(BaseModel):
    name: str
    policies: list[str] = []


class _Kind(BaseModel):
    group: str = ""
    kind: str = ""


class _Spec(BaseModel):
    source_repos: list[str] = Field([], alias="sourceRepos")
    destinations: list[Destination] = []
    cluster_kinds: list[_Kind] = Field([], alias="clusterResourceWhitelist")
    denied_kinds: list[_Kind] = Field([], alias="namespaceResourceBlacklist")
    roles: list[Role] = []


class _Metadata(BaseModel):
    name: str
    labels: dict[str, str] = {}


class JwtToken(BaseModel):
    id: str = ""
    iat: int = 0
    exp: int = 0


class _Tokens(BaseModel):
    items: list[JwtToken] = []


class _Status(BaseModel):
    tokens: dict[str, _Tokens] = Field({}, alias="jwtTokensByRole")


class ArgoProject(BaseModel):
    """A project as Argo CD shows it, as far as we look at it."""

    metadata: _Metadata
    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def is_ours(self) -> bool:
        return MANAGED.items() <= self.metadata.labels.items()

    def role(self, name: str) -> Role | None:
        return next((role for role in self.spec.roles if role.name == name), None)

    def tokens(self, role: str) -> Sequence[JwtToken]:
        found = self.status.tokens.get(role)
        return found.items if found else ()


def manifest(plan: ProjectPlan) -> dict[str, Any]:
    """Return the project as an object of Kubernetes."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {
            "name": plan.name,
            "namespace": plan.argocd_namespace,
            "labels": dict(MANAGED),
        },
        "spec": {
            "description": "Applications of the Thinkube Catalog",
            "sourceRepos": plan.sources,
            "destinations": plan.destinations,
            "clusterResourceWhitelist": [],
            "namespaceResourceBlacklist": [dict(_RIGHTS_IN_CLUSTER)],
            "roles": [
                {
                    "name": ROLE,
                    "description": "The catalog's service",
                    "policies": policies(plan.name),
                }
            ],
        },
    }


def corrected(there: Mapping[str, Any], plan: ProjectPlan) -> dict[str, Any]:
    """Return a project as it is there with what is ours put right; all else stays."""
    wanted = manifest(plan)
    spec = dict(there.get("spec") or {})
    there_roles: list[dict[str, Any]] = list(spec.get("roles") or ())
    roles = [role for role in there_roles if role.get("name") != ROLE]
    mine: dict[str, Any] = next((it for it in there_roles if it.get("name") == ROLE), {})
    denied = list(spec.get("namespaceResourceBlacklist") or ())
    if _RIGHTS_IN_CLUSTER not in denied:
        denied.append(dict(_RIGHTS_IN_CLUSTER))
    metadata = dict(there.get("metadata") or {})
    return {
        **there,
        "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **MANAGED}},
        "spec": {
            **spec,
            **{key: wanted["spec"][key] for key in ("sourceRepos", "destinations")},
            "clusterResourceWhitelist": [],
            "namespaceResourceBlacklist": denied,
            "roles": [*roles, {**mine, **wanted["spec"]["roles"][0]}],
        },
    }


def differences(there: ArgoProject, plan: ProjectPlan) -> list[str]:
    """Say in which ways a project is not exactly as it should be."""
    role = there.role(ROLE)
    found = [
        *wider(there, plan),
        *narrower(there, plan),
        *([] if role else [f"it has no role {ROLE}"]),
    ]
    if role and sorted(role.policies) != sorted(policies(plan.name)):
        found.append(f"the rights of its role {ROLE} are others")
    if not any(kind.model_dump() == _RIGHTS_IN_CLUSTER for kind in there.spec.denied_kinds):
        found.append("repositories may give rights in the cluster (Role, RoleBinding)")
    return found


def wider(there: ArgoProject, plan: ProjectPlan) -> list[str]:
    """Say what the project allows beyond what is needed."""
    sources = [each for each in there.spec.source_repos if not _same(each, plan.sources)]
    places = [each for each in there.spec.destinations if not _is_ours(each, plan)]
    kinds = [f"{kind.group}/{kind.kind}".lstrip("/") for kind in there.spec.cluster_kinds]
    denied = any(each.namespace.startswith("!") for each in places)
    return [
        *([f"it takes repositories from {', '.join(sources)}"] if sources else []),
        *([f"it reaches {', '.join(map(_told, places))}"] if places else []),
        *(["a destination with ! permits every other namespace"] if denied else []),
        *([f"it allows objects of the whole cluster: {', '.join(kinds)}"] if kinds else []),
    ]


def narrower(there: ArgoProject, plan: ProjectPlan) -> list[str]:
    """Say what the project does not allow although it is needed."""
    sources = any(_covers(each, plan.sources[0]) for each in there.spec.source_repos)
    wanted = f"{plan.namespace_prefix}*"
    places = any(
        {each.server, each.name} & {plan.cluster, "*"} and each.namespace in {wanted, "*"}
        for each in there.spec.destinations
    )
    # One told in the other way may well be the same cluster: Argo CD knows.
    other = any(_is_told_otherwise(each, plan.cluster) for each in there.spec.destinations)
    return [
        *([] if sources else [f"it does not take repositories from {plan.sources[0]}"]),
        *([] if places or other else [f"it does not reach {wanted} on {plan.cluster}"]),
    ]


def _same(url: str, wanted: Sequence[str]) -> bool:
    return url.lower() in {each.lower() for each in wanted}


def _covers(pattern: str, wanted: str) -> bool:
    return pattern == "*" or pattern.lower() == wanted.lower()


def _is_ours(place: Destination, plan: ProjectPlan) -> bool:
    return place.model_dump(exclude_defaults=True) in plan.destinations


def _is_told_otherwise(place: Destination, cluster: str) -> bool:
    one, other = (place.server, place.name) if is_address(cluster) else (place.name, place.server)
    return bool(other) and not one


def _told(place: Destination) -> str:
    return f"{place.namespace or 'no namespace'} on {place.server or place.name}"
