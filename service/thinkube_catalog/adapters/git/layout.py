"""The folder of a bare repository, as gitrepository-layout(5) describes it; no hooks."""

from __future__ import annotations

from pathlib import Path

_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\thooksPath = /dev/null
"""


def make_bare(path: Path, config: str = "") -> None:
    """Make an empty bare repository whose branch will be `main`; `config` is added to its own."""
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (path / folder).mkdir(parents=True)
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    (path / "config").write_text(_CONFIG + config)


def is_repository(path: Path) -> bool:
    """Say whether the folder is the root of a repository, bare or with a work tree."""
    bare = (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()
    return bare or (path / ".git").exists()
