"""What the forge may tell by itself, and what everybody else may not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.deliveries import a_push, signed
from tests.edges.platform import HOST, Scene, a_scene
from thinkube_catalog.adapters.gitea.deliveries import Received
from thinkube_catalog.api.guard import LARGEST_BODY, Access
from thinkube_catalog.domain.forge import Repository
from thinkube_catalog.domain.secrets import SecretValue

PATH = "/api/v1/hooks/gitea"
CHAT = Repository("thinkube-deployments", "chat")
KEY = "canary-of-the-deliveries"


class Told:
    """Believes what is signed for the repository, and keeps what came through."""

    def __init__(self) -> None:
        self.pushed: list[Repository] = []
        self._received = Received(
            lambda id_: [SecretValue(f"{KEY}-older-{id_}"), SecretValue(f"{KEY}-{id_}")]
        )

    def receive(self, headers: Mapping[str, str], body: bytes) -> Repository | None:
        return self._received.push(headers, body)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def scene(tmp_path: Path, told: Told) -> Scene:
    access = Access(token="canary-of-the-guard")
    return a_scene(tmp_path, access=access, deliveries=told, pushed=told.pushed.append)


@pytest.fixture
def client(scene: Scene) -> Iterator[httpx.Client]:
    with scene.client() as client:
        yield client


def deliver(client: httpx.Client, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return client.post(PATH, content=body, headers=headers)


@pytest.mark.parametrize("key", [f"{KEY}-7", f"{KEY}-older-7"])
def test_a_signed_push_is_taken_without_a_token(client: httpx.Client, told: Told, key: str) -> None:
    answer = deliver(client, *signed(a_push(), key))
    assert (answer.status_code, answer.content) == (204, b"")
    assert told.pushed == [CHAT]


def test_the_same_delivery_does_nothing_twice(client: httpx.Client, told: Told) -> None:
    body, headers = signed(a_push(), f"{KEY}-7")
    assert [deliver(client, body, headers).status_code for _ in range(3)] == [204, 204, 204]
    assert told.pushed == [CHAT]


def test_what_is_no_push_to_main_is_ignored(client: httpx.Client, told: Told) -> None:
    for content, headers in (
        (a_push(ref="refs/heads/other"), {}),
        (a_push(ref="refs/tags/v1"), {}),
        (a_push(), {"x-gitea-event": "issues"}),
        (a_push(), {"x-gitea-event": ""}),
        (a_push(name="../etc"), {}),
        (a_push(name="a/b/c"), {}),
        ({**a_push(), "ref": ["refs/heads/main"]}, {}),
        ({"repository": {"id": 7}}, {}),
        ({"ref": "refs/heads/main", "repository": {"id": 7, "full_name": "\ud800/x"}}, {}),
    ):
        answer = deliver(client, *signed(content, f"{KEY}-7", **headers))
        assert (answer.status_code, answer.content) == (204, b"")
    assert told.pushed == []


@pytest.mark.parametrize(
    "changed",
    [
        {"x-gitea-signature": ""},
        {"x-gitea-signature": "0" * 64},
        {"x-gitea-signature": "sha256=" + "0" * 64},
        {"x-gitea-signature": "ü" * 64},
        {"x-gitea-signature": "x" * 5000},
    ],
)
def test_what_is_not_signed_is_refused(
    client: httpx.Client, told: Told, changed: dict[str, str]
) -> None:
    body, headers = signed(a_push(), f"{KEY}-7")
    raw = {name.encode(): text.encode() for name, text in {**headers, **changed}.items()}
    answer = client.post(PATH, content=body, headers=raw)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert told.pushed == []


def test_refusals_tell_nothing_apart(client: httpx.Client) -> None:
    bodies = [
        signed(a_push(), "wrong"),
        signed(a_push(id_=8), f"{KEY}-7"),  # another repository's secret
        signed(a_push(id_=0), f"{KEY}-0"),
        signed({**a_push(), "repository": None}, f"{KEY}-7"),
        signed(b"", f"{KEY}-7"),
        signed(b"payload=%7B%7D", f"{KEY}-7"),
    ]
    answers = [deliver(client, *each) for each in bodies]
    assert {(answer.status_code, answer.text) for answer in answers} == {
        (403, answers[0].text),
    }


def test_a_changed_body_is_refused(client: httpx.Client, told: Told) -> None:
    body, headers = signed(a_push(), f"{KEY}-7")
    assert deliver(client, body + b" ", headers).status_code == 403
    assert told.pushed == []


def test_a_body_that_is_too_large_is_not_read(client: httpx.Client) -> None:
    answer = deliver(client, *signed(b" " * (LARGEST_BODY + 1), f"{KEY}-7"))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}]
)
def test_pages_deliver_nothing(client: httpx.Client, told: Told, headers: dict[str, str]) -> None:
    answer = deliver(client, *signed(a_push(), f"{KEY}-7", **headers))
    assert (answer.status_code, told.pushed) == (403, [])


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_deliveries_come_without_a_token(client: httpx.Client, method: str) -> None:
    assert client.request(method, PATH).status_code == 401
    assert client.post(f"{PATH}/x").status_code == 401
    assert client.post("/api/v1/deployments", json={}).status_code == 401


def test_without_a_forge_that_delivers_nothing_is_signed(tmp_path: Path) -> None:
    with a_scene(tmp_path).client() as client:
        assert deliver(client, *signed(a_push(), f"{KEY}-7")).status_code == 403


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["ref", "repository", "id", "full_name", "x"]), inner)
    ),
    max_leaves=20,
)
_bodies = st.binary(max_size=300) | _json
_headers = st.dictionaries(
    st.sampled_from(["x-gitea-signature", "x-gitea-event", "x-gitea-delivery", "content-type"]),
    st.binary(max_size=80).filter(lambda each: not set(each) & set(b"\r\n\0")),
)
_DEEP = b'{"repository":' * 100_000


@pytest.mark.parametrize("key", ["unsigned", f"{KEY}-7"])
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=_bodies, headers=_headers)
@example(content=_DEEP, headers={})
@example(content=b"[" * 1_000_000, headers={})
@example(content=b'{"repository": {"id": ' + b"9" * 100_000 + b"}}", headers={})
@example(content=b'{"repository": {"id": 1e999}}', headers={})
@example(content=b'{"repository": {"id": NaN}}', headers={})
@example(content=b'{"repository": {"id": true, "id": "7"}}', headers={})
@example(content=b'\xff\xfe{\x00"\x00', headers={})
@example(content=b"\xef\xbb\xbf{}", headers={})
@example(content=b'{"ref": "\\ud800", "repository": {"id": 7, "full_name": "\\udfff"}}', headers={})
def test_whatever_is_sent_the_answer_is_a_refusal_or_nothing(
    client: httpx.Client, told: Told, key: str, content: object, headers: dict[str, bytes]
) -> None:
    body, given_headers = signed(content, key)
    raw = {name: text.encode() for name, text in given_headers.items()} | headers
    encoded = {name.encode(): text for name, text in raw.items()}
    answer = client.post(PATH, content=body, headers=encoded)
    assert answer.status_code in {204, 403}
    if key == "unsigned":
        assert answer.status_code == 403
    assert told.pushed == []
    assert KEY not in answer.text


def test_host_names_are_checked_as_everywhere(client: httpx.Client) -> None:
    body, headers = signed(a_push(), f"{KEY}-7", host="evil.example")
    assert deliver(client, body, headers).status_code == 403
    assert deliver(client, body, {**headers, "host": HOST}).status_code == 204
