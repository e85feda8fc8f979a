"""Reading a folder that something hostile has written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.folders import write_folder
from thinkube_catalog.adapters.copier import Limits, trees


def problems_of(folder: Path, limits: Limits | None = None) -> str:
    with pytest.raises(trees.UnsafeTreeError) as caught:
        trees.read(folder, limits or Limits())
    return "\n".join(str(problem) for problem in caught.value.problems)


def test_files_come_with_bytes_modes_and_links(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a/b.txt": b"\xff", "run": "x"}, ["run"])
    (tmp_path / "link").symlink_to("a/b.txt")
    tree = trees.read(tmp_path, Limits())
    assert [(path, file.git_mode, file.content) for path, file in tree.items()] == [
        ("a/b.txt", "100644", b"\xff"),
        ("link", "120000", b"a/b.txt"),
        ("run", "100755", b"x"),
    ]


def test_empty_folders_leave_no_trace(tmp_path: Path) -> None:
    (tmp_path / "empty/inner").mkdir(parents=True)
    assert len(trees.read(tmp_path, Limits())) == 0


def test_a_folder_that_was_never_made_is_an_empty_project(tmp_path: Path) -> None:
    assert len(trees.read(tmp_path / "none", Limits())) == 0


def test_hard_links_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, {"one": "x"})
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    assert "two: is a hard link" in problems_of(tmp_path)


def test_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "pipe: is a named pipe" in problems_of(tmp_path)


def test_a_root_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    write_folder(tmp_path / "real", {"x": "x"})
    (tmp_path / "root").symlink_to("real")
    with pytest.raises(OSError, match="root"):
        trees.read(tmp_path / "root", Limits())


def test_totals_are_bounded(tmp_path: Path) -> None:
    write_folder(tmp_path, {f"f{number}": "x" * 100 for number in range(5)})
    assert "has 100 bytes" in problems_of(tmp_path, Limits(file_size=99))
    assert "500 bytes in all" in problems_of(tmp_path, Limits(total_size=499))
    assert "more than 4 files" in problems_of(tmp_path, Limits(files=4))


def test_only_so_many_problems_are_listed(tmp_path: Path) -> None:
    write_folder(tmp_path, {f"f{number}": "x" * 10 for number in range(80)})
    listed = problems_of(tmp_path, Limits(file_size=9))
    assert listed.count("\n") == 50
    assert "and 30 more problems" in listed
