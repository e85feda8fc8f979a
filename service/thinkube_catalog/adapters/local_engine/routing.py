"""The engine's side of the router: keeps it running and tells it the table."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from thinkube_catalog.adapters.local_engine.files import DamagedFileError, read_json, write_json
from thinkube_catalog.adapters.local_engine.instances import Instance, InstanceRecord, Order

_ROUTER = "thinkube_catalog.adapters.local_engine.router"
"""Named, not imported: its HTTP library would cost the service 8 MB and a tenth of its start."""

FIRST_PORT, LAST_PORT = 20000, 29999
"""Below what systems hand out for outgoing connections, so that those never take one of ours."""


@dataclass(frozen=True)
class Row:
    """An application's address and where it leads: routes as (path, upstream port)."""

    name: str
    port: int
    routes: tuple[tuple[str, int], ...]
    message: str


@dataclass(frozen=True)
class Applied:
    """What the router says it does: `faults` by port, requests on ports that were left.

    `live` says that the process that runs now has said so, and not one before it.
    """

    version: int = 0
    live: bool = False
    faults: Mapping[int, str] = field(default_factory=dict)
    leaving: Mapping[int, int] = field(default_factory=dict)


class Routing:
    """One router process for all applications, under a supervisor of its own."""

    def __init__(self, root: Path, bind: str, hosts: Collection[str]) -> None:
        self.folder = root / "router"
        self.bind, self.hosts = bind, sorted(hosts)
        self._program = _program()
        self.version = 0
        self._rows: tuple[Row, ...] | None = None
        self._instances: list[Instance] = []
        self._current: Instance | None = None

    def open(self) -> None:
        """Find a router that runs already. One of another program is replaced."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            table = read_json(self.folder / "table.json") or {}
        except DamagedFileError:
            table = {}
        self.version = int(table.get("version", 0))
        found = [Instance.load(each) for each in self.folder.glob("[0-9]*")]
        self._instances = [each for each in found if each is not None]

    def keep(self) -> None:
        """Make the router run, once the old ones are gone."""
        if self._current is None:
            self._current = self._chosen()
        for old in [each for each in self._instances if each is not self._current]:
            if old.retire():
                old.delete()
                self._instances.remove(old)
        if len(self._instances) == 1 and not self._current.running():
            self._current.spawn(self._order())

    def tell(self, rows: Collection[Row]) -> int:
        """Publish the table if it changed; return its version."""
        ordered = tuple(sorted(rows, key=lambda row: row.name))
        if ordered != self._rows:
            self.version += 1
            table = {
                "version": self.version,
                "bind": self.bind,
                "hosts": self.hosts,
                "applications": [vars(row) for row in ordered],
            }
            write_json(self.folder / "table.json", table)
            self._rows = ordered
        return self.version

    def applied(self) -> Applied:
        try:
            found = read_json(self.folder / "applied.json") or {}
        except DamagedFileError:
            found = {}
        return Applied(
            found.get("version", 0),
            self._current is not None and found.get("pid") == self._current.state().pid,
            {int(port): text for port, text in found.get("faults", {}).items()},
            {int(port): count for port, count in found.get("leaving", {}).items()},
        )

    def stop(self) -> bool:
        stopped = [each.stop() for each in self._instances]
        return all(stopped)

    def _chosen(self) -> Instance:
        for each in self._instances:
            if each.record.revision == self._program and not each.retired:
                return each
        number = max((each.number for each in self._instances), default=0) + 1
        record = InstanceRecord(number, "router", "", self._program, "service")
        created = Instance.create(self.folder, record)
        self._instances.append(created)
        return created

    def _order(self) -> Order:
        return Order(
            command=[sys.executable, "-I", "-m", _ROUTER, str(self.folder)],
            folder=Path("/"),
            environment={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(self.folder)},
            grace_seconds=5.0,
        )


def _program() -> str:
    digest = hashlib.sha256(sys.executable.encode())
    for name in ("router.py", "proxy.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:16]


def free_port(taken: Collection[int]) -> int:
    """Return a port of our range that nothing listens on. Raises OSError if there is none."""
    candidates = [port for port in range(FIRST_PORT, LAST_PORT + 1) if port not in taken]
    random.shuffle(candidates)
    for port in candidates:
        if is_free(port):
            return port
    raise OSError("no port is free")


def is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
