"""The cluster's own API: namespaces of applications, their secrets, and what is left of them."""

from thinkube_catalog.adapters.kubernetes.access import NoClusterError, cluster_access
from thinkube_catalog.adapters.kubernetes.cluster import KubernetesCluster
from thinkube_catalog.adapters.kubernetes.fetching import ExternalStore

__all__ = ["ExternalStore", "KubernetesCluster", "NoClusterError", "cluster_access"]
