"""The description of the API: worth reading, and true for whatever is sent."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks

from tests.edges.platform import a_scene

METHODS = ("get", "put", "post", "delete", "patch")

_scene = a_scene(Path(tempfile.mkdtemp(prefix="openapi-")))
with _scene.client() as _client:
    _client.post("/api/v1/deployments", json={"template": "tkt-chat", "name": "chat"})
schema = schemathesis.openapi.from_asgi("/openapi.json", _scene.app, headers={"host": "127.0.0.1"})


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_every_address_is_one_that_callers_rely_on(document: dict[str, Any]) -> None:
    # A change here is a change of the contract: add, and think twice before taking away.
    assert sorted(name for name, _ in operations(document)) == [
        "DELETE /api/v1/deployments/{name}",
        "DELETE /api/v1/deployments/{name}/proposals",
        "DELETE /api/v1/secrets/{key}",
        "GET /api/v1/deployments",
        "GET /api/v1/deployments/{name}",
        "GET /api/v1/deployments/{name}/events",
        "GET /api/v1/deployments/{name}/history",
        "GET /api/v1/deployments/{name}/logs",
        "GET /api/v1/deployments/{name}/proposals",
        "GET /api/v1/deployments/{name}/remake",
        "GET /api/v1/deployments/{name}/removal-plan",
        "GET /api/v1/runs/{run_id}",
        "GET /api/v1/secrets",
        "GET /api/v1/templates",
        "GET /api/v1/templates/{name}",
        "GET /api/v1/templates/{name}/readme",
        "GET /api/v1/templates/{name}/releases",
        "GET /health",
        "GET /metrics",
        "GET /ready",
        "POST /api/v1/deployments",
        "POST /api/v1/deployments/{name}/cancel",
        "POST /api/v1/deployments/{name}/remake",
        "POST /api/v1/deployments/{name}/renew",
        "POST /api/v1/deployments/{name}/retry",
        "POST /api/v1/deployments/{name}/rollback",
        "POST /api/v1/deployments/{name}/upgrade",
        "POST /api/v1/deployments/{name}/upgrade/preview",
        "POST /api/v1/hooks/gitea",
        "POST /api/v1/templates/{name}/form",
        "POST /api/v1/templates/{name}/preview",
        "PUT /api/v1/secrets/{key}",
    ]


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert len(operation["description"]) > 20, name
        assert operation["tags"], name


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (name, parameter["name"])


def test_every_body_has_an_example_that_it_accepts(
    document: dict[str, Any], client: httpx.Client
) -> None:
    for name, operation in operations(document):
        body = operation.get("requestBody")
        if body is None:
            continue
        reference = body["content"]["application/json"]["schema"]["$ref"]
        described = document["components"]["schemas"][reference.rpartition("/")[2]]
        assert described["examples"], name


def test_errors_are_problem_documents_and_nothing_else(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and name != "GET /ready":
                assert list(answer["content"]) == ["application/problem+json"], (name, status)


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_the_answer_is_one_that_is_described(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(
        headers={"host": "127.0.0.1"},
        excluded_checks=[
            checks.positive_data_acceptance,  # cursors, names and answers have rules of their own
            checks.unsupported_method,  # QUERY, TRACE and the like; 405 is tested elsewhere
            checks.ignored_auth,
        ],
    )
