"""A kubeconfig's cluster: what the file has to hold, and what comes back as an error."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.administered.cluster import AdministeredCluster, administered_cluster
from thinkube_catalog.adapters.kubernetes.administration import (
    ClusterAdministration,
    ClusterUnansweredError,
    differences,
)
from thinkube_catalog.domain.bootstrap import ImpossibleError


@pytest.fixture
def cluster() -> Iterator[AdministeredCluster]:
    with administered_cluster() as made:
        yield made


def written(folder: Path, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    content = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "it", "user": "me"}}],
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "me", "user": user}],
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_token_of_a_file_is_used(cluster: AdministeredCluster, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("administrator-token\n")
    path = written(tmp_path, {"server": cluster.url}, {"tokenFile": "token"})
    administration = ClusterAdministration(path, 10)
    assert administration.find("Namespace", "", "nobody") is None
    administration.close()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}, "whoever answers"),
        (
            {
                "server": "https://127.0.0.1:1",
                "certificate-authority-data": base64.b64encode(b"nonsense").decode(),
            },
            "certificates",
        ),
        ({}, "no current context with a cluster"),
    ],
)
def test_a_file_that_will_not_do_is_told(
    tmp_path: Path, content: dict[str, Any], told: str
) -> None:
    with pytest.raises(ImpossibleError, match=told):
        ClusterAdministration(written(tmp_path, content, {}), 10)


def test_a_file_that_asks_another_program_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    user = {"exec": {"command": "touch", "args": [str(marker)]}}
    with pytest.raises(ImpossibleError, match="kubectl create token"):
        ClusterAdministration(written(tmp_path, {"server": "http://127.0.0.1:1"}, user), 10)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"\xff", b"[]", b"a: ["])
def test_a_file_that_is_no_kubeconfig_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(ImpossibleError):
        ClusterAdministration(path, 10)


def test_what_does_not_answer_repeats_nothing_that_was_sent(
    cluster: AdministeredCluster, tmp_path: Path
) -> None:
    cluster.fault("reset", "PATCH")
    administration = ClusterAdministration(cluster.kubeconfig(tmp_path), 10)
    with pytest.raises(ClusterUnansweredError) as raised:
        administration.merge("Secret", "argocd", "argocd-secret", {"stringData": {"a": "canary"}})
    assert "canary" not in str(raised.value)
    administration.close()


def test_without_the_right_that_is_told(cluster: AdministeredCluster, tmp_path: Path) -> None:
    cluster.tokens["narrow"] = "somebody"
    administration = ClusterAdministration(cluster.kubeconfig(tmp_path, "narrow"), 10)
    with pytest.raises(ImpossibleError, match="may not do this"):
        administration.find("Namespace", "", "argocd")
    administration.close()


def test_only_what_is_wanted_is_compared() -> None:
    there = {"a": {"b": 1, "c": 2}, "d": [{"e": 1, "f": 2}]}
    assert differences(there, {"a": {"b": 1}, "d": [{"e": 1}]}) == []
    assert differences(there, {"a": {"b": 2}, "d": [{"e": 3}]}) == ["a.b", "d[0].e"]
    assert differences(there, {"d": []}) == ["d"]
    assert differences(there, {"g": {"h": 1}}) == ["g"]
