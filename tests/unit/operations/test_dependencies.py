"""Who uses what, from what repositories have recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders import A_MOMENT
from tests.stage import Stage, a_stage
from thinkube_catalog.domain.bindings import Provider
from thinkube_catalog.domain.deployments import DeploymentSummary, Run, RunKind, State
from thinkube_catalog.domain.descriptor import Variable
from thinkube_catalog.operations import changes, deploy
from thinkube_catalog.operations.dependencies import Dependencies, Edge, NodeKind, draw
from thinkube_catalog.operations.deploy import DeploymentRequest


def running(name: str, url: str) -> DeploymentSummary:
    return DeploymentSummary(name, "tkt-chat", "v1.0.0", State.HEALTHY, "", url, A_MOMENT)


MODEL = running("model", "http://127.0.0.1:4100")
AGENT = running("agent", "http://agent.example.org")


def uses(value: str, *deployments: DeploymentSummary, stage: Stage | None = None) -> list[Edge]:
    platform = (stage or a_stage()).platform
    bound = {"agent": [Variable("LLM_BASE_URL", value), Variable("LLM_MODEL", "small")]}
    return list(draw(platform, deployments, bound).edges)


def test_an_address_leads_to_the_deployment_that_answers_there() -> None:
    wanted = [Edge("agent", "model", ("LLM_BASE_URL",))]
    assert uses("http://127.0.0.1:4100/v1", MODEL, AGENT) == wanted
    assert uses("http://127.0.0.1:4100", MODEL, AGENT) == wanted
    assert uses("http://127.0.0.1:4101/v1", MODEL, AGENT) != wanted


@pytest.mark.parametrize("text", ["", "small", "not an address", "http://", "http://[", "a:b:c"])
def test_what_is_no_address_joins_nothing(text: str) -> None:
    assert uses(text, MODEL, AGENT) == []


def test_what_a_deployment_gives_itself_is_no_dependency() -> None:
    assert uses("http://agent.example.org/v1", MODEL, AGENT) == []


def test_a_configured_endpoint_is_found_and_keeps_its_name_beside_a_deployment_of_that_name() -> (
    None
):
    stage = a_stage()
    gateway = Provider("model", "llm", "https://gateway.example.org/v1")
    stage = replace(stage, platform=replace(stage.platform, providers=(gateway,)))
    platform = stage.platform
    bound = {"agent": [Variable("LLM_BASE_URL", "https://gateway.example.org:443/v1")]}
    graph = draw(platform, [MODEL, AGENT], bound)
    assert [(edge.user, edge.used) for edge in graph.edges] == [("agent", "model (provider)")]
    kinds = {node.name: node.kind for node in graph.nodes}
    assert kinds == {"agent": NodeKind.DEPLOYMENT, "model (provider)": NodeKind.PROVIDER}
    assert [node.name for node in graph.alone] == ["model"]


def test_what_nobody_knows_is_shown_without_its_login() -> None:
    platform = a_stage().platform
    bound = {"agent": [Variable("DATABASE_URL", "postgresql://me:secret@db.example.org/x")]}
    graph = draw(platform, [AGENT], bound)
    assert [node.name for node in graph.nodes] == ["agent", "db.example.org:5432"]
    assert "secret" not in str(graph)


def test_repositories_are_read_once_for_each_commit_and_not_beyond_patience() -> None:
    stage = a_stage()
    run: Run = deploy.request(
        stage.platform, DeploymentRequest("tkt-chat", "legal-qa", {"greeting": "hi"})
    )
    assert run.kind is RunKind.DEPLOY
    known = Dependencies(stage.platform)
    assert known.graph(patience=0.0).unread == 1
    assert known.graph().unread == 0
    with stage.shelf.change() as world:
        world.trees.clear()  # a second reading would fail
    graph = known.graph(patience=0.0)
    assert graph.unread == 0
    assert [node.name for node in graph.alone] == ["legal-qa"]


def test_a_change_of_health_alone_reads_no_repository_again() -> None:
    stage = a_stage()
    platform = stage.platform
    deploy.request(platform, DeploymentRequest("tkt-chat", "legal-qa", {"greeting": "hi"}))
    known = Dependencies(platform)
    known.graph()
    deployment = platform.deployments.get("legal-qa")
    platform.deployments.save(deployment.changed(platform.now(), state=State.DEGRADED))
    with stage.shelf.change() as world:
        world.repositories.clear()  # a reading would find nothing, and could not say so
        world.trees.clear()
    graph = known.graph()
    assert [(node.name, node.state) for node in graph.alone] == [("legal-qa", "degraded")]


def test_what_is_removed_is_forgotten() -> None:
    stage = a_stage()
    platform = stage.platform
    deploy.request(platform, DeploymentRequest("tkt-chat", "legal-qa", {"greeting": "hi"}))
    known = Dependencies(platform)
    assert known.graph().alone
    changes.remove(platform, "legal-qa")
    assert known.graph().alone == ()
