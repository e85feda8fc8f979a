"""What every cluster promises (`adapters/argocd/cluster.py`)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.contracts.clusters import Bench, live_bench, memory_bench, stand_in_bench
from thinkube_catalog.adapters.argocd.cluster import (
    Arrival,
    Cluster,
    NamespaceTakenError,
    RegistryAccount,
    Supply,
)
from thinkube_catalog.domain.gitops import EngineUnavailableError
from thinkube_catalog.domain.secrets import SecretValue

ME, OTHER = "0d5f9a deployment 1", "deployment 2"
LABELS = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}
SECRET = "chat-secrets"
PULLS = "chat-pulls"
REGISTRY = "git.example.org:3000"
PULLER = RegistryAccount(REGISTRY, "puller", SecretValue("token: with ü"))
BENCHES = {"memory": memory_bench, "stand-in": stand_in_bench, "live": live_bench}


@pytest.fixture(params=["memory", "stand-in", pytest.param("live", marks=pytest.mark.live)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with BENCHES[request.param]() as made:
        yield made


@pytest.fixture
def cluster(bench: Bench) -> Cluster:
    return bench.cluster


@pytest.fixture
def space(bench: Bench) -> str:
    """The namespace of a deployment."""
    name = f"{bench.prefix}chat"
    bench.cluster.ensure_namespace(name, ME, LABELS)
    return name


def supplies(**values: str | None) -> dict[str, Supply]:
    """What is to be delivered; None where nothing is stored."""
    return {
        name: Supply(f"chat/{name}", None if value is None else SecretValue(value))
        for name, value in values.items()
    }


def remove(cluster: Cluster, name: str, marker: str = ME) -> None:
    """Do as a run does: ask until nothing is left."""
    deadline = time.monotonic() + 60
    while left := cluster.remove_namespace(name, marker):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_a_namespace_is_made_with_its_labels(bench: Bench, space: str) -> None:
    labels = bench.outside.labels(space)
    assert labels is not None
    assert labels.items() >= LABELS.items()


def test_ensuring_a_namespace_again_changes_nothing(bench: Bench, space: str) -> None:
    bench.outside.make_claim(space, "data")
    bench.again.ensure_namespace(space, ME, LABELS)
    assert bench.cluster.claims(space) == ["data"]


def test_labels_follow_what_the_application_says_now(bench: Bench, space: str) -> None:
    baseline = dict.fromkeys(LABELS, "baseline")
    bench.cluster.ensure_namespace(space, ME, baseline)
    labels = bench.outside.labels(space)
    assert labels is not None
    assert labels.items() >= baseline.items()


def test_a_namespace_of_another_deployment_is_left_alone(bench: Bench, space: str) -> None:
    cluster = bench.cluster
    cluster.deliver(space, SECRET, supplies(A="1"), ME)
    with pytest.raises(NamespaceTakenError):
        cluster.ensure_namespace(space, OTHER, LABELS)
    with pytest.raises(NamespaceTakenError):
        cluster.deliver(space, SECRET, supplies(A="2"), OTHER)
    with pytest.raises(NamespaceTakenError):
        cluster.deliver(space, SECRET, {}, OTHER)
    with pytest.raises(NamespaceTakenError):
        cluster.release_namespace(space, OTHER, (SECRET,))
    with pytest.raises(NamespaceTakenError):
        cluster.remove_namespace(space, OTHER)
    assert bench.outside.secret(space, SECRET) == {"A": "1"}


def test_a_namespace_that_somebody_else_made_is_left_alone(bench: Bench) -> None:
    name = f"{bench.prefix}theirs"
    bench.outside.make_namespace(name)
    with pytest.raises(NamespaceTakenError, match=name):
        bench.cluster.ensure_namespace(name, ME, LABELS)
    with pytest.raises(NamespaceTakenError):
        bench.cluster.deliver(name, SECRET, supplies(A="1"), ME)
    with pytest.raises(NamespaceTakenError):
        bench.cluster.release_namespace(name, ME, (SECRET,))
    with pytest.raises(NamespaceTakenError):
        bench.cluster.remove_namespace(name, ME)
    labels = bench.outside.labels(name)
    assert labels is not None
    assert not LABELS.keys() & labels.keys()


def test_a_secret_holds_exactly_what_was_delivered_last(bench: Bench, space: str) -> None:
    value = "line\nbreak, ü, and = signs"
    bench.cluster.deliver(space, SECRET, supplies(A="1", B="2"), ME)
    bench.cluster.deliver(space, SECRET, supplies(B=value, C=""), ME)
    assert bench.outside.secret(space, SECRET) == {"B": value, "C": ""}


def test_what_somebody_put_into_a_secret_does_not_stay(bench: Bench, space: str) -> None:
    bench.cluster.deliver(space, SECRET, supplies(A="1"), ME)
    bench.outside.put_into_secret(space, SECRET, "THEIRS", "x")
    bench.outside.put_into_secret(space, SECRET, "A", "theirs")
    bench.cluster.deliver(space, SECRET, supplies(A="1"), ME)
    assert bench.outside.secret(space, SECRET) == {"A": "1"}


def test_names_without_a_value_are_left_out_and_told(bench: Bench, space: str) -> None:
    delivery = bench.cluster.deliver(space, SECRET, supplies(A="1", B=None, C=None), ME)
    assert delivery.missing == ("B", "C")
    assert bench.outside.secret(space, SECRET) == {"A": "1"}


def test_the_revision_changes_with_a_value_or_a_name_and_with_nothing_else(
    bench: Bench, space: str
) -> None:
    first = bench.cluster.deliver(space, SECRET, supplies(A="1", B="2"), ME).revision
    assert bench.again.deliver(space, SECRET, supplies(B="2", A="1"), ME).revision == first
    others = [
        supplies(A="1", B="3"),
        supplies(A="1"),
        supplies(A="2", B="1"),
        supplies(A="1", C="2"),
    ]
    found = [bench.cluster.deliver(space, SECRET, each, ME).revision for each in others]
    assert len({first, *found}) == 1 + len(others)


def test_of_what_was_delivered_whole_nothing_is_said(bench: Bench, space: str) -> None:
    assert bench.cluster.arrival(space, SECRET) == Arrival()
    bench.cluster.deliver(space, SECRET, supplies(A="1", B=None), ME)
    assert bench.cluster.arrival(space, SECRET) == Arrival()


def test_delivering_nothing_takes_the_secret_away(bench: Bench, space: str) -> None:
    bench.cluster.deliver(space, SECRET, supplies(A="1"), ME)
    for _ in range(2):
        assert bench.cluster.deliver(space, SECRET, {}, ME).missing == ()
        assert bench.outside.secret(space, SECRET) is None


def test_nothing_is_delivered_where_there_is_no_namespace(bench: Bench) -> None:
    with pytest.raises(EngineUnavailableError):
        bench.cluster.deliver(f"{bench.prefix}absent", SECRET, supplies(A="1"), ME)


def test_images_are_pulled_by_the_account_that_was_allowed_last(bench: Bench, space: str) -> None:
    bench.cluster.allow_pulls(space, PULLS, PULLER, ME)
    bench.again.allow_pulls(space, PULLS, PULLER, ME)
    assert bench.outside.puller(space, PULLS, REGISTRY) == ("puller", "token: with ü")
    newer = RegistryAccount(REGISTRY, "other", SecretValue("newer"))
    bench.again.allow_pulls(space, PULLS, newer, ME)
    assert bench.outside.puller(space, PULLS, REGISTRY) == ("other", "newer")
    moved = RegistryAccount("registry.example.org", "other", SecretValue("newer"))
    bench.cluster.allow_pulls(space, PULLS, moved, ME)
    assert bench.outside.puller(space, PULLS, REGISTRY) is None
    assert bench.outside.puller(space, PULLS, "registry.example.org") == ("other", "newer")


def test_what_images_are_pulled_by_and_what_is_delivered_are_two_things(
    bench: Bench, space: str
) -> None:
    bench.cluster.allow_pulls(space, PULLS, PULLER, ME)
    bench.cluster.deliver(space, SECRET, supplies(A="1"), ME)
    bench.cluster.deliver(space, SECRET, {}, ME)
    assert bench.outside.puller(space, PULLS, REGISTRY) == ("puller", "token: with ü")


def test_without_an_account_nothing_is_left_to_pull_by(bench: Bench, space: str) -> None:
    bench.cluster.allow_pulls(space, PULLS, None, ME)
    bench.cluster.allow_pulls(space, PULLS, PULLER, ME)
    for _ in range(2):
        bench.cluster.allow_pulls(space, PULLS, None, ME)
        assert bench.outside.puller(space, PULLS, REGISTRY) is None


def test_pulls_are_allowed_in_namespaces_of_ours_alone(bench: Bench, space: str) -> None:
    theirs = f"{bench.prefix}theirs"
    bench.outside.make_namespace(theirs)
    for namespace, marker in ((theirs, ME), (space, OTHER)):
        for account in (PULLER, None):
            with pytest.raises(NamespaceTakenError):
                bench.cluster.allow_pulls(namespace, PULLS, account, marker)
        assert bench.outside.puller(namespace, PULLS, REGISTRY) is None
    with pytest.raises(EngineUnavailableError):
        bench.cluster.allow_pulls(f"{bench.prefix}absent", PULLS, PULLER, ME)


def test_claims_are_named(bench: Bench, space: str) -> None:
    assert list(bench.cluster.claims(f"{bench.prefix}absent")) == []
    assert list(bench.cluster.claims(space)) == []
    for name in ("models", "data", "index"):
        bench.outside.make_claim(space, name)
    assert sorted(bench.cluster.claims(space)) == ["data", "index", "models"]


def test_a_released_namespace_keeps_its_claims_for_the_next_of_its_name(
    bench: Bench, space: str
) -> None:
    bench.outside.make_claim(space, "data")
    bench.cluster.deliver(space, SECRET, supplies(A="1"), ME)
    bench.cluster.allow_pulls(space, PULLS, PULLER, ME)
    for _ in range(2):
        bench.cluster.release_namespace(space, ME, (SECRET, PULLS))
    assert bench.outside.secret(space, SECRET) is None
    assert bench.outside.puller(space, PULLS, REGISTRY) is None
    bench.again.ensure_namespace(space, OTHER, LABELS)
    assert bench.cluster.claims(space) == ["data"]
    with pytest.raises(NamespaceTakenError):
        bench.cluster.ensure_namespace(space, ME, LABELS)


def test_a_released_namespace_may_be_removed_by_anybody(bench: Bench, space: str) -> None:
    bench.cluster.release_namespace(space, ME, (SECRET,))
    remove(bench.again, space, OTHER)
    assert bench.outside.labels(space) is None


def test_what_is_not_there_needs_no_release_and_no_removal(bench: Bench) -> None:
    name = f"{bench.prefix}absent"
    bench.cluster.release_namespace(name, ME, (SECRET,))
    assert list(bench.cluster.remove_namespace(name, ME)) == []


def test_a_removed_namespace_is_gone_and_may_be_made_again(bench: Bench, space: str) -> None:
    bench.cluster.deliver(space, SECRET, supplies(A="1"), ME)
    bench.outside.make_claim(space, "data")
    remove(bench.cluster, space)
    assert bench.outside.labels(space) is None
    bench.cluster.ensure_namespace(space, OTHER, LABELS)
    assert bench.outside.secret(space, SECRET) is None
    assert list(bench.cluster.claims(space)) == []


def test_what_holds_up_a_removal_is_named_with_its_finalizers(bench: Bench, space: str) -> None:
    holder = "example.org/keep"
    bench.outside.make_claim(space, "data", holder)
    left: list[str] = []
    deadline = time.monotonic() + 60
    while not any(holder in each and "data" in each for each in left):
        assert time.monotonic() < deadline, left
        left = list(bench.cluster.remove_namespace(space, ME))
    with pytest.raises(EngineUnavailableError, match="deleted"):
        bench.cluster.ensure_namespace(space, ME, LABELS)
    with pytest.raises(EngineUnavailableError):
        bench.cluster.deliver(space, SECRET, supplies(A="1"), ME)
    bench.outside.let_go(space, "data")
    remove(bench.cluster, space)
    assert bench.outside.labels(space) is None
