"""What keeps an application from being healthy, in the words of real servers.

The scheduler, the quota, the volume binder, pod security, the API's validation and Argo CD speak
for themselves here; only what a kubelet would say comes from simulated nodes, in `test_live.py`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.adapters.argocd.test_argocd_engine import LEGAL_QA, STORES
from tests.adapters.local_engine.projects import REPOSITORY, project, wait_for, wait_healthy
from tests.argocd_world import LiveWorld, given, live_world, with_objects
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.domain.forge import Commit, Signature
from thinkube_catalog.domain.gitops import CauseKind
from thinkube_catalog.domain.rendering import File, FileTree

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

TAINTED = "thinkube-test-tainted"
Pod = dict[str, Any]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveWorld]:
    with live_world(tmp_path, REPOSITORY) as world:
        world.forge.ensure_repository(REPOSITORY, LEGAL_QA.marker)
        yield world


@pytest.fixture
def tainted() -> Iterator[None]:
    """Have a node that keeps pods away, and whose name pods can ask for."""
    trust = ssl.create_default_context(cafile=given("KUBERNETES_CA"))
    headers = {"Authorization": f"Bearer {given('KUBERNETES_TOKEN')}"}
    url = f"{given('KUBERNETES_URL')}/api/v1/nodes"
    room = {"cpu": "4", "memory": "8Gi", "pods": "10"}
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": TAINTED, "labels": {"thinkube.dev/test": TAINTED}},
        "spec": {"taints": [{"key": "thinkube.dev/test", "effect": "NoSchedule"}]},
        "status": {"allocatable": room, "capacity": room},
    }
    with httpx.Client(verify=trust, headers=headers, timeout=30) as cluster:
        cluster.delete(f"{url}/{TAINTED}")
        cluster.post(url, json=node).raise_for_status()
        yield
        cluster.delete(f"{url}/{TAINTED}")


def _wants(pod: Pod, **amounts: str) -> None:
    words = {"gpu": "nvidia.com/gpu"}
    asked = {words.get(name, name): amount for name, amount in amounts.items()}
    pod["containers"][0]["resources"] = {"requests": asked, "limits": asked}


def _wants_the_tainted(pod: Pod) -> None:
    pod["nodeSelector"] = {"thinkube.dev/test": TAINTED}


def _wants_privileges(pod: Pod) -> None:
    pod["containers"][0]["securityContext"] = {"privileged": True}


CHANGES: dict[str, tuple[Callable[[Pod], None], CauseKind, str, str]] = {
    "GPU": (
        lambda pod: _wants(pod, gpu="2", cpu="10m", memory="10Mi"),
        CauseKind.UNSCHEDULABLE,
        "no node has 2 GPUs free",
        "ask for fewer",
    ),
    "taint": (_wants_the_tainted, CauseKind.UNSCHEDULABLE, "by a taint", "the taint removed"),
    "quota": (
        lambda pod: _wants(pod, cpu="10m", memory="900Gi"),
        CauseKind.QUOTA,
        "memory",
        "",
    ),
    "admission": (_wants_privileges, CauseKind.ADMISSION_DENIED, "privileged", ""),
}


@pytest.mark.usefixtures("tainted")
@pytest.mark.parametrize("what", CHANGES)
def test_what_a_pod_asks_for_and_does_not_get_is_named_with_its_mend(
    live: LiveWorld, what: str
) -> None:
    change, kind, message, mend = CHANGES[what]
    live.engine.ensure_application(LEGAL_QA)
    publish(live, with_pod(project("one"), change))
    status = wait_for(live.engine, lambda it: any(each.kind is kind for each in it.causes))
    named = [each for each in status.causes if each.kind is kind and message in each.message]
    assert [each.mend for each in named if each.mend and mend in each.mend], status.causes
    wait_healthy(live.engine, publish(live, with_objects(project("two"))))


def test_memory_that_no_node_has_is_named(live: LiveWorld) -> None:
    live.engine.ensure_application(LEGAL_QA)
    large = with_pod(project("one"), lambda pod: _wants(pod, cpu="10m", memory="900Gi"))
    publish(live, without_policies(large))
    status = wait_for(
        live.engine, lambda it: any(each.kind is CauseKind.UNSCHEDULABLE for each in it.causes)
    )
    assert "no node has 900Gi of memory free" in str(status.causes)


def test_a_volume_that_nobody_makes_is_named(live: LiveWorld) -> None:
    live.engine.ensure_application(LEGAL_QA)
    files = with_objects(project("one", STORES))
    texts = {
        path: File(file.content.replace(b"accessModes:", b"storageClassName: none\n  accessModes:"))
        for path, file in files.items()
        if b"kind: PersistentVolumeClaim" in file.content
    }
    assert texts
    publish(live, FileTree({**files, **texts}))
    kind = CauseKind.VOLUME_PENDING
    status = wait_for(live.engine, lambda it: any(each.kind is kind for each in it.causes))
    assert "legal-qa-web-storage" in str(status.causes)


def test_a_commit_that_the_cluster_refuses_is_a_sync_that_failed(live: LiveWorld) -> None:
    live.engine.ensure_application(LEGAL_QA)
    good = publish(live, with_objects(project("one")))
    wait_healthy(live.engine, good)

    def misname(pod: Pod) -> None:
        pod["containers"][0]["name"] = "Not_A_Name"

    publish(live, with_pod(project("two"), misname))
    status = wait_for(live.engine, lambda it: bool(it.failed))
    assert {each.kind for each in status.causes} <= {CauseKind.SYNC_ERROR, CauseKind.INVALID_OBJECT}
    assert "Not_A_Name" in str(status.causes)
    assert status.serving == good.id


def publish(live: LiveWorld, files: FileTree) -> Commit:
    """Publish `k8s/` as it is."""
    signature = Signature("Ada", "ada@example.org", datetime.now(UTC))
    return GiteaForge.publish(live.forge, REPOSITORY, files, "Change", signature)


def with_pod(files: FileTree, change: Callable[[Pod], None]) -> FileTree:
    """Return the project with its first pod's template changed in `k8s/`."""
    whole = with_objects(files)
    path = "k8s/deployments.yaml"
    objects = list(yaml.safe_load_all(whole.text(path)))
    change(objects[0]["spec"]["template"]["spec"])
    return FileTree({**whole, path: File(yaml.safe_dump_all(objects).encode())})


def without_policies(files: FileTree) -> FileTree:
    """Return the project without its quota and limits."""
    path = "k8s/kustomization.yaml"
    kept = files.text(path).replace("- resource-policies.yaml\n", "")
    return FileTree({**files, path: File(kept.encode())})
