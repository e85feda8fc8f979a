"""Kubernetes objects of a deployment: what `thinkube.yaml` means in a cluster."""

from thinkube_catalog.domain.kubernetes.kustomization import read_images
from thinkube_catalog.domain.kubernetes.metadata import (
    METADATA_PATH,
    MetadataInvalidError,
    read_context,
)
from thinkube_catalog.domain.kubernetes.names import cluster_address
from thinkube_catalog.domain.kubernetes.probes import start_budget
from thinkube_catalog.domain.kubernetes.project import ObjectsInvalidError, project_files
from thinkube_catalog.domain.kubernetes.security import NAMESPACE_LABELS

__all__ = [
    "METADATA_PATH",
    "NAMESPACE_LABELS",
    "MetadataInvalidError",
    "ObjectsInvalidError",
    "cluster_address",
    "project_files",
    "read_context",
    "read_images",
    "start_budget",
]
