"""Following a deployment: each event once and in order, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import itertools
import json
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.edges.asgi import Conversation
from tests.edges.platform import Scene, a_scene
from thinkube_catalog.api import streams
from thinkube_catalog.domain.deployments import Event, EventKind, StoreUnavailableError

EVENTS = "/api/v1/deployments/chat/events"
STREAM = {"accept": "text/event-stream"}


@pytest.fixture
def deployed(scene: Scene) -> Scene:
    with scene.client() as client:
        client.post("/api/v1/deployments", json={"template": "tkt-chat", "name": "chat"})
    return scene


def tell(scene: Scene, message: str) -> None:
    now = scene.platform.now()
    scene.platform.deployments.append(Event("chat", EventKind.HEALTH_CHANGED, now, message))


def cursors(scene: Scene) -> list[int]:
    return [event.cursor for event in scene.platform.deployments.events("chat")]


async def read_stream(
    scene: Scene, most: int, headers: dict[str, str] | None = None, query: str = ""
) -> list[dict[str, object]]:
    """Read so many events of a stream, then hang up without a word."""
    seen: list[dict[str, object]] = []
    async with Conversation(
        scene.app, EVENTS, headers={**STREAM, **(headers or {})}, query=query
    ) as talk:
        talk.send_body(b"")
        status, answered = await talk.start()
        assert (status, answered["content-type"]) == (200, "text/event-stream; charset=utf-8")
        async for chunk in talk.chunks():
            for line in chunk.splitlines():
                if line.startswith("data: ") and len(seen) < most:
                    seen.append(json.loads(line[6:]))
            if len(seen) >= most:
                break
    return seen


def test_a_stream_begins_at_the_first_event(deployed: Scene) -> None:
    seen = asyncio.run(read_stream(deployed, len(cursors(deployed))))
    assert [each["cursor"] for each in seen] == cursors(deployed)


def test_a_stream_goes_on_after_the_last_event_that_was_seen(deployed: Scene) -> None:
    headers = {"last-event-id": "3"}
    assert asyncio.run(read_stream(deployed, 1, headers))[0]["cursor"] == 4
    assert asyncio.run(read_stream(deployed, 1, query="after=3"))[0]["cursor"] == 4


@pytest.mark.parametrize("odd", ["²", "x", "-1", "9" * 400, "1.5"])
def test_an_id_that_is_no_cursor_counts_as_none(deployed: Scene, odd: str) -> None:
    async def first() -> str:
        async with Conversation(deployed.app, EVENTS, headers=STREAM) as talk:
            headers = [(b"last-event-id", odd.encode("latin-1"))]
            talk.scope["headers"] += headers
            talk.send_body(b"")
            assert (await talk.start())[0] == 200
            async for chunk in talk.chunks():
                if chunk.startswith("id: "):
                    return chunk.splitlines()[0]
        return ""

    assert asyncio.run(first()) == "id: 1"


def test_a_quiet_stream_says_that_it_is_alive(
    deployed: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)

    async def listen() -> list[str]:
        query = f"after={cursors(deployed)[-1]}"
        async with Conversation(deployed.app, EVENTS, headers=STREAM, query=query) as talk:
            talk.send_body(b"")
            await talk.start()
            heard = []
            async for chunk in talk.chunks():
                heard.append(chunk)
                if len(heard) == 3:
                    break
            return heard

    assert asyncio.run(listen()) == ["retry: 1000\n\n", ": still here\n\n", ": still here\n\n"]


def test_a_stream_outlives_a_database_that_is_away(
    deployed: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "AWAY_SECONDS", 0.01)
    records = deployed.platform.deployments
    read, answers = records.events, itertools.count()

    def events(*arguments: int) -> Sequence[Event]:
        if next(answers) in {1, 2}:
            raise StoreUnavailableError("it is being restarted")
        return read("chat", *arguments[1:])

    monkeypatch.setattr(records, "events", events)

    async def listen() -> list[str]:
        async with Conversation(deployed.app, EVENTS, headers=STREAM) as talk:
            talk.send_body(b"")
            assert (await talk.start())[0] == 200
            heard = []
            async for chunk in talk.chunks():
                heard.append(chunk.splitlines()[0])
                if len(heard) == 4:
                    break
            return heard

    assert asyncio.run(listen()) == ["retry: 1000", ": waiting", ": waiting", "id: 1"]


def test_a_stream_of_an_unknown_deployment_is_a_problem_and_no_stream(client: httpx.Client) -> None:
    for kind in ("events", "logs"):
        answer = client.get(f"/api/v1/deployments/none/{kind}", headers=STREAM)
        assert (answer.status_code, answer.json()["status"]) == (404, 404)


def test_waiting_ends_with_the_first_new_event(deployed: Scene) -> None:
    last = cursors(deployed)[-1]
    timer = threading.Timer(0.05, tell, [deployed, "news"])
    timer.start()
    with deployed.client() as client:
        page = client.get(EVENTS, params={"after": last, "wait": 30}).json()
    timer.join()
    assert [each["message"] for each in page["items"]] == ["news"]
    assert page["next"] == page["items"][-1]["cursor"]


def test_waiting_in_vain_returns_the_same_cursor(deployed: Scene) -> None:
    last = cursors(deployed)[-1]
    with deployed.client() as client:
        page = client.get(EVENTS, params={"after": last, "wait": 0.01}).json()
    assert page == {"items": [], "next": last}


@pytest.mark.parametrize("wait", ["31", "-1", "nan", "inf", "long"])
def test_nobody_waits_for_ever(deployed: Scene, wait: str) -> None:
    with deployed.client() as client:
        assert client.get(EVENTS, params={"wait": wait}).status_code == 422


def test_logs_continue_after_their_cursor(deployed: Scene) -> None:
    with deployed.client() as client:
        path = "/api/v1/deployments/chat/logs"
        page = client.get(path).json()
        assert [each["container"] for each in page["items"]] == ["app"]
        assert client.get(path, params={"after": page["next"]}).json()["items"] == []
        assert client.get(path, params={"container": "other"}).json()["items"] == []
        assert client.get(path, params={"after": "²"}).status_code == 200


@settings(max_examples=25, deadline=None)
@given(
    reads=st.lists(
        st.tuples(st.integers(1, 5), st.sampled_from(["stream", "poll", "header"])),
        min_size=1,
        max_size=6,
    ),
    told_between=st.lists(st.integers(0, 3), min_size=6, max_size=6),
)
def test_for_any_pattern_of_disconnects_each_event_is_seen_once_and_in_order(
    reads: Sequence[tuple[int, str]], told_between: Sequence[int]
) -> None:
    with tempfile.TemporaryDirectory() as root:
        scene = a_scene(Path(root))
        with scene.client() as client:
            client.post("/api/v1/deployments", json={"template": "tkt-chat", "name": "chat"})
            seen = _follow(scene, client, reads, told_between)
        assert seen == cursors(scene)


def _follow(
    scene: Scene,
    client: httpx.Client,
    reads: Sequence[tuple[int, str]],
    told_between: Sequence[int],
) -> list[int]:
    """Read some events this way and that, as more come, and the rest by polling."""
    seen: list[int] = []
    for (most, way), told in zip(reads, told_between, strict=False):
        for number in range(told):
            tell(scene, f"news {number}")
        last = seen[-1] if seen else 0
        waiting = [each for each in cursors(scene) if each > last]
        if way == "poll" or not waiting:
            page = client.get(EVENTS, params={"after": last}).json()
            seen += [each["cursor"] for each in page["items"]][:most]
            continue
        header = {"last-event-id": str(last)} if way == "header" else {}
        query = "" if way == "header" else f"after={last}"
        wanted = min(most, len(waiting))
        events = asyncio.run(read_stream(scene, wanted, header, query))
        seen += [int(str(each["cursor"])) for each in events]
    while items := client.get(EVENTS, params={"after": seen[-1] if seen else 0}).json()["items"]:
        seen += [each["cursor"] for each in items]
    return seen
