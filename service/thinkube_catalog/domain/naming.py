"""Names that have to be good everywhere at once: in Git, in Kubernetes, in an image, in a URL."""

from __future__ import annotations

import re

from thinkube_catalog.domain.errors import Problem

LONGEST_NAME = 40
"""Leaves room for `<deployment>-<container>` within the 63 characters of a DNS label."""

_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")

RESERVED_NAMES = frozenset(
    # Names of platform services (`thinkube.yaml` format reference, section 2.3) and of
    # namespaces that every cluster has.
    [
        "keycloak",
        "harbor",
        "gitea",
        "argocd",
        "argo-workflows",
        "postgresql",
        "devpi",
        "thinkube-control",
        "prometheus",
        "opensearch",
        "jupyterhub",
        "code-server",
        "pgadmin",
        "qdrant",
        "knative",
        "default",
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "gateway-system",
    ],
)


def name_problems(name: str, field: str = "project_name") -> list[Problem]:
    """Say what is wrong with a deployment's name; an empty list means that it is good."""
    if not _NAME.fullmatch(name):
        return [
            Problem(
                f"{name!r} is not a usable name",
                field=field,
                mend="use small letters, digits and single hyphens, "
                "starting with a letter, for example legal-qa",
            ),
        ]
    if "--" in name:
        return [Problem(f"{name!r} has two hyphens in a row", field=field, mend="use one")]
    if len(name) > LONGEST_NAME:
        return [
            Problem(
                f"{name!r} is {len(name)} characters long",
                field=field,
                mend=f"use at most {LONGEST_NAME}",
            ),
        ]
    if name in RESERVED_NAMES:
        return [
            Problem(
                f"{name!r} is the name of a platform service",
                field=field,
                mend=f"choose another, for example my-{name}",
            ),
        ]
    return []
