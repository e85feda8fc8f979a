"""A service that hosts an engine and dies at a chosen moment: `host.py ROOT FORGE KILL_AT`.

It counts what it does to the world outside, files replaced and processes started, and kills
itself right before deed number KILL_AT. Ends with code 0 once the newest commit is healthy.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

from tests.adapters.local_engine.conftest import LEGAL_QA, QUICK
from tests.adapters.local_engine.projects import REPOSITORY, wait_healthy
from thinkube_catalog.adapters.local_engine.engine import LocalEngine, Options
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.memory.secrets import MemorySecrets


def die_before(holder: Any, name: str, deeds: count[int], kill_at: int) -> None:
    act = getattr(holder, name)

    def deed(*args: Any, **kw: Any) -> Any:
        if next(deeds) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*args, **kw)

    setattr(holder, name, deed)


def main(root: Path, forge_root: Path, kill_at: int) -> None:
    deeds = count(1)
    for holder, name in ((Path, "replace"), (os, "posix_spawn"), (Path, "rename"), (Path, "touch")):
        die_before(holder, name, deeds, kill_at)
    forge = LocalForge(forge_root)
    engine = LocalEngine(root, forge, MemorySecrets(), Options(timings=QUICK))
    engine.start()
    engine.ensure_application(LEGAL_QA)
    head = forge.head(REPOSITORY)
    assert head is not None
    wait_healthy(engine, head)
    os._exit(0)  # as abruptly as a kill, once everything is done


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
