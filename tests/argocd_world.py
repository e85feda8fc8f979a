"""A world in which Argo CD stands in: a forge that holds `k8s/` too, a cluster, an engine."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import yaml

from tests.argocd_controller import REPOSITORIES, ArgoCdStandIn
from tests.argocd_stand_in import argocd_stand_in
from thinkube_catalog.adapters.argocd.client import ArgoCdClient
from thinkube_catalog.adapters.argocd.desired import Placement, Retries
from thinkube_catalog.adapters.argocd.engine import ArgoCdEngine, Options
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
