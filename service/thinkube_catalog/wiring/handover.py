"""`tkt bootstrap --manifests`: the same parts as files, for who administers the other systems."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from thinkube_catalog.adapters.argocd.bootstrap import credentials_name
from thinkube_catalog.adapters.argocd.destination import is_address
from thinkube_catalog.adapters.argocd.project import manifest
from thinkube_catalog.adapters.argocd.rights import ROLE, cluster_key, cluster_policy
from thinkube_catalog.adapters.argocd.webhooks import KEY, SECRET
from thinkube_catalog.adapters.env_file import EnvFile
from thinkube_catalog.adapters.gitea.bootstrap.by_hand import by_hand
from thinkube_catalog.adapters.gitea.bootstrap.plan import READ_TOKEN
from thinkube_catalog.adapters.handover import (
    PLACEHOLDER,
    Sheet,
    commands,
    in_yaml,
    shown,
    write,
)
from thinkube_catalog.adapters.kubernetes.bootstrap import (
    ARGOCD_RIGHTS,
    SERVICE_ACCOUNT,
    SERVICE_NAMESPACE,
    ClusterPlan,
    service_objects,
)
from thinkube_catalog.domain.bootstrap import Wishes
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.settings import PREFIX, Settings
from thinkube_catalog.wiring.bootstrap import (
    ARGOCD_TOKEN,
    WEBHOOK_SECRET,
    cluster_plan,
    gitea_plan,
    installation,
    lines,
    project_plan,
)

READ = PREFIX + READ_TOKEN


def write_handover(wishes: Wishes, folder: Path) -> list[Path]:
    """Write what an administrator applies, and a page that says how; returns the files.

    Nobody is asked and nothing else is touched, but a secret for webhooks is made and kept.
    """
    settings, file = installation(wishes)
    sheets = [Sheet("README.md", _page(settings, wishes))]
    if settings.engine == "argocd":
        sheets += _cluster(settings, wishes, file)
    return write(folder, sheets)


def _cluster(settings: Settings, wishes: Wishes, file: EnvFile) -> list[Sheet]:
    if file.value(WEBHOOK_SECRET) is None:
        file.keep(WEBHOOK_SECRET, SecretValue(secrets.token_urlsafe(32)))
    plan = cluster_plan(settings, wishes, partial(_address, settings.argocd_cluster))
    patch = {"stringData": {KEY: shown(file.value(WEBHOOK_SECRET), WEBHOOK_SECRET)}}
    return [
        Sheet("project.yaml", in_yaml([manifest(project_plan(settings))])),
        Sheet("service.yaml", in_yaml(service_objects(plan))),
        Sheet("cluster-right.patch.yaml", in_yaml([_cluster_right(plan)])),
        Sheet("credentials.yaml", in_yaml([_credentials(settings, wishes, file)]), secret=True),
        Sheet("webhook-secret.patch.yaml", in_yaml([patch]), secret=True),
    ]


def _address(cluster: str) -> str:
    """Return a cluster's address; what stands for it where its name alone is known."""
    return cluster if is_address(cluster) else f"{PLACEHOLDER}-THE-ADDRESS-OF-{cluster}"


def _cluster_right(plan: ClusterPlan) -> Mapping[str, Any]:
    return {"data": {cluster_key(plan.project): cluster_policy(plan.project, plan.cluster())}}


def _credentials(settings: Settings, wishes: Wishes, file: EnvFile) -> Mapping[str, Any]:
    token = file.value(READ)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"repo-creds-{settings.gitea_org}",
            "namespace": settings.argocd_namespace,
            "labels": {"argocd.argoproj.io/secret-type": "repo-creds"},
        },
        "type": "Opaque",
        "stringData": {
            "type": "git",
            "url": f"{settings.gitea_url}/{settings.gitea_org}/",
            "username": credentials_name(wishes.reader, token) if token else wishes.reader,
            "password": shown(token, READ),
        },
    }


def _page(settings: Settings, wishes: Wishes) -> str:
    sections = [_title(settings), *_gitea(settings, wishes)]
    if settings.engine == "argocd":
        sections += _argocd(settings, wishes)
    sections.append(_end(settings, wishes))
    return "\n\n".join(sections) + "\n"


def _title(settings: Settings) -> str:
    parts = [f"the Gitea at {settings.gitea_url}"]
    if settings.engine == "argocd":
        parts += [f"the Argo CD at {settings.argocd_url}", "the cluster"]
    told = ", ".join(parts)
    return (
        "# What Thinkube Catalog needs of its administrators\n\n"
        f"Written by `tkt bootstrap --manifests` for {told}. Each step may be repeated."
    )


def _gitea(settings: Settings, wishes: Wishes) -> Sequence[str]:
    plan = gitea_plan(settings, wishes)
    word = f"{PLACEHOLDER}-A-LONG-RANDOM-WORD"
    steps = by_hand(settings.gitea_url, plan, word)
    return [
        "## In Gitea",
        f"Put an administrator's name for `ADMINISTRATOR`; nobody needs to know `{word}` later.",
        *(f"{title}:\n\n{commands(calls)}" for title, calls in steps),
    ]


def _argocd(settings: Settings, wishes: Wishes) -> Sequence[str]:
    patch = f"kubectl -n {settings.argocd_namespace} patch"
    hours = wishes.token_days * 24
    project = settings.argocd_project
    token = f"argocd proj role create-token {project} {ROLE} --id thinkube-catalog-1"
    account = f"kubectl -n {SERVICE_NAMESPACE} create token {SERVICE_ACCOUNT}"
    return [
        "## In the cluster",
        (
            "The project with its role, the service's account and rights, and credentials by which "
            f"Argo CD clones (put {READ} in first, where `credentials.yaml` has a placeholder):"
        ),
        commands(
            [f"kubectl apply -f {each}.yaml" for each in ("project", "service", "credentials")]
        ),
        (
            "What Argo CD checks Gitea's webhooks by. Skip it where that Secret has the key "
            f"`{KEY}` already, and set {WEBHOOK_SECRET} to its value instead:"
        ),
        commands([f"{patch} secret {SECRET} --patch-file webhook-secret.patch.yaml"]),
        (
            "So that `tkt doctor` sees whether Argo CD reaches the cluster: one right of the role, "
            f"beside those of others in `{ARGOCD_RIGHTS}`:"
        ),
        commands([f"{patch} configmap {ARGOCD_RIGHTS} --patch-file cluster-right.patch.yaml"]),
        f"A token of the role, for {ARGOCD_TOKEN}:",
        commands([f"{token} --expires-in {hours}h --token-only"]),
        f"For a service outside the cluster a token of its account, for {PREFIX}KUBERNETES_TOKEN:",
        commands([f"{account} --duration {hours}h"]),
        "Then delete `credentials.yaml` and `webhook-secret.patch.yaml`: they hold secrets.",
    ]


def _end(settings: Settings, wishes: Wishes) -> str:
    told = "\n".join(f"{name}={value}" for name, value in lines(settings).items())
    return (
        f"## At the service\n\nPut the values into {wishes.settings}, beside these:\n\n"
        f"```text\n{told}\n```\n\nHave all of it looked at:\n\n{commands(['tkt doctor'])}"
    )
