"""A Git server over HTTP for tests: the git program's own, behind the standard library's server."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class GitServer:
    """Where it answers, and the Authorization header of each request (empty: none)."""

    port: int = 0
    authorizations: list[str] = field(default_factory=list)
    redirect: str = ""  # answer everything by sending callers there
    stall: threading.Event | None = None  # answer nothing before it is set

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def git_server(root: Path) -> Generator[GitServer]:
    """Serve the bare repositories below `root` for reading."""
    server = GitServer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(root, server))
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        if server.stall is not None:
            server.stall.set()
        http.shutdown()
        thread.join()
        http.server_close()


def _handler(root: Path, server: GitServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.authorizations.append(self.headers.get("Authorization", ""))
            if server.stall is not None:
                server.stall.wait(30)
            elif server.redirect:
                self.send_response(302)
                self.send_header("Location", server.redirect + self.path)
                self.end_headers()
            else:
                self._serve()

        do_POST = do_GET  # noqa: N815 - as above

        def _serve(self) -> None:
            path, _, query = self.path.partition("?")
            answer_with_git(self, root, path, query)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing on the terminal."""

    return Handler


def answer_with_git(
    handler: BaseHTTPRequestHandler, root: Path, path: str, query: str, user: str = ""
) -> None:
    """Answer by the git program; `user` may push."""
    done = subprocess.run(
        ["git", "http-backend"],
        input=_body(handler),
        capture_output=True,
        check=True,
        timeout=30,
        env={
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": handler.command,
            "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
            "REMOTE_ADDR": "127.0.0.1",
            **({"REMOTE_USER": user} if user else {}),
        },
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
    handler.send_response(int(fields.pop("Status", "200")[:3]))
    for name, text in fields.items():
        handler.send_header(name, text)
    handler.end_headers()
    handler.wfile.write(content)


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    chunks = []
    while size := int(handler.rfile.readline(), 16):
        chunks.append(handler.rfile.read(size))
        handler.rfile.readline()
    return b"".join(chunks)
