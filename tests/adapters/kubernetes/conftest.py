"""A cluster's API that stands in, and the adapter on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contracts.clusters import REVISION_KEY
from tests.external_secrets import ExternalSecretsStandIn
from tests.kubernetes_stand_in import TOKEN, KubernetesStandIn, kubernetes_stand_in
from thinkube_catalog.adapters.kubernetes import ExternalStore, KubernetesCluster, cluster_access


@pytest.fixture
def server() -> Iterator[KubernetesStandIn]:
    with kubernetes_stand_in() as made:
        yield made


@pytest.fixture
def cluster(server: KubernetesStandIn) -> Iterator[KubernetesCluster]:
    made = KubernetesCluster(cluster_access(server.url, TOKEN, None), REVISION_KEY, seconds=10)
    yield made
    made.close()


@pytest.fixture
def operator(server: KubernetesStandIn) -> ExternalSecretsStandIn:
    """External Secrets, with one store that is empty."""
    made = ExternalSecretsStandIn(server, {"vault": {}})
    server.operators.append(made)
    return made


@pytest.fixture
def fetching(
    server: KubernetesStandIn,
    operator: ExternalSecretsStandIn,
) -> Iterator[KubernetesCluster]:
    """The adapter where External Secrets deliver."""
    access = cluster_access(server.url, TOKEN, None)
    store = ExternalStore("vault", field="value")
    made = KubernetesCluster(access, REVISION_KEY, store, seconds=10, patience=0.5)
    yield made
    made.close()
