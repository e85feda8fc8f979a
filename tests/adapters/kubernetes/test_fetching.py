"""Secrets that External Secrets fetches: what is asked of it, and what it is understood to say."""

from __future__ import annotations

import base64
import logging

import pytest

from tests.contracts.test_cluster import LABELS, ME, SECRET, supplies
from tests.external_secrets import ExternalSecretsStandIn
from tests.kubernetes_stand_in import TOKEN, KubernetesStandIn
from thinkube_catalog.adapters.argocd.cluster import Arrival, Supply
from thinkube_catalog.adapters.kubernetes import ExternalStore, KubernetesCluster, cluster_access
from thinkube_catalog.adapters.kubernetes.unfetched import Wanted, why_unfetched
from thinkube_catalog.domain.gitops import CauseKind, EngineUnavailableError

SPACE = "tkt-chat"
CANARY = "canary-of-the-store"
ENCODED = base64.b64encode(CANARY.encode()).decode()


@pytest.fixture(autouse=True)
def space(cluster: KubernetesCluster) -> str:
    cluster.ensure_namespace(SPACE, ME, LABELS)
    return SPACE


@pytest.fixture
def store(operator: ExternalSecretsStandIn) -> dict[tuple[str, str], str]:
    """What the store holds, for tests to change as somebody does there."""
    found = operator.stores["vault"]
    assert found is not None
    found.update({("chat/A", "value"): "1", ("chat/B", "value"): "2"})
    return found


Store = dict[tuple[str, str], str]


def held(server: KubernetesStandIn) -> dict[str, str] | None:
    found = server.find("secrets", SPACE, SECRET)
    return found and {key: base64.b64decode(it).decode() for key, it in found["data"].items()}


def test_each_value_is_asked_for_where_it_stands(
    server: KubernetesStandIn, fetching: KubernetesCluster, store: Store
) -> None:
    fetching.deliver(SPACE, SECRET, supplies(B=None, A="1"), ME)
    asked = server.objects["externalsecrets", SPACE, SECRET]
    assert asked["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "thinkube-catalog"}
    assert asked["spec"]["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    # It goes with what it is made from, and stays while the store is away.
    assert asked["spec"]["target"] == {
        "name": SECRET,
        "creationPolicy": "Owner",
        "deletionPolicy": "Retain",
    }
    assert asked["spec"]["data"] == [
        {"secretKey": name, "remoteRef": {"key": f"chat/{name}", "property": "value"}}
        for name in ("A", "B")
    ]
    assert held(server) == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("store", "own", "shared"),
    [
        (ExternalStore("vault"), {"key": "chat/A"}, {"key": "HF_TOKEN"}),
        (
            ExternalStore("vault", field="value"),
            {"key": "chat/A", "property": "value"},
            {"key": "HF_TOKEN", "property": "value"},
        ),
        (
            ExternalStore("vault", entries="deployment"),
            {"key": "chat", "property": "A"},
            {"key": "shared", "property": "HF_TOKEN"},
        ),
    ],
)
def test_stores_are_laid_out_in_three_ways(
    store: ExternalStore, own: dict[str, str], shared: dict[str, str]
) -> None:
    assert (store.place("chat/A"), store.place("HF_TOKEN")) == (own, shared)


def test_values_do_not_pass_through(
    server: KubernetesStandIn, fetching: KubernetesCluster, store: Store
) -> None:
    store["chat/A", "value"] = CANARY
    delivery = fetching.deliver(SPACE, SECRET, supplies(A="mine"), ME)
    fetching.arrival(SPACE, SECRET)
    fetching.release_namespace(SPACE, ME, (SECRET,))
    assert (delivery.missing, bool(delivery.revision)) == ((), True)
    assert not any(ENCODED in each or CANARY in each for each in server.answered)
    assert "mine" not in str(server.requests) + str(server.objects)


def test_a_revision_stays_until_a_value_in_the_store_changes(
    fetching: KubernetesCluster, store: Store
) -> None:
    first = fetching.deliver(SPACE, SECRET, supplies(A="1"), ME).revision
    assert fetching.deliver(SPACE, SECRET, supplies(A="another of ours"), ME).revision == first
    assert fetching.arrival(SPACE, SECRET) == Arrival(first)
    assert fetching.deliver(SPACE, SECRET, supplies(A="1", B="2"), ME).revision != first
    store["chat/A", "value"] = "other"
    second = fetching.deliver(SPACE, SECRET, supplies(A="1"), ME).revision
    assert second not in {"", first}


def test_a_delivery_fetches_anew_and_what_changes_later_is_seen(
    server: KubernetesStandIn,
    operator: ExternalSecretsStandIn,
    fetching: KubernetesCluster,
    store: Store,
) -> None:
    first = fetching.deliver(SPACE, SECRET, supplies(A="1"), ME).revision
    store["chat/A", "value"] = "2"
    assert fetching.arrival(SPACE, SECRET).revision == first  # until somebody fetches it
    operator.interval_is_over()
    assert fetching.arrival(SPACE, SECRET).revision != first
    store["chat/A", "value"] = "3"
    fetching.deliver(SPACE, SECRET, supplies(A="1"), ME)
    assert held(server) == {"A": "3"}


def test_revisions_of_another_key_are_others(
    server: KubernetesStandIn, fetching: KubernetesCluster, store: Store
) -> None:
    vault = ExternalStore("vault", field="value")
    other = KubernetesCluster(cluster_access(server.url, TOKEN, None), b"another key", vault)
    here, there = (it.deliver(SPACE, SECRET, supplies(A="1"), ME) for it in (fetching, other))
    assert here.revision != there.revision
    other.close()


def test_what_the_store_lacks_is_named_with_where_it_is_expected(
    fetching: KubernetesCluster, store: Store
) -> None:
    del store["chat/B", "value"]
    assert fetching.deliver(SPACE, SECRET, supplies(A="1", B=None), ME).revision == ""
    arrival = fetching.arrival(SPACE, SECRET)
    (cause,) = arrival.causes
    assert (arrival.awaited, arrival.lacking, cause.kind) == (True, True, CauseKind.MISSING_SECRET)
    assert cause.message == (
        "the ClusterSecretStore vault does not have the secret B "
        "(entry chat/B, field value): Secret does not exist"
    )
    assert "tkt retry" in cause.mend
    store["chat/B", "value"] = "2"
    assert fetching.deliver(SPACE, SECRET, supplies(A="1", B=None), ME).revision
    assert fetching.arrival(SPACE, SECRET).causes == ()


def test_a_store_that_is_away_leaves_what_has_arrived(
    server: KubernetesStandIn,
    operator: ExternalSecretsStandIn,
    fetching: KubernetesCluster,
    store: Store,
) -> None:
    first = fetching.deliver(SPACE, SECRET, supplies(A="1"), ME).revision
    operator.stores["vault"] = None
    assert fetching.deliver(SPACE, SECRET, supplies(A="1"), ME).revision == first
    arrival = fetching.arrival(SPACE, SECRET)
    assert (arrival.revision, arrival.awaited) == (first, False)
    assert "is not ready" in arrival.causes[0].message
    assert held(server) == {"A": "1"}


def test_what_is_there_for_other_names_has_not_arrived(
    operator: ExternalSecretsStandIn, fetching: KubernetesCluster, store: Store
) -> None:
    fetching.deliver(SPACE, SECRET, supplies(A="1"), ME)
    operator.stores["vault"] = None
    assert fetching.deliver(SPACE, SECRET, supplies(A="1", B="2"), ME).revision == ""
    arrival = fetching.arrival(SPACE, SECRET)
    assert (arrival.awaited, arrival.lacking) == (True, False)


def test_an_operator_that_does_not_run_is_told(
    operator: ExternalSecretsStandIn, fetching: KubernetesCluster
) -> None:
    operator.runs = False
    assert fetching.deliver(SPACE, SECRET, supplies(A="1"), ME).revision == ""
    (cause,) = fetching.arrival(SPACE, SECRET).causes
    assert "see that External Secrets runs" in cause.mend


PLACES = {"A": ("chat/A", "value"), "B": ("chat/B", "value"), "C": ("shared", "C")}
STORE = "error processing spec.data[2] (key: shared), err: "
NO_STORE = "ClusterSecretStore.external-secrets.io"


@pytest.mark.parametrize(
    ("told", "expected", "lacking"),
    [
        (f"{STORE}Secret does not exist", "the secret C (entry shared, field C)", True),
        (f'{STORE}secrets "shared" not found', "does not have the secret C", True),
        (
            f'{STORE}property C does not exist in data of secret "shared"',
            "does not have the secret C",
            True,
        ),
        (
            f'{STORE}secrets "shared" is forbidden: User "x" cannot get resource "secrets"',
            "cannot fetch the secret C",
            False,
        ),
        (
            f"{STORE}invalid resource name \"shared/\": [may not contain '/']",
            "cannot fetch the secret C",
            False,
        ),
        (
            f'{STORE}could not get ClusterSecretStore "vault", {NO_STORE} "vault" not found',
            "cannot use the ClusterSecretStore vault",
            False,
        ),
        (f'{STORE}ClusterSecretStore "vault" is not ready', "cannot use", False),
        (
            f'{STORE}using cluster store "vault" is not allowed from namespace "{SPACE}": denied',
            "does not serve this namespace",
            False,
        ),
        ("could not get secret data from provider", "cannot fetch its values", False),
        ("error processing spec.data[9] (key: x), err: no such", "one of its values", True),
    ],
)
def test_its_own_words_are_told_apart(told: str, expected: str, lacking: bool) -> None:
    cause, found = why_unfetched(told, Wanted("vault", PLACES))
    assert expected in cause.message
    assert found is lacking
    assert cause.mend


def test_fetched_secrets_are_taken_back(
    server: KubernetesStandIn, fetching: KubernetesCluster, store: Store
) -> None:
    fetching.deliver(SPACE, SECRET, supplies(A="1"), ME)
    for _ in range(2):
        fetching.deliver(SPACE, SECRET, {}, ME)
    assert fetching.arrival(SPACE, SECRET) == Arrival()
    assert server.find("externalsecrets", SPACE, SECRET) is None
    assert server.find("secrets", SPACE, SECRET) is None


def test_a_namespace_goes_with_what_was_asked_for_in_it(
    operator: ExternalSecretsStandIn, fetching: KubernetesCluster, store: Store
) -> None:
    fetching.deliver(SPACE, SECRET, supplies(A="1"), ME)
    operator.runs = False
    fetching.remove_namespace(SPACE, ME)
    (left,) = fetching.remove_namespace(SPACE, ME)
    assert "externalsecrets.external-secrets.io/externalsecret-cleanup" in left
    operator.runs = True
    fetching.remove_namespace(SPACE, ME)
    assert fetching.remove_namespace(SPACE, ME) == []


def test_a_cluster_without_external_secrets_is_said_to_lack_them(
    server: KubernetesStandIn, fetching: KubernetesCluster
) -> None:
    server.groups.discard("external-secrets.io")
    with pytest.raises(EngineUnavailableError, match="has no externalsecrets"):
        fetching.deliver(SPACE, SECRET, supplies(A="1"), ME)


def test_delivery_may_change_from_written_to_fetched_and_back(
    server: KubernetesStandIn,
    cluster: KubernetesCluster,
    fetching: KubernetesCluster,
    store: Store,
) -> None:
    cluster.deliver(SPACE, SECRET, supplies(A="mine", X="only mine"), ME)
    fetching.deliver(SPACE, SECRET, supplies(A="mine"), ME)
    assert held(server) == {"A": "1"}  # made anew, with nothing of ours left in it
    cluster.deliver(SPACE, SECRET, supplies(A="mine"), ME)
    assert server.find("externalsecrets", SPACE, SECRET) is None
    assert held(server) == {"A": "mine"}
    assert "ownerReferences" not in server.objects["secrets", SPACE, SECRET]["metadata"]


def test_what_external_secrets_made_is_taken_over_also_where_it_does_not_run(
    server: KubernetesStandIn,
    operator: ExternalSecretsStandIn,
    cluster: KubernetesCluster,
    fetching: KubernetesCluster,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetching.deliver(SPACE, SECRET, supplies(A="1"), ME)
    operator.runs = False
    delivery = "thinkube_catalog.adapters.kubernetes.delivery"
    monkeypatch.setattr(f"{delivery}.LETTING_GO_SECONDS", 0.3)
    cluster.deliver(SPACE, SECRET, supplies(A="mine"), ME)
    operator.runs = True
    cluster.deliver(SPACE, SECRET, supplies(A="mine"), ME)
    assert held(server) == {"A": "mine"}


@pytest.mark.parametrize("kind", ["drop after", "500", "half a body", "reset"])
def test_a_fetch_asked_for_twice_is_one(
    server: KubernetesStandIn, fetching: KubernetesCluster, store: Store, kind: str
) -> None:
    fault = server.fault(kind, "PATCH .*/externalsecrets/")
    assert fetching.deliver(SPACE, SECRET, supplies(A="1"), ME).revision
    assert (fault.fired, held(server)) == (1, {"A": "1"})


def test_nothing_of_a_value_is_logged(
    fetching: KubernetesCluster, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store["chat/A", "value"] = CANARY
    fetching.deliver(SPACE, SECRET, {"A": Supply("chat/A", None)}, ME)
    assert CANARY not in caplog.text
    assert ENCODED not in caplog.text
