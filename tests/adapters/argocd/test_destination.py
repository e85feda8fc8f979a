"""A cluster by its address or by its name: in records, and in what our project allows."""

from __future__ import annotations

import pytest

from thinkube_catalog.adapters.argocd.desired import Placement, record
from thinkube_catalog.adapters.argocd.project import (
    ArgoProject,
    ProjectPlan,
    differences,
    manifest,
    narrower,
    wider,
)
from thinkube_catalog.domain.forge import Repository
from thinkube_catalog.domain.gitops import Application

ADDRESS, NAME = "https://10.0.0.9:6443", "gpus"


def a_plan(cluster: str) -> ProjectPlan:
    return ProjectPlan(
        name="thinkube",
        organisation_url="https://git.example.org/ours",
        cluster=cluster,
        namespace_prefix="tkt-",
        argocd_namespace="argocd",
    )


def made(plan: ProjectPlan) -> ArgoProject:
    return ArgoProject.model_validate(manifest(plan))


@pytest.mark.parametrize("cluster", [ADDRESS, NAME])
def test_a_project_is_as_it_was_planned(cluster: str) -> None:
    plan = a_plan(cluster)
    (place,) = plan.destinations
    assert place == {"name" if cluster == NAME else "server": cluster, "namespace": "tkt-*"}
    assert differences(made(plan), plan) == []


@pytest.mark.parametrize("cluster", [ADDRESS, NAME])
def test_a_record_tells_its_cluster_in_one_way_alone(cluster: str) -> None:
    chat = Application("chat", Repository("ours", "chat"), "deployment-1")
    told = record(chat, Placement(cluster=cluster), {})["spec"]["destination"]
    assert told == {"name" if cluster == NAME else "server": cluster, "namespace": "tkt-chat"}


@pytest.mark.parametrize(("there", "wanted"), [(ADDRESS, NAME), (NAME, ADDRESS)])
def test_one_told_in_the_other_way_is_perhaps_the_same_and_perhaps_another(
    there: str, wanted: str
) -> None:
    project = made(a_plan(there))
    assert narrower(project, a_plan(wanted)) == []
    assert wider(project, a_plan(wanted)) == [f"it reaches tkt-* on {there}"]


@pytest.mark.parametrize("other", ["https://10.0.0.1", "cpus"])
def test_another_one_of_that_kind_is_told(other: str) -> None:
    wanted = a_plan(NAME if other == "cpus" else ADDRESS)
    assert len(narrower(made(a_plan(other)), wanted)) == 1
