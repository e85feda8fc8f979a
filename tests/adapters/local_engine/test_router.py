"""Requests through the router, from real clients to real applications."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import os
import signal
import socket
import sys
import textwrap
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.adapters.local_engine.conftest import Stage
from tests.adapters.local_engine.projects import (
    answer_code,
    container,
    get,
    get_mapping,
    project,
    push,
    wait_for,
    wait_healthy,
    web,
)
from thinkube_catalog.adapters.local_engine.proxy import Application
from thinkube_catalog.domain.rendering import FileTree

EVERYTHING = textwrap.dedent(
    """
    import asyncio, hashlib, os
    from aiohttp import web

    async def echo(request):
        socket = web.WebSocketResponse(protocols=["chat"])
        await socket.prepare(request)
        async for message in socket:
            if message.data == "leave":
                await socket.close(code=4001)
            elif isinstance(message.data, str):
                await socket.send_str(message.data.upper())
            else:
                await socket.send_bytes(message.data[::-1])
        return socket

    async def events(request):
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for number in range(3):
            await answer.write(f"data: {number}\\n\\n".encode())
            await asyncio.sleep(0.3)
        return answer

    async def upload(request):
        digest, size = hashlib.sha256(), 0
        async for piece in request.content.iter_any():
            digest.update(piece)
            size += len(piece)
        return web.json_response({"size": size, "digest": digest.hexdigest()})

    async def broken(request):
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(b"half")
        os._exit(1)

    async def fine(request):
        raw = request.raw_path
        return web.Response(text=raw, headers={"X-Own": "a", "Connection": "X-Hop", "X-Hop": "b"})

    app = web.Application(client_max_size=0)
    app.router.add_get("/echo", echo)
    app.router.add_get("/events", events)
    app.router.add_post("/upload", upload)
    app.router.add_get("/broken", broken)
    app.router.add_get("/{rest:.*}", fine)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
    """
)


@pytest.fixture
def url(stage: Stage) -> str:
    # The tests' own interpreter has aiohttp.
    dev = {"command": f"{sys.executable} app.py"}
    files = {"app.py": EVERYTHING}
    engine = stage.start()
    return wait_healthy(engine, push(stage.forge, project("x", [container(dev=dev)], files))).url


def test_web_sockets_go_both_ways_and_close_with_their_code(url: str) -> None:
    async def talk() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}/echo", protocols=["chat"]) as socket,
        ):
            assert socket.protocol == "chat"
            await socket.send_str("hello")
            assert await socket.receive_str() == "HELLO"
            await socket.send_bytes(b"\x01\x02" * 100_000)
            assert await socket.receive_bytes() == b"\x02\x01" * 100_000
            await socket.send_str("leave")
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 4001

    asyncio.run(talk())


def test_events_arrive_as_they_are_sent(url: str) -> None:
    async def listen() -> list[float]:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/events") as answer:
            assert answer.content_type == "text/event-stream"
            return [
                asyncio.get_running_loop().time()
                async for line in answer.content
                if line.startswith(b"data")
            ]

    first, second, third = asyncio.run(listen())
    assert second - first > 0.1
    assert third - second > 0.1


def test_a_hundred_megabytes_are_uploaded_as_they_are(url: str) -> None:
    block = os.urandom(1024 * 1024)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield block

    async def send() -> dict[str, object]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/upload", data=body()) as answer,
        ):
            return dict(await answer.json())

    expected = hashlib.sha256()
    for _ in range(100):
        expected.update(block)
    assert asyncio.run(send()) == {"size": 100 * 1024 * 1024, "digest": expected.hexdigest()}


def test_paths_arrive_exactly_as_they_were_sent(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    path = "/a%2Fb/%7Ec;d?x=%20y&x=+&z"
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.read().decode() == path
    assert answer.headers["X-Own"] == "a"
    assert "X-Hop" not in answer.headers
    connection.close()


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/broken")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        connection.getresponse().read()
    connection.close()


def test_nobody_can_claim_to_be_somebody(stage: Stage) -> None:
    engine = stage.start()
    url = wait_healthy(engine, push(stage.forge, project("one"))).url
    claims = {
        "X-Forwarded-User": "admin",
        "X_Forwarded_Email": "admin@example.org",
        "X-Auth-Request-Groups": "admins",
        "Remote-User": "admin",
        "Forwarded": "for=10.0.0.1",
        "X-Forwarded-For": "10.0.0.1",
        "X-Own": "kept",
    }
    seen = get_mapping(f"{url}/headers", claims)
    assert "admin" not in json.dumps(seen)
    assert "10.0.0.1" not in json.dumps(seen)
    assert seen["x-own"] == "kept"
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-host"] == url.removeprefix("http://")


def test_a_page_of_another_host_cannot_reach_a_local_application(stage: Stage) -> None:
    engine = stage.start()
    url = wait_healthy(engine, push(stage.forge, project("one"))).url
    assert answer_code(url, {"Host": "evil.example.org"})[0] == 421


def test_what_has_no_version_yet_says_what_goes_on(stage: Stage) -> None:
    engine = stage.start()
    slow = web("one", "time.sleep(2)")
    push(stage.forge, project("one", files={"app.py": slow}))
    url = wait_for(engine, lambda now: bool(now.url)).url
    wait_for(engine, lambda _: answer_code(url)[0] != 0)
    code, page = answer_code(url, {"Accept": "text/html"})
    assert code == 503
    assert "legal-qa is starting" in page
    assert 'http-equiv="refresh"' in page
    assert json.loads(answer_code(url)[1])["title"] == "legal-qa"


def test_what_could_never_be_started_says_why(stage: Stage) -> None:
    engine = stage.start()
    crash = project("one", files={"app.py": "raise SystemExit('<no model>')"})
    url = wait_for_failure(stage, crash)
    wait_for(engine, lambda _: "could not be started" in answer_code(url)[1])


def wait_for_failure(stage: Stage, files: FileTree) -> str:
    push(stage.forge, files)
    return wait_for(stage.engine, lambda now: now.failed).url


def test_a_killed_router_comes_back_by_itself(stage: Stage) -> None:
    engine = stage.start()
    url = wait_healthy(engine, push(stage.forge, project("one"))).url
    pid = json.loads((stage.root / "router" / "applied.json").read_text())["pid"]
    engine.stop(leave_running=True)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while answer_code(url) != (200, "one"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_router_of_an_older_program_is_replaced(stage: Stage) -> None:
    engine = stage.start()
    url = wait_healthy(engine, push(stage.forge, project("one"))).url
    engine.stop(leave_running=True)
    record = stage.root / "router" / "1" / "instance.json"
    record.write_text(record.read_text().replace('"revision": "', '"revision": "old'))
    before = json.loads((stage.root / "router" / "applied.json").read_text())["pid"]
    engine = stage.restart()

    def replaced() -> bool:
        after = json.loads((stage.root / "router" / "applied.json").read_text())["pid"]
        return bool(after != before) and answer_code(url) == (200, "one")

    wait_for(engine, lambda _: replaced())


def test_an_address_that_another_program_takes_is_given_up(stage: Stage) -> None:
    engine = stage.start()
    first = wait_healthy(engine, push(stage.forge, project("one"))).url
    engine.stop(leave_running=False)
    with socket.create_server(("127.0.0.1", int(first.rsplit(":", 1)[1]))):
        engine = stage.restart()
        status = wait_for(engine, lambda now: now.url != first)
        wait_for(engine, lambda now: answer_code(now.url) == (200, "one"))
        assert get(status.url) == "one"


def test_the_longest_route_wins_and_covers_whole_segments() -> None:
    application = Application("x", (("/", 1), ("/api", 2), ("/api/v1/", 3), ("/api", 4)), "")
    paths = ["/", "/apis", "/api", "/api/", "/api/v2", "/api/v1", "/api/v1/x"]
    assert [application.upstream(path) for path in paths] == [1, 1, 2, 2, 2, 3, 3]
    assert Application("x", (("/api", 1),), "").upstream("/other") is None
