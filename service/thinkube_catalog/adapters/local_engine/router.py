"""The one router: gives every application its address. A program of its own, which outlives us.

`python -I -m thinkube_catalog.adapters.local_engine.router FOLDER` follows `FOLDER/table.json`
(replaced by the engine as a whole) and answers in `FOLDER/applied.json` which version of it holds,
which addresses could not be had, and how many requests still run on upstreams that left it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web

from thinkube_catalog.adapters.local_engine.proxy import Application, Proxy

LOOK_SECONDS = 0.025
PLENTY_OF_HEADERS = 64 * 1024


class Router:
    """Listeners and routes as the table says."""

    def __init__(self, folder: Path, session: ClientSession) -> None:
        self.folder = folder
        self.proxy = Proxy(session)
        self.listeners: dict[int, web.Server] = {}
        self.sockets: dict[int, asyncio.Server] = {}
        self.faults: dict[int, str] = {}
        self.version = 0
        self.seen: tuple[int, int] = (0, 0)
        self.said = ""

    async def follow(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self._look()
            self._say()
            try:
                await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)
            except TimeoutError:
                continue

    async def _look(self) -> None:
        try:
            found = (self.folder / "table.json").stat()
            seen = (found.st_mtime_ns, found.st_ino)
            if seen == self.seen and not self.faults:
                return
            table = json.loads((self.folder / "table.json").read_bytes())
        except (OSError, ValueError):
            return  # the next replacement of the table mends it
        await self._apply(table)
        self.seen = seen

    async def _apply(self, table: dict[str, Any]) -> None:
        wanted = {int(row["port"]): Application.of(row) for row in table["applications"]}
        for port in set(self.sockets) - set(wanted):
            await self._close(port)
        self.proxy.hosts = frozenset(table.get("hosts", ()))
        self.proxy.applications = wanted
        self.faults = {}
        for port in wanted:
            await self._open(str(table.get("bind", "127.0.0.1")), port)
        self.version = int(table["version"])

    async def _open(self, bind: str, port: int) -> None:
        if port in self.sockets:
            return

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return await self.proxy.answer(port, request)

        server = web.Server(
            answer,
            handler_cancellation=True,
            max_line_size=PLENTY_OF_HEADERS,
            max_field_size=PLENTY_OF_HEADERS,
            access_log=None,
        )
        try:
            socket = await asyncio.get_running_loop().create_server(server, bind, port)
        except OSError as error:
            self.faults[port] = str(error)
            return
        self.listeners[port], self.sockets[port] = server, socket

    async def _close(self, port: int) -> None:
        self.sockets.pop(port).close()
        await self.listeners.pop(port).shutdown(1.0)

    def _say(self) -> None:
        said = json.dumps(
            {
                "version": self.version,
                "pid": os.getpid(),
                "faults": self.faults,
                "leaving": self.proxy.leaving(),
            },
        )
        if said == self.said:
            return
        temporary = self.folder / "applied.json.new"
        temporary.write_text(said)
        temporary.replace(self.folder / "applied.json")
        self.said = said


async def run(folder: Path) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    session = ClientSession(
        # Shorter than the servers' own limits, so that a connection is never used as it closes.
        connector=TCPConnector(limit=0, keepalive_timeout=1.5, force_close=False),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None, sock_connect=5),
        auto_decompress=False,
        max_line_size=PLENTY_OF_HEADERS,
        max_field_size=PLENTY_OF_HEADERS,
    )
    async with session:
        router = Router(folder, session)
        await router.follow(stopping)
        for socket in router.sockets.values():
            socket.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
