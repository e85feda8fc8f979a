"""Who may call the API, how much may be sent, and what every answer tells browsers."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response

from tests.edges.asgi import Conversation
from tests.edges.platform import HOST, Scene, a_scene
from thinkube_catalog.api.guard import HEADERS, LARGEST_BODY, Access

TOKEN = "canary-of-the-guard"
DEPLOY = {"template": "tkt-chat", "name": "chat"}


def password(word: str) -> str:
    """What a browser makes of a name and a password."""
    return b64encode(f"anybody:{word}".encode()).decode()


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[httpx.Client]:
    with a_scene(tmp_path, access=Access(token=TOKEN)).client() as client:
        yield client


def deployed(client: httpx.Client) -> list[str]:
    return [each["name"] for each in client.get("/api/v1/deployments").json()["items"]]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "127.0.0.1@evil.example:80"]
)
def test_a_name_that_is_not_this_service_s_is_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/api/v1/deployments", headers={"host": host})
    assert (answer.status_code, answer.json()["type"]) == (403, "/errors/host-not-allowed")


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765"])
def test_the_names_of_this_machine_are_allowed_with_any_port(
    client: httpx.Client, host: str
) -> None:
    assert client.get("/api/v1/deployments", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"http://{HOST}:9999"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_pages_of_other_origins_change_nothing(
    client: httpx.Client, headers: dict[str, str], content_type: str
) -> None:
    answer = client.post(
        "/api/v1/deployments", json=DEPLOY, headers={**headers, "content-type": content_type}
    )
    assert (answer.status_code, answer.json()["type"]) == (403, "/errors/origin-not-allowed")
    assert deployed(client) == []


def test_the_service_s_own_pages_may_deploy(client: httpx.Client) -> None:
    headers = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
    assert client.post("/api/v1/deployments", json=DEPLOY, headers=headers).status_code == 202


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_of_another_site_can_send_is_no_request(
    client: httpx.Client, content_type: str
) -> None:
    body = b'{"template": "tkt-chat", "name": "chat"}'
    answer = client.post(
        "/api/v1/deployments", content=body, headers={"content-type": content_type}
    )
    assert answer.status_code == 422
    assert deployed(client) == []


@pytest.mark.parametrize("path", ["/api/v1/templates", "/metrics", "/openapi.json", "/nowhere"])
@pytest.mark.parametrize(
    "given",
    [
        "",
        f"Basic {TOKEN}",
        f"Basic {password('wrong')}",
        "Basic !",
        f"Digest {TOKEN}",
        "Bearer",
        "Bearer wrong",
        f"Bearer {TOKEN}x",
        "Bearer \xe9",
    ],
)
def test_without_the_token_nothing_is_told(locked: httpx.Client, path: str, given: str) -> None:
    answer = locked.get(path, headers={b"authorization": given.encode("latin-1")})
    assert answer.status_code == 401
    offered = answer.headers["www-authenticate"]
    assert offered.startswith("Basic realm=")  # a browser asks for it
    assert offered.endswith("Bearer")
    assert TOKEN not in answer.text


@pytest.mark.parametrize("given", [f"bearer {TOKEN}", f"Basic {password(TOKEN)}"])
def test_the_token_opens_everything(locked: httpx.Client, given: str) -> None:
    headers = {"authorization": given}
    assert locked.get("/api/v1/templates", headers=headers).status_code == 200


def test_the_token_of_the_monitoring_opens_the_metrics_and_nothing_else(tmp_path: Path) -> None:
    access = Access(token=TOKEN, metrics_token="monitoring")
    headers = {"authorization": "Bearer monitoring"}
    with a_scene(tmp_path, access=access).client() as client:
        assert client.get("/metrics", headers=headers).status_code == 200
        for path in ("/api/v1/templates", "/openapi.json", "/", "/metrics/", "/metricsx"):
            assert client.get(path, headers=headers).status_code == 401


def test_no_token_of_the_monitoring_is_no_empty_one(locked: httpx.Client) -> None:
    assert locked.get("/metrics", headers={"authorization": "Bearer "}).status_code == 401


def test_health_is_told_to_everybody(locked: httpx.Client) -> None:
    assert locked.get("/health").status_code == locked.get("/ready").status_code == 200


def test_a_body_that_says_it_is_too_large_is_not_read(scene: Scene) -> None:
    async def ask() -> int:
        headers = {"content-length": str(LARGEST_BODY + 1), "content-type": "application/json"}
        async with Conversation(
            scene.app, "/api/v1/deployments", method="POST", headers=headers
        ) as talk:
            status, _ = await talk.start()  # although nothing of the body was sent
            return status

    assert asyncio.run(ask()) == 413


def test_a_body_that_grows_too_large_is_cut_off(scene: Scene) -> None:
    async def ask() -> int:
        async with Conversation(
            scene.app, "/api/v1/deployments", method="POST", headers={"transfer-encoding": "x"}
        ) as talk:
            chunk = b" " * (LARGEST_BODY // 4)
            talk.send_body(*[chunk] * 5, complete=False)
            status, _ = await talk.start()
            return status

    assert asyncio.run(ask()) == 413


def test_a_body_as_large_as_allowed_is_read(client: httpx.Client) -> None:
    answers = {"greeting": "x" * (LARGEST_BODY - 200), "project_name": "a"}
    answer = client.post("/api/v1/templates/tkt-chat/form", json={"answers": answers})
    assert answer.status_code == 200


@pytest.mark.parametrize("length", ["many", "-1", "9" * 5000, "²"])
def test_a_length_that_is_no_number_breaks_nothing(client: httpx.Client, length: str) -> None:
    answer = client.get("/health", headers={b"content-length": length.encode("latin-1")})
    assert answer.status_code in {200, 413}


def test_every_answer_tells_browsers_to_keep_nothing_and_guess_nothing(scene: Scene) -> None:
    scene.app.add_api_route("/bug", lambda: 1 // 0)
    with scene.client() as client:
        answers = [
            client.get("/api/v1/templates"),
            client.get("/health"),
            client.get("/metrics"),
            client.get("/openapi.json"),
            client.get("/nowhere"),
            client.put("/api/v1/templates"),
            client.post("/api/v1/deployments", json={}),
            client.get("/health", headers={"host": "evil.example"}),
            client.get("/bug"),
        ]
    assert [each.status_code for each in answers] == [200] * 4 + [404, 405, 422, 403, 500]
    for answer in answers:
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_a_route_may_say_something_else_to_browsers(scene: Scene) -> None:
    @scene.app.get("/picture")
    def picture() -> Response:
        return Response("", headers={"Cache-Control": "max-age=60"})

    with scene.client() as client:
        assert client.get("/picture").headers["cache-control"] == "max-age=60"
