"""Probes: asking processes whether they are well, without ever waiting in the reconcile loop."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True)
class Reply:
    """What came back. `at` is the monotonic time at which the question went out."""

    well: bool
    message: str
    at: float


def ask(port: int, path: str, timeout: float) -> Reply:
    """Ask by HTTP, or with no path whether anything accepts connections. Never raises.

    2xx and 3xx are well, as for Kubernetes.
    """
    at = time.monotonic()
    try:
        if not path:
            socket.create_connection(("127.0.0.1", port), timeout).close()
            return Reply(True, "accepts connections", at)
        return _get(port, path, timeout, at)
    except TimeoutError:
        return Reply(False, f"no answer within {timeout:g} s", at)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = "nothing listens" if isinstance(error, ConnectionRefusedError) else str(error)
        return Reply(False, f"{reason} on port {port}", at)


def _get(port: int, path: str, timeout: float, at: float) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"User-Agent": "thinkube-catalog-probe"})
        answer = connection.getresponse()
        excerpt = answer.read(300).decode("utf-8", "replace").strip()
    finally:
        connection.close()
    said = f"GET {path} answered {answer.status}"
    if HTTPStatus.OK <= answer.status < HTTPStatus.BAD_REQUEST:
        return Reply(True, said, at)
    return Reply(False, f"{said}: {excerpt}" if excerpt else said, at)


class Probes:
    """Questions under way and the newest replies, by whom they are about."""

    def __init__(self, timeout: float, threads: int = 8) -> None:
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="probe")
        self._asked: dict[Hashable, Future[Reply]] = {}
        self._replies: dict[Hashable, Reply] = {}

    def newest(self, subject: Hashable, port: int, path: str, every: float) -> Reply | None:
        """Return the newest reply and ask again when it is older than `every` seconds."""
        asked = self._asked.get(subject)
        if asked is not None and asked.done():
            self._replies[subject] = asked.result()
            del self._asked[subject]
            asked = None
        reply = self._replies.get(subject)
        if asked is None and (reply is None or time.monotonic() - reply.at >= every):
            self._asked[subject] = self._pool.submit(ask, port, path, self._timeout)
        return reply

    def forget(self, number: Hashable) -> None:
        """Drop all about subjects that begin so."""
        for kept in (self._asked, self._replies):
            for subject in [each for each in kept if isinstance(each, tuple) and each[0] == number]:
                del kept[subject]

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
