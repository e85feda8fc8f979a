"""One replica as people run it, `tkt serve`, but for a shared world that needs no cluster.

Arguments: a folder for the outside world, which all replicas share; the program's version; the
lease in seconds. Repositories live in a folder, applications on a shelf. While the world has a
file `hold`, what goes through the ports waits there, each act with a file that says so.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.stand_ins import Shelf, StandInEngine
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.sql.replicas import SqlReplicas
from thinkube_catalog.domain.deployments import Run, RunKind
from thinkube_catalog.main import cli
from thinkube_catalog.operations import runs
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.steps import Done, Outcome, Step
from thinkube_catalog.wiring import engines, forges, parts, service, serving

OWNER = "thinkube-deployments"
NEW_STEP = "announce"
PATIENCE = 300.0


class Held:
    """A port whose named acts wait, before and after, while the world has a file to hold them."""

    def __init__(self, port: Any, world: Path, acts: tuple[str, ...]) -> None:
        self._port, self._world, self._acts = port, world, acts

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._held(name, found) if name in self._acts else found

    def _held(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def acting(*arguments: Any, **named: Any) -> Any:
            if getattr(arguments[0], "owner", OWNER) != OWNER:
                return act(*arguments, **named)  # a template, which any look may publish
            self._wait(f"before-{name}")
            result = act(*arguments, **named)
            self._wait(f"after-{name}")
            return result

        return acting

    def _wait(self, place: str) -> None:
        hold = self._world / f"hold-{place}"
        here = self._world / f"held-{place}-{os.getpid()}"
        if not hold.exists():
            return
        here.touch()
        deadline = time.monotonic() + PATIENCE
        while hold.exists() and time.monotonic() < deadline:
            time.sleep(0.02)


class Engine(StandInEngine):
    """The shelf's engine, which looks after nothing by itself."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


def main(world: Path, version: str, lease: float) -> None:
    forge = LocalForge(world / "git")
    shelf = Shelf(world / "world")
    held_forge = Held(forge, world, ("publish",))
    held_engine = Held(Engine(shelf, forge), world, ("ensure_application", "remove_application"))
    forges.FORGES = {"local": lambda *_: held_forge}
    engines.ENGINES = {"local": lambda *_: held_engine}
    vars(service)["SqlReplicas"] = partial(SqlReplicas, lease_seconds=lease)
    for module in (parts, service, serving):
        module.program_version = lambda: version  # type: ignore[attr-defined] # each has it
    if version != "1":
        _change_the_plan()
    sys.argv = ["tkt", "serve", "--port", "0"]
    cli()


def _change_the_plan() -> None:
    """Be a newer version: one step more, in the middle; the first one is called otherwise."""

    def announce(_platform: Platform, run: Run) -> Outcome:
        return Done(f"{run.deployment} is announced")

    steps = list(runs._PLANS[RunKind.DEPLOY])
    place = [step.name for step in steps].index("register")
    steps.insert(place, Step(NEW_STEP, "Announce it", announce))
    steps[0] = replace(steps[0], title="Look at everything first")
    runs._PLANS = {**runs._PLANS, RunKind.DEPLOY: tuple(steps)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
