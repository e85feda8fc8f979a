"""A PostgreSQL server of our own for tests: in a folder, on a Unix socket, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def installed() -> bool:
    return bool(PROGRAMS)


@contextmanager
def server() -> Iterator[Path]:
    """Run a server; give the folder of its socket."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    owner = _unprivileged()
    if owner is not None:
        shutil.chown(folder, owner)
    try:
        _run(owner, "initdb", "-A", "trust", "-U", "postgres", "-D", str(folder / "db"))
        start(folder)
        try:
            yield folder
        finally:
            stop(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start(folder: Path) -> None:
    """Start the server of that folder, and wait until it answers."""
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=80"
    log = str(folder / "log")
    arguments = ("-w", "-D", str(folder / "db"), "-l", log, "-o", options, "start")
    _run(_unprivileged(), "pg_ctl", *arguments)


def stop(folder: Path) -> None:
    """Stop the server of that folder as a crash would: whoever is connected is thrown out."""
    _run(_unprivileged(), "pg_ctl", "-m", "immediate", "-D", str(folder / "db"), "stop")


@contextmanager
def paused(folder: Path) -> Iterator[None]:
    """Have the server accept connections and answer nothing."""
    main = psutil.Process(int((folder / "db" / "postmaster.pid").read_text().split()[0]))
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def new_database(folder: Path) -> str:
    """Make an empty database; return its URL as SQLAlchemy reads it."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(host=str(folder), user="postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"postgresql+psycopg://postgres@/{name}?host={folder}"


def _unprivileged() -> str | None:
    # The server refuses to run as root.
    if os.geteuid() != 0:
        return None
    return pwd.getpwnam("postgres").pw_name


def _run(owner: str | None, program: str, *arguments: str) -> None:
    subprocess.run(
        [str(PROGRAMS[0] / program), *arguments],
        user=owner,
        group=owner,
        cwd="/",
        check=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
