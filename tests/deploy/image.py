"""The image of the service, built by hand: what `Containerfile` says is done in a folder.

`COPY` and `RUN` of the stage `build` are carried out as they stand, below another root; the last
stage is read for how the service is started.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "Containerfile"
IGNORED = ROOT / ".containerignore"


@dataclass
class Stage:
    """One stage: its instructions in order, and what they set for the rest."""

    base: str
    name: str = ""
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def last(self, word: str) -> str:
        return [rest for found, rest in self.instructions if found == word][-1]

    @property
    def environment(self) -> dict[str, str]:
        lines = [rest for word, rest in self.instructions if word == "ENV"]
        pairs = (part.partition("=") for line in lines for part in shlex.split(line))
        return {name: value for name, _, value in pairs}


def stages() -> list[Stage]:
    """Read the Containerfile."""
    found: list[Stage] = []
    for word, rest in _instructions(CONTAINERFILE.read_text("utf-8")):
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base, name))
        elif found:
            found[-1].instructions.append((word, rest))
    return found


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    pairs = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(word, rest.strip()) for word, _, rest in pairs]


def context() -> list[Path]:
    """Return the files that a build gets to see, relative to the repository."""
    lines = [line.strip() for line in IGNORED.read_text("utf-8").splitlines()]
    rules = [line for line in lines if line and not line.startswith("#")]
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.split("\0")
    return [Path(name) for name in tracked if name and _is_seen(Path(name), rules)]


def _is_seen(path: Path, rules: list[str]) -> bool:
    """Apply the rules in order: the last one that fits decides."""
    seen = True
    for rule in rules:
        pattern = rule.removeprefix("!")
        if pattern.startswith("**/"):
            fits = any(fnmatch(part, pattern.removeprefix("**/")) for part in path.parts)
        else:
            heads = [str(Path(*path.parts[: n + 1])) for n in range(len(path.parts))]
            fits = any(fnmatch(head, pattern) for head in heads)
        if fits:
            seen = rule.startswith("!")
    return seen


def _words(text: str) -> list[str]:
    words: list[str] = json.loads(text)
    return words


class HandMade:
    """The file system of the stage `build`, below a root of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root

    def place(self, path: str) -> Path:
        return self.root / path.lstrip("/") if path.startswith("/") else self.folder / path

    def build(self, stage: Stage) -> None:
        """Carry out the instructions."""
        for word, rest in stage.instructions:
            match word:
                case "WORKDIR":
                    self.folder = self.place(rest)
                    self.folder.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(*rest.split())
                case "RUN":
                    self._run(rest, stage.environment)
                case "ENV":
                    continue
                case _:
                    raise NotImplementedError(word)

    def _copy(self, *names: str) -> None:
        *sources, target = names
        for path in context():
            if not any(source in {".", str(path)} for source in sources):
                continue
            # `COPY . .` keeps the layout; files that are named go into the folder.
            goal = self.place(target) / (path if sources == ["."] else path.name)
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, goal)

    def _run(self, command: str, environment: dict[str, str]) -> None:
        # `python` of the image is the one that runs this.
        shims = self.root / "shims"
        shims.mkdir(exist_ok=True)
        shim = shims / "python"
        if not shim.exists():
            shim.write_text(f'#!/bin/sh\nexec {self._interpreter()} "$@"\n')
            shim.chmod(0o755)
        known = {name: value for name, value in os.environ.items() if "THINKUBE" not in name}
        known.pop("PYTHONDONTWRITEBYTECODE", None)
        subprocess.run(
            ["/bin/sh", "-ec", command],
            cwd=self.folder,
            env={**known, **environment, "PATH": f"{shims}:{os.environ['PATH']}"},
            check=True,
            capture_output=True,
            timeout=600,
        )

    def _interpreter(self) -> Path:
        """Return this machine's own, or a copy that other users can reach."""
        own = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        if all(folder.stat().st_mode & stat.S_IXOTH for folder in own.parents):
            return own
        prefix = self.root / "python"
        ignored = shutil.ignore_patterns("test", "site-packages", "__pycache__", "*.a", "share")
        shutil.copytree(sys.base_prefix, prefix, symlinks=True, ignore=ignored)
        return prefix / own.relative_to(Path(sys.base_prefix).resolve())

    @property
    def libraries(self) -> dict[str, str]:
        """Return where a copied interpreter finds its own library."""
        own = self.root / "python" / "lib"
        return {"LD_LIBRARY_PATH": str(own)} if own.exists() else {}

    def command(self, stage: Stage) -> list[str]:
        """Return how the image starts its program, with the program's place here."""
        program, *arguments = _words(stage.last("ENTRYPOINT")) + _words(stage.last("CMD"))
        folder = stage.environment["PATH"].partition(":")[0]
        return [str(self.place(folder) / program), *arguments]
