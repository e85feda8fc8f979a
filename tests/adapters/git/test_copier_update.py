"""Merging gives what Copier's own `copier update` gives, and differs where we say so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.adapters.copier.test_parity import GIT, tree_at
from tests.folders import write_folder
from thinkube_catalog.adapters.git.merging import GitMerger
from thinkube_catalog.domain.merging import Conflict, ConflictKind, Merge, unsettled
from thinkube_catalog.domain.rendering import FileTree

ANSWERS = ".copier-answers.yml"
LINES = "".join(f"line {number}\n" for number in range(1, 41))
BLOB, THEIR_BLOB, MY_BLOB = (bytes([number, 0, 255]) * 40 for number in (1, 2, 3))


def changed(*pairs: tuple[int, str]) -> str:
    """Return the lines with some of them replaced."""
    lines = LINES.splitlines(keepends=True)
    for number, text in pairs:
        lines[number - 1] = f"{text}\n"
    return "".join(lines)


OLD: Mapping[str, str | bytes] = {
    "theirs.txt": LINES,
    "mine.txt": LINES,
    "apart.txt": LINES,
    "same.txt": LINES,
    "conflict.txt": LINES,
    "deleted.txt": LINES,
    "gone.txt": LINES,
    "gone-changed.txt": LINES,
    "moved.txt": LINES.replace("line", "row"),
    "run.sh": "#!/bin/sh\necho one\n",
    "tool.sh": "#!/bin/sh\necho one\n\n\n\n\n\necho two\n",
    "theirs.bin": BLOB,
    "mine.bin": BLOB,
    "sub/folder/deep.txt": LINES,
    "no-end.txt": "one\ntwo\nthree",
}
NEW: Mapping[str, str | bytes] = {
    **{path: text for path, text in OLD.items() if not path.startswith("gone")},
    "theirs.txt": changed((2, "theirs")),
    "apart.txt": changed((2, "theirs")),
    "same.txt": changed((20, "the same")),
    "conflict.txt": changed((20, "theirs")),
    "deleted.txt": changed((2, "theirs")),
    "moved.txt": LINES.replace("line", "row").replace("row 30\n", "row 30, theirs\n"),
    "run.sh": "#!/bin/sh\necho theirs\n",
    "theirs.bin": THEIR_BLOB,
    "new.txt": "new\n",
    "both-new.txt": "made by the template\n",
    "sub/folder/deep.txt": changed((2, "theirs")),
    "no-end.txt": "one\ntwo\nthree\nfour",
}
MINE: Mapping[str, str | bytes] = {
    "mine.txt": changed((2, "mine")),
    "apart.txt": changed((38, "mine")),
    "same.txt": changed((20, "the same")),
    "conflict.txt": changed((20, "mine")),
    "gone-changed.txt": changed((20, "mine")),
    "run.sh": "#!/bin/sh\necho one\n",
    "tool.sh": "#!/bin/sh\necho mine\n\n\n\n\n\necho two\n",
    "mine.bin": MY_BLOB,
    "both-new.txt": "made by me\n",
    "own/notes.txt": "mine\n",
    "sub/folder/deep.txt": changed((38, "mine")),
    "no-end.txt": "zero\none\ntwo\nthree",
}


@dataclass
class Project:
    """A project made by Copier from the first of two releases, and changed by a person."""

    root: Path

    @property
    def template(self) -> Path:
        return self.root / "template"

    def release(self, files: Mapping[str, str | bytes], version: str, *executable: str) -> None:
        answers = {"[[ _copier_conf.answers_file ]].jinja": "[[ _copier_answers|to_nice_yaml ]]"}
        envelope = "_subdirectory: template\n_envops: {variable_start_string: '[[', "
        envelope += "variable_end_string: ']]'}\n"
        for path in [path for path in self.template.rglob("*") if path.is_file()]:
            if ".git" not in path.parts:
                path.unlink()
        inside = {f"template/{path}": text for path, text in {**files, **answers}.items()}
        write_folder(
            self.template,
            {"copier.yml": envelope, **inside},
            [f"template/{each}" for each in executable],
        )
        self.git(self.template, "init", "-q", "-b", "main")
        self.git(self.template, "add", "-A")
        self.git(self.template, "commit", "-q", "-m", version)
        self.git(self.template, "tag", version)

    def copier(self, *arguments: str) -> None:
        self.run(sys.executable, "-m", "copier", *arguments)

    def git(self, folder: Path, *arguments: str) -> None:
        self.run("git", "-C", str(folder), *arguments)

    def run(self, *command: str) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root), "LANG": "C.UTF-8", **GIT}
        subprocess.run(command, check=True, env=environment, timeout=120, capture_output=True)

    def rendered(self, name: str, version: str) -> FileTree:
        """Return what `copier copy` makes of a version, in a folder of that name."""
        folder = self.root / name
        options = ("-q", "--defaults", "--vcs-ref", version)
        self.copier("copy", *options, str(self.template), str(folder))
        return without_git(folder)


def without_git(folder: Path) -> FileTree:
    return FileTree(
        {path: file for path, file in tree_at(folder).items() if not path.startswith(".git/")}
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[FileTree, Merge]:
    """Return what `copier update` has made of a changed project, and our merge of the same."""
    project = Project(tmp_path_factory.mktemp("update"))
    project.release(OLD, "v1.0.0")
    project.release(NEW, "v1.1.0", "tool.sh")
    base = project.rendered("mine", "v1.0.0")
    theirs = project.rendered("theirs", "v1.1.0")
    mine = project.root / "mine"
    write_folder(mine, MINE, ["run.sh"])
    (mine / "deleted.txt").unlink()
    (mine / "moved.txt").rename(mine / "elsewhere.txt")
    ours = without_git(mine)
    project.git(mine, "init", "-q", "-b", "main")
    project.git(mine, "add", "-A")
    project.git(mine, "commit", "-q", "-m", "Mine")
    project.copier("update", "-q", "--defaults", "--vcs-ref", "v1.1.0", str(mine))
    merged = GitMerger().merge(base, ours, theirs)
    return without_git(mine), merged


OTHERWISE = {
    "gone-changed.txt": "Copier drops what a person changed and the template removed",
    "elsewhere.txt": "Copier does not see renames: the template's change is lost",
    "mine.bin": "Copier drops what a person changed in a file without lines",
    "no-end.txt": "Copier joins two lines where a file does not end in a line end",
}
"""Where we differ, and why. `docs/decisions/upgrades.md` tells it."""


def test_all_but_what_is_listed_is_the_same(both: tuple[FileTree, Merge]) -> None:
    copied, merged = both
    paths = {*copied, *merged.files} - {ANSWERS}
    differing = {path for path in paths if copied.get(path) != merged.files.get(path)}
    assert differing == OTHERWISE.keys()


def test_conflicts_are_those_that_copier_marks(both: tuple[FileTree, Merge]) -> None:
    copied, merged = both
    ours = {each.path for each in merged.conflicts}
    assert set(unsettled(copied)) == ours - {"gone-changed.txt"}
    assert Conflict("conflict.txt", ConflictKind.CONTENT, marked=True) in merged.conflicts
    assert Conflict("both-new.txt", ConflictKind.ADDED, marked=True) in merged.conflicts


def test_where_they_differ_nothing_of_anybodys_is_lost(both: tuple[FileTree, Merge]) -> None:
    copied, merged = both
    assert "mine" in merged.files.text("gone-changed.txt")
    assert "gone-changed.txt" not in copied
    assert "row 30, theirs" in merged.files.text("elsewhere.txt")
    assert "row 30, theirs" not in copied.text("elsewhere.txt")
    assert (merged.files["mine.bin"].content, copied["mine.bin"].content) == (MY_BLOB, BLOB)
    assert merged.files.text("no-end.txt") == "zero\none\ntwo\nthree\nfour"
    assert copied.text("no-end.txt") == "zero\none\ntwo\nthreefour"


def test_an_unchanged_project_becomes_the_new_release_byte_for_byte(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.release(OLD, "v1.0.0", "run.sh")
    project.release(NEW, "v1.1.0", "tool.sh")
    base, theirs = project.rendered("old", "v1.0.0"), project.rendered("new", "v1.1.0")
    assert GitMerger().merge(base, base, theirs) == Merge(theirs)
