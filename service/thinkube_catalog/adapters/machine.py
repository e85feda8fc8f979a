"""This machine and what the embedded platform needs of it, looked at for `tkt doctor`."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
from uv import find_uv_bin

from thinkube_catalog.adapters.durable import SqliteTooOldError, check_sqlite
from thinkube_catalog.domain.bindings import Provider
from thinkube_catalog.domain.checks import Check

OLDEST_GIT = (2, 25)
LEAST_FREE_GIB = 5
_GIB = 1024**3


def check_python() -> Check:
    """Python and its SQLite, which the durable runs need as a pair."""
    version = f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"
    try:
        check_sqlite(sys.version_info[:2], sqlite3.sqlite_version_info)
    except SqliteTooOldError as error:
        return Check("python", good=False, message=version, mend=str(error))
    return Check("python", good=True, message=version)


def check_git() -> Check:
    """The git program, with which people clone and templates are fetched."""
    said = _said(["git", "--version"])
    numbers = said.rpartition(" ")[2].split(".")[:2]
    new = all(number.isdigit() for number in numbers) and tuple(map(int, numbers)) >= OLDEST_GIT
    oldest = ".".join(map(str, OLDEST_GIT))
    return Check("git", new, said or "not found", f"install git {oldest} or newer")


def check_uv() -> Check:
    """The uv program, with which applications get their environments."""
    said = _said([find_uv_bin(), "--version"])
    return Check("uv", bool(said), said or "does not run", "install this program's pins again")


def check_folder(folder: Path) -> Check:
    """The data folder: may be written to, and has room."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free / _GIB
    except OSError as error:
        mend = "give this user the right to write there, or set THINKUBE_DATA_DIR"
        return Check("data folder", good=False, message=str(error), mend=mend)
    mend = f"free some room: environments of applications take some; {LEAST_FREE_GIB} GiB are wise"
    return Check("data folder", free >= LEAST_FREE_GIB, f"{folder}, {free:.0f} GiB free", mend)


def check_provider(provider: Provider) -> Check:
    """A configured endpoint: answers at all (a refused key is an answer)."""
    name = f"provider {provider.name}"
    try:
        status = httpx.get(provider.url, timeout=5).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        mend = "start it, or correct THINKUBE_PROVIDERS"
        return Check(name, good=False, message=f"{provider.url}: {error}", mend=mend)
    return Check(name, good=True, message=f"{provider.url} answers ({status})")


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
