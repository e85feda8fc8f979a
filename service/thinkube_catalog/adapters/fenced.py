"""Ports to the outside whose calls are refused once the run they are made for is not ours.

A replica that was stopped for a while may wake in the middle of a step; what it writes in the
database is refused there, what it would do outside is refused here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

Port = TypeVar("Port")


def fenced(port: Port, check: Callable[[], None]) -> Port:
    """Return the port with a check before each of its calls, which raises to refuse it."""
    return cast("Port", _Fenced(port, check))


class _Fenced:
    def __init__(self, port: object, check: Callable[[], None]) -> None:
        self._port, self._check = port, check

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the port has)
        found = getattr(self._port, name)
        if not callable(found):
            return found

        @wraps(found)
        def checked(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 (as above)
            self._check()
            return found(*arguments, **named)

        return checked
