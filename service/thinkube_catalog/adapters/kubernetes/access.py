"""How the cluster's API is reached: as the settings say, or as a pod is told by its cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from thinkube_catalog.domain.errors import ConflictError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds the token of its service account, and whom to trust."""


@dataclass(frozen=True)
class ClusterAccess:
    """Address, token and trust. `token` is asked before each call, since tokens of pods rotate."""

    url: str
    token: Callable[[], str]
    ca: Path | None = None


class NoClusterError(ConflictError):
    def __init__(self, missing: str) -> None:
        super().__init__(
            f"no cluster can be reached: {missing}; run the service in the cluster "
            "(with automountServiceAccountToken), or set THINKUBE_KUBERNETES_URL, "
            "THINKUBE_KUBERNETES_TOKEN and THINKUBE_KUBERNETES_CA",
        )


def cluster_access(
    url: str,
    token: str,
    ca: Path | None,
    environment: Mapping[str, str] = os.environ,
    account: Path = ACCOUNT,
) -> ClusterAccess:
    """Return what the settings say, the rest as this pod is told. Raises NoClusterError."""
    if not token and not (account / "token").is_file():
        raise NoClusterError(f"there is no token, neither in the settings nor in {account}")
    return ClusterAccess(
        url=url or _own_cluster(environment),
        token=(lambda: token) if token else _from_file(account / "token"),
        ca=ca or (None if url else account / "ca.crt"),
    )


def _own_cluster(environment: Mapping[str, str]) -> str:
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise NoClusterError("this is no pod (there is no KUBERNETES_SERVICE_HOST)")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _from_file(path: Path) -> Callable[[], str]:
    def read() -> str:
        return path.read_text("ascii").strip()

    return read
