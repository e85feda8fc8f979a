"""Deployments by API: asked for once, seen, changed, and removed after a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.edges.platform import Scene, Unreachable, a_scene, without

CHAT = {"template": "tkt-chat", "name": "chat"}


def deploy(client: httpx.Client, key: str = "", **changes: object) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/api/v1/deployments", json={**CHAT, **changes}, headers=headers)


def get(client: httpx.Client, path: str) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_deployment_is_started_and_found_where_it_says(client: httpx.Client) -> None:
    answer = deploy(client, answers={"greeting": "Hi", "count": "3"})
    assert answer.status_code == 202
    found = client.get(answer.headers["location"]).json()
    assert found["state"] == "healthy"
    assert found["answers"] == {
        "project_name": "chat",
        "greeting": "Hi",
        "tone": "kind",
        "count": 3,
    }
    assert found["application"]["health"] == "healthy"
    assert found["run"]["id"] == answer.json()["id"]
    assert get(client, f"/runs/{answer.json()['id']}")["state"] == "succeeded"


def test_the_same_key_is_the_same_run(client: httpx.Client) -> None:
    first, again = deploy(client, "click-1"), deploy(client, "click-1")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert len(get(client, "/deployments/chat/history")["items"]) == 1


def test_a_key_that_was_used_for_another_body_is_a_conflict(client: httpx.Client) -> None:
    deploy(client, "click-1")
    answer = deploy(client, "click-1", answers={"greeting": "other"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/errors/key-reused")


def test_a_key_that_was_used_for_another_change_is_a_conflict(client: httpx.Client) -> None:
    deploy(client, "click-1")
    for method, path, body in (
        ("DELETE", "/deployments/chat", None),
        ("POST", "/deployments/chat/rollback", {}),
        ("POST", "/deployments/chat/renew", None),
    ):
        headers = {"Idempotency-Key": "click-1"}
        answer = client.request(method, f"/api/v1{path}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (409, "/errors/key-reused")
    assert get(client, "/deployments/chat")["state"] == "healthy"


def test_a_deployment_is_shown_as_it_was_seen_last_while_the_engine_does_not_answer(
    scene: Scene, client: httpx.Client
) -> None:
    deploy(client)
    seen = get(client, "/deployments/chat")
    with without(scene.platform, engine=Unreachable()):
        told = get(client, "/deployments/chat")
    assert told == seen | {"application": None, "unavailable": "nobody answers"}
    assert get(client, "/deployments/chat") == seen


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 200])
def test_pages_of_deployments_follow_each_other_and_the_last_says_so(
    client: httpx.Client, limit: int
) -> None:
    for name in ("d", "a", "c", "b"):
        deploy(client, name=name)
    pages: list[list[str]] = []
    after = ""
    while True:
        answer = client.get("/api/v1/deployments", params={"limit": limit, "after": after})
        page = answer.json()
        pages.append([each["name"] for each in page["items"]])
        after = page["next"]
        if not after:
            break
    assert [name for page in pages for name in page] == ["a", "b", "c", "d"]
    assert all(pages)


def test_a_failed_run_says_why_and_goes_on_when_asked(scene: Scene, client: httpx.Client) -> None:
    scene.break_next_versions("exit code 137")
    run = deploy(client).json()
    failed = get(client, "/deployments/chat")
    assert failed["state"] == "failed"
    assert "exit code 137" in str(get(client, f"/runs/{run['id']}")["problems"])
    assert failed["application"]["causes"] == [
        {
            "kind": "crash loop",
            "message": "exit code 137",
            "mend": "mend it",
            "container": "app",
            "lines": ["boom"],
        }
    ]
    scene.mend_versions()
    again = client.post("/api/v1/deployments/chat/retry")
    assert (again.status_code, again.json()["attempt"]) == (202, 2)
    assert get(client, "/deployments/chat")["state"] == "healthy"


def test_renewing_secrets_is_a_run_that_ends_healthy(client: httpx.Client) -> None:
    deploy(client)
    headers = {"Idempotency-Key": "click-2"}
    first, again = (
        client.post("/api/v1/deployments/chat/renew", headers=headers) for _ in range(2)
    )
    assert (first.status_code, again.json()["id"]) == (202, first.json()["id"])
    run = get(client, f"/runs/{first.json()['id']}")
    assert (run["kind"], run["state"]) == ("renew", "succeeded")
    assert get(client, "/deployments/chat")["state"] == "healthy"


def test_nothing_to_do_is_a_conflict(client: httpx.Client) -> None:
    deploy(client)
    for path, kind in (
        ("retry", "nothing-to-retry"),
        ("cancel", "nothing-to-cancel"),
        ("rollback", "nothing-to-roll-back-to"),
    ):
        answer = client.post(f"/api/v1/deployments/chat/{path}", json={})
        assert (answer.status_code, answer.json()["type"]) == (409, f"/errors/{kind}")


def test_a_second_run_waits_for_nobody(tmp_path: Path) -> None:
    with a_scene(tmp_path, carried_out=False).client() as client:
        deploy(client)
        answer = client.delete("/api/v1/deployments/chat")
        assert (answer.status_code, answer.json()["type"]) == (409, "/errors/deployment-busy")
        assert client.post("/api/v1/deployments/chat/cancel").json()["state"] == "queued"


def test_a_rollback_to_a_commit_that_never_was_is_not_found(client: httpx.Client) -> None:
    deploy(client)
    answer = client.post("/api/v1/deployments/chat/rollback", json={"to": "c0ffee"})
    assert (answer.status_code, answer.json()["type"]) == (404, "/errors/commit-not-found")


def test_removal_is_planned_before_it_is_done(scene: Scene, client: httpx.Client) -> None:
    deploy(client)
    plan = get(client, "/deployments/chat/removal-plan?repository=true")
    removed = {each["what"]: each["removed"] for each in plan["items"]}
    assert removed == {"application": True, "volumes": False, "repository": True}
    assert get(client, "/deployments/chat")["state"] == "healthy"

    run = client.delete("/api/v1/deployments/chat", params={"repository": "true"})
    assert run.status_code == 202
    assert get(client, f"/runs/{run.json()['id']}")["state"] == "succeeded"
    assert client.get("/api/v1/deployments/chat").status_code == 404
    assert list(scene.engine.names()) == []


def test_events_of_a_removed_deployment_can_still_be_read(client: httpx.Client) -> None:
    deploy(client)
    client.delete("/api/v1/deployments/chat")
    kinds = [each["kind"] for each in get(client, "/deployments/chat/events")["items"]]
    assert kinds[-1] == "run succeeded"


def test_metrics_count_runs_by_kind_and_outcome_and_deployments_by_state(
    scene: Scene, client: httpx.Client
) -> None:
    deploy(client, name="one")
    deploy(client, name="two")
    scene.break_next_versions()
    deploy(client, name="three")
    client.delete("/api/v1/deployments/two")
    lines = client.get("/metrics").text.splitlines()
    for line in (
        'thinkube_catalog_runs_total{kind="deploy",outcome="succeeded"} 2.0',
        'thinkube_catalog_runs_total{kind="deploy",outcome="failed"} 1.0',
        'thinkube_catalog_runs_total{kind="remove",outcome="succeeded"} 1.0',
        'thinkube_catalog_deployments{state="healthy"} 1.0',
        'thinkube_catalog_deployments{state="failed"} 1.0',
        'thinkube_catalog_deployments{state="degraded"} 0.0',
        "thinkube_catalog_runs_under_way 0.0",
        'thinkube_catalog_step_seconds_count{outcome="succeeded",step="publish"} 3.0',
        'thinkube_catalog_step_seconds_count{outcome="failed",step="healthy"} 1.0',
    ):
        assert line in lines
    asked = 'method="POST",route="/api/v1/deployments",status="202"'
    assert f"thinkube_catalog_requests_total{{{asked}}} 3.0" in lines


def test_metrics_name_routes_and_never_addresses(client: httpx.Client) -> None:
    deploy(client)
    client.get("/api/v1/deployments/chat")
    client.get("/nowhere/canary")
    text = client.get("/metrics").text
    assert 'route="/api/v1/deployments/{name}"' in text
    assert "canary" not in text


def test_readiness_names_the_part_that_is_not_well(scene: Scene, client: httpx.Client) -> None:
    assert client.get("/ready").json() == {"ready": True, "checks": {"database": "ok"}}
    scene.checks["database"] = "it is locked"
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "checks": {"database": "it is locked"}}
    assert client.get("/health").status_code == 200
