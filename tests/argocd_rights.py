"""Taking back the right that `tkt bootstrap` gives in a real Argo CD, for tests that are over."""

from __future__ import annotations

from pathlib import Path

from thinkube_catalog.adapters.argocd.rights import cluster_key
from thinkube_catalog.adapters.kubernetes.administration import ClusterAdministration
from thinkube_catalog.adapters.kubernetes.bootstrap import ARGOCD_RIGHTS


def take_back(kubeconfig: Path, project: str) -> None:
    administration = ClusterAdministration(kubeconfig, 20)
    patch = {"data": {cluster_key(project): None}}
    administration.merge("ConfigMap", "argocd", ARGOCD_RIGHTS, patch)
    administration.close()
