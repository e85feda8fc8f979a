"""A world in which Argo CD stands in: a forge that holds `k8s/` too, a cluster, an engine."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.argocd_controller import REPOSITORIES, ArgoCdStandIn
from tests.argocd_stand_in import argocd_stand_in
from tests.journeys.installation import wait_until
from thinkube_catalog.adapters.argocd.applications import Applications
from thinkube_catalog.adapters.argocd.client import ArgoCdClient
from thinkube_catalog.adapters.argocd.cluster import NamespaceTakenError
from thinkube_catalog.adapters.argocd.desired import MARKER, Placement, Retries
from thinkube_catalog.adapters.argocd.engine import ArgoCdEngine, Options
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.adapters.kubernetes import KubernetesCluster, cluster_access
from thinkube_catalog.adapters.memory.cluster import MemoryCluster
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.adapters.memory.secrets import MemorySecrets
from thinkube_catalog.domain.descriptor import parse_descriptor
from thinkube_catalog.domain.environment import Conventions
from thinkube_catalog.domain.forge import Commit, Repository, Signature
from thinkube_catalog.domain.kubernetes.metadata import read_context
from thinkube_catalog.domain.kubernetes.project import project_files
from thinkube_catalog.domain.rendering import File, FileTree

PREFIX = "tkt-"
CONVENTIONS = Conventions(namespace_prefix=PREFIX, domain_name="apps.example")
PLACEMENT = Placement(
    prefix=PREFIX, repositories=REPOSITORIES, retries=Retries(limit=1, first=1, longest=1)
)
QUICK = Options(
    PLACEMENT,
    address=lambda name: f"https://{name}.apps.example",
    pages="https://argocd.example/applications/argocd",
    read_token="read-canary-9",
    poll=1.0,
    branch=0.05,
    removal=5.0,
)


def with_objects(files: FileTree, conventions: Conventions = CONVENTIONS) -> FileTree:
    """Return a project with its `k8s/`, as it is published.

    What no descriptor may say, such as a port that is a word, a person may write there.
    """
    if "thinkube.yaml" not in files:
        return files
    text = files.text("thinkube.yaml")
    word = next(iter(_words_for_ports(yaml.safe_load(text))), "")
    sane = text.replace(f"port: {word}", "port: 8123") if word else text
    context = read_context(files, conventions)
    made = project_files(parse_descriptor(sane).value, context)
    if word:
        made = {
            path: File(
                file.content.replace(b"containerPort: 8123", f"containerPort: {word}".encode())
            )
            for path, file in made.items()
        }
    return FileTree({**files, **made})


def _words_for_ports(found: Any) -> Iterator[str]:
    for container in found["spec"]["containers"]:
        if isinstance(container.get("port"), str):
            yield container["port"]


class ForgeWithObjects(MemoryForge):
    """Publishes every project with its `k8s/`."""

    def __init__(self, conventions: Conventions = CONVENTIONS) -> None:
        super().__init__()
        self._conventions = conventions

    def publish(
        self,
        repository: Repository,
        files: FileTree,
        message: str,
        signature: Signature,
        tag: str = "",
    ) -> Commit:
        whole = with_objects(files, self._conventions)
        return super().publish(repository, whole, message, signature, tag)


class GiteaWithObjects(GiteaForge):
    """The same, in a real Gitea."""

    def publish(
        self,
        repository: Repository,
        files: FileTree,
        message: str,
        signature: Signature,
        tag: str = "",
    ) -> Commit:
        return super().publish(repository, with_objects(files), message, signature, tag)


@dataclass
class ArgoCdWorld:
    """All of it, for tests to look at."""

    forge: MemoryForge
    secrets: MemorySecrets
    cluster: MemoryCluster
    argocd: ArgoCdStandIn
    engine: ArgoCdEngine

    def another_engine(self, **changes: Any) -> ArgoCdEngine:
        """Make an engine as another replica has one, or as one after a restart."""
        options = replace(QUICK, **changes)
        client = ArgoCdClient(self.argocd.url, "the-token", 10.0)
        return ArgoCdEngine(client, self.cluster, self.secrets, self.forge.head, options)


@contextmanager
def argocd_world() -> Generator[ArgoCdWorld]:
    """Serve and follow."""
    forge, secrets, cluster = ForgeWithObjects(), MemorySecrets(), MemoryCluster()
    with argocd_stand_in(forge, cluster) as argocd:
        client = ArgoCdClient(argocd.url, "the-token", 10.0)
        engine = ArgoCdEngine(client, cluster, secrets, forge.head, QUICK)
        engine.start()
        try:
            yield ArgoCdWorld(forge, secrets, cluster, argocd, engine)
        finally:
            engine.stop()


@dataclass
class LiveWorld:
    """Real servers, of which applications and namespaces with our prefix are ours to empty."""

    forge: GiteaWithObjects
    secrets: MemorySecrets
    cluster: KubernetesCluster
    engine: ArgoCdEngine
    applications: Applications


@contextmanager
def live_world(folder: Path, repository: Repository) -> Generator[LiveWorld]:
    """Empty what earlier tests have left, and follow."""
    gitea, token = given("GITEA_URL"), given("GITEA_TOKEN")
    place = f"{gitea}/api/v1/repos/{repository}"
    httpx.delete(place, headers={"Authorization": f"token {token}"}, timeout=30)
    forge = GiteaWithObjects(folder / "mirrors", gitea, token)
    access = cluster_access(
        given("KUBERNETES_URL"), given("KUBERNETES_TOKEN"), Path(given("KUBERNETES_CA"))
    )
    cluster, secrets = KubernetesCluster(access, b"k" * 32), MemorySecrets()
    placement = replace(PLACEMENT, project="thinkube-contract", repositories=gitea)
    _make_project(placement)
    options = replace(QUICK, placement=placement, read_token=token, branch=0.5, removal=90.0)
    client = ArgoCdClient(given("ARGOCD_URL"), given("ARGOCD_TOKEN"), 30.0)
    applications = Applications(client, placement.project)
    _empty(applications, cluster, placement.record_name(repository.name))
    engine = ArgoCdEngine(client, cluster, secrets, forge.head, options, cluster.close)
    engine.start()
    try:
        yield LiveWorld(forge, secrets, cluster, engine, applications)
    finally:
        _empty(applications, cluster, placement.record_name(repository.name))
        engine.stop()
        forge.close()


def _make_project(placement: Placement) -> None:
    """Make the project as administrators do, narrow."""
    spec = {
        "sourceRepos": [f"{placement.repositories}/*/*"],
        "destinations": [{"server": placement.cluster, "namespace": f"{placement.prefix}*"}],
        "namespaceResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    answer = httpx.post(
        f"{given('ARGOCD_URL')}/api/v1/projects",
        json={"project": {"metadata": {"name": placement.project}, "spec": spec}, "upsert": True},
        headers={"Authorization": f"Bearer {given('ARGOCD_TOKEN')}"},
        timeout=30,
    )
    answer.raise_for_status()


def given(name: str) -> str:
    """Return the variable THINKUBE_TEST_<name>."""
    return os.environ[f"THINKUBE_TEST_{name}"]


def _empty(applications: Applications, cluster: KubernetesCluster, record: str) -> None:
    there = applications.find(record)
    if there is not None:
        applications.terminate(record)
        applications.delete(record)
        wait_until(lambda: applications.find(record) is None, f"{record} is gone", 90)
    marker = there.metadata.annotations.get(MARKER, "") if there else ""
    for mark in dict.fromkeys([marker, "deployment-1", "deployment-2"]):
        try:
            wait_until(lambda: not cluster.remove_namespace(record, mark), "no namespace", 60)  # noqa: B023 (at once)
        except NamespaceTakenError:
            continue
