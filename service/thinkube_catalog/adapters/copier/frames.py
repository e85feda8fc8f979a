"""Framed JSON on a socket: four bytes of length (big-endian), then UTF-8 JSON.

A dumb format on purpose: the far end may be a process that a hostile template got the better of,
so nothing that it sends is ever unpickled, and nothing larger than agreed is read.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Mapping

_LENGTH = struct.Struct(">I")


class BrokenFrameError(Exception):
    """The far end sent something too large, cut short, or not an object."""


def send(channel: socket.socket, message: Mapping[str, object]) -> None:
    body = json.dumps(message).encode()
    channel.sendall(_LENGTH.pack(len(body)) + body)


def receive(
    channel: socket.socket,
    largest: int,
    wait: Callable[[], None] | None = None,
) -> dict[str, object] | None:
    """Return the next message, or None when the far end has closed before sending one.

    `wait` is called before each read; it returns when there is something to read, or raises.
    """
    head = _exactly(channel, _LENGTH.size, wait)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > largest:
        message = f"a message of {length} bytes; at most {largest} are read"
        raise BrokenFrameError(message)
    body = _exactly(channel, length, wait)
    if body is None:
        raise BrokenFrameError("the message was cut short")
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BrokenFrameError("the message is not JSON") from error
    if not isinstance(message, dict):
        raise BrokenFrameError("the message is not an object")
    return message


def _exactly(
    channel: socket.socket,
    count: int,
    wait: Callable[[], None] | None,
) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        if wait is not None:
            wait()
        part = channel.recv(min(count - len(parts), 1 << 20))
        if not part:
            if parts:
                raise BrokenFrameError("the message was cut short")
            return None
        parts += part
    return bytes(parts)
