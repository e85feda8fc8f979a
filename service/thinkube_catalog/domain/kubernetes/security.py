"""How far a container is confined.

`strict` meets Kubernetes' Pod Security Standard *restricted* and makes the root file system
read-only; `baseline` meets *baseline* for images that were built to start as root. A container
may say which under `security`; without a word it is strict if it has a `dev` command, since what
runs as an unprivileged process can be confined, and baseline otherwise, as published templates
of Thinkube need it.
"""

from __future__ import annotations

from thinkube_catalog.domain.descriptor import Container
from thinkube_catalog.domain.kubernetes.objects import (
    Capabilities,
    PodSecurityContext,
    SeccompProfile,
    SecurityContext,
)

STRICT = "strict"
BASELINE = "baseline"

USER = 10001
"""An unprivileged user by number: the kubelet cannot tell whether a user named in an image is."""

NAMESPACE_LABELS = {
    "pod-security.kubernetes.io/enforce": "baseline",
    "pod-security.kubernetes.io/warn": "restricted",
}
"""Have the cluster refuse what is less confined than any container of ours, whoever wrote it."""

_START_AS_ROOT = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")
_RUNTIME_DEFAULT = SeccompProfile(type="RuntimeDefault")


def level_of(container: Container) -> str:
    if container.security in (STRICT, BASELINE):
        return container.security
    return STRICT if container.dev else BASELINE


def pod_security(container: Container) -> PodSecurityContext:
    strict = level_of(container) == STRICT
    return PodSecurityContext(
        run_as_non_root=strict or None,
        run_as_user=USER if strict else None,
        run_as_group=USER if strict else None,
        fs_group=USER,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=_RUNTIME_DEFAULT,
    )


def container_security(container: Container) -> SecurityContext:
    if level_of(container) == STRICT:
        return SecurityContext(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=Capabilities(drop=("ALL",)),
        )
    return SecurityContext(
        allow_privilege_escalation=False,
        capabilities=Capabilities(drop=("ALL",), add=_START_AS_ROOT),
    )


def knative_security(container: Container) -> SecurityContext:
    """Say everything at the container: Knative takes no security context of a pod by default.

    Nor does it take added capabilities, so a baseline container keeps the runtime's own set.
    """
    if level_of(container) == STRICT:
        return SecurityContext(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            capabilities=Capabilities(drop=("ALL",)),
            seccomp_profile=_RUNTIME_DEFAULT,
        )
    return SecurityContext(allow_privilege_escalation=False, seccomp_profile=_RUNTIME_DEFAULT)
