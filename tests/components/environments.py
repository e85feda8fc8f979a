"""Python environments with packages that the project itself does not need, kept between runs."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from uv import find_uv_bin

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "thinkube-catalog")
_SECONDS = 900


def environment(
    *packages: str, requirement_files: Sequence[Path] = (), compiled: bool = False
) -> Path:
    """The Python of an environment that holds these packages; made on first use.

    It is keyed by what is asked for, so a change makes a new one. Compiling takes a while, and
    makes a program that imports much start several times faster. Where PIP_FIND_LINKS names a
    folder of wheels, uv uses it too.
    """
    asked = [*packages, *(path.read_text(encoding="utf-8") for path in requirement_files)]
    digest = hashlib.sha256("\n".join([sys.version, *asked]).encode()).hexdigest()[:16]
    folder = CACHE / "environments" / digest
    python = folder / "bin" / "python"
    with locked(folder):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _uv("venv", "--quiet", "--python", sys.executable, str(folder))
            files = [part for path in requirement_files for part in ("-r", str(path))]
            install = ["pip", "install", "--quiet", "--python", str(python)]
            install += ["--compile-bytecode"] if compiled else []
            _uv(*install, *packages, *files)
            (folder / "complete").touch()
    return python


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time makes what will stand at this path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _uv(*arguments: str) -> None:
    variables = dict(os.environ)
    if "PIP_FIND_LINKS" in variables:
        variables["UV_FIND_LINKS"] = variables["PIP_FIND_LINKS"]
    subprocess.run([find_uv_bin(), *arguments], check=True, timeout=_SECONDS, env=variables)
