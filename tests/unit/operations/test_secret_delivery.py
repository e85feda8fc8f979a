"""Secrets on their way: staged, adopted, missing, hidden, forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.stage import Stage
from tests.stand_ins import TEMPLATE
from thinkube_catalog.domain.manifest import SecretDeclaration
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations import deploy, secret_delivery
from thinkube_catalog.operations.deploy import DeploymentRequest

DECLARED = (
    SecretDeclaration("HF_TOKEN", "token of a model hub"),
    SecretDeclaration("TRACE_KEY", required=False),
)
VALUE = SecretValue("a-canary")


def test_a_required_secret_that_nobody_has_is_missing(stage: Stage) -> None:
    (problem,) = secret_delivery.problems(stage.platform, "chat", DECLARED, {})
    assert problem.message == "the secret HF_TOKEN is missing (token of a model hub)"
    assert "tkt secret set HF_TOKEN" in problem.mend


def test_what_is_given_comes_before_its_own_and_that_before_the_shared(stage: Stage) -> None:
    put = stage.platform.secrets.put
    put("HF_TOKEN", VALUE)
    keys = secret_delivery.chosen_keys(stage.platform, "chat", DECLARED, {})
    assert keys == {"HF_TOKEN": "HF_TOKEN"}
    put("chat/HF_TOKEN", VALUE)
    keys = secret_delivery.chosen_keys(stage.platform, "chat", DECLARED, {})
    assert keys == {"HF_TOKEN": "chat/HF_TOKEN"}
    keys = secret_delivery.chosen_keys(stage.platform, "chat", DECLARED, {"HF_TOKEN": "OTHER"})
    assert keys == {"HF_TOKEN": "OTHER"}


def test_where_values_are_fetched_what_is_needed_is_expected_there(stage: Stage) -> None:
    platform = replace(stage.platform, secret_store="the vault")
    assert secret_delivery.problems(platform, "chat", DECLARED, {}) == []
    keys = secret_delivery.chosen_keys(platform, "chat", DECLARED, {})
    assert keys == {"HF_TOKEN": "HF_TOKEN"}
    chosen = {"HF_TOKEN": "chat/HF_TOKEN", "TRACE_KEY": "TRACE_KEY"}
    assert secret_delivery.problems(platform, "chat", DECLARED, chosen) == []
    assert secret_delivery.chosen_keys(platform, "chat", DECLARED, chosen) == chosen


def test_where_values_are_fetched_none_is_taken(stage: Stage) -> None:
    platform = replace(stage.platform, secret_store="the vault")
    (problem,) = secret_delivery.problems(platform, "chat", DECLARED, {"HF_TOKEN": VALUE})
    assert problem.message == "values of secrets are fetched from the vault, and none is taken here"
    assert (problem.field, "--secret HF_TOKEN=chat/HF_TOKEN" in problem.mend) == (
        "secrets.HF_TOKEN",
        True,
    )


def test_a_deployment_whose_values_are_fetched_needs_none_here(stage: Stage) -> None:
    platform = replace(stage.platform, secret_store="the vault")
    secrets = {"HF_TOKEN": "HF_TOKEN"}
    deploy.request(platform, DeploymentRequest(TEMPLATE, "chat", secrets=secrets))
    found = stage.platform.deployments.get("chat")
    assert secret_delivery.missing(platform, found) == []
    assert found.secrets == secrets
    assert secret_delivery.missing(stage.platform, found) != []


def test_a_misspelt_secret_is_told_from_the_declared_ones(stage: Stage) -> None:
    given = {"HF_TOKEN": VALUE, "TRACE_KEI": VALUE}
    (problem,) = secret_delivery.problems(stage.platform, "chat", DECLARED, given)
    assert problem.mend == "did you mean TRACE_KEY?"


def test_staged_values_of_a_request_that_was_never_recorded_are_tidied(held: Stage) -> None:
    asked = DeploymentRequest(TEMPLATE, "chat", secrets={"A": VALUE})
    run = deploy.request(held.platform, asked)
    never = type(run)("unknown", "", "lost", run.kind, run.created_at)
    secret_delivery.stage(held.platform, never, {"B": VALUE})
    assert secret_delivery.tidy(held.platform) == []
    held.clock.at += timedelta(days=365)
    gone = secret_delivery.tidy(held.platform)
    assert gone == ["request:unknown/B"]
    assert [entry.key for entry in held.platform.secrets.entries()] == [f"request:{run.id}/A"]


def test_a_value_that_something_repeats_is_hidden(stage: Stage) -> None:
    stage.platform.secrets.put("HF_TOKEN", VALUE)
    text = "refused: a-canary is no token"
    hidden = secret_delivery.hide(stage.platform, ["HF_TOKEN", "NOT_STORED"], text)
    assert hidden == "refused: … is no token"
