"""The forge in a folder when its process is killed: nothing or the whole, and then it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType

import pytest

from tests.builders import A_MOMENT
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.domain.forge import Change, Commit, Proposal, Repository, Signature
from thinkube_catalog.domain.rendering import File, FileTree

CHAT = Repository("thinkube-deployments", "chat")
TREE = FileTree({f"folder/{number}.txt": File(f"{number}".encode()) for number in range(5)})


def signature(minutes: int) -> Signature:
    return Signature("Us", "us@example.org", A_MOMENT + timedelta(minutes=minutes))


def nothing(_root: Path) -> None:
    return


def publish(root: Path) -> str:
    forge = LocalForge(root, lock_seconds=5)
    forge.ensure_repository(CHAT, "deployment 1")
    return forge.publish(CHAT, TREE, "Render", signature(1), tag="v1.0.0").id


def published(root: Path) -> None:
    publish(root)


def publish_again(root: Path) -> str:
    forge = LocalForge(root, lock_seconds=5)
    files = TREE.with_files({"new": File(b"new")})
    return forge.publish(CHAT, files, "Render again", signature(2), tag="v1.1.0").id


CHANGE = Change(TREE.with_files({"new": File(b"new")}), "Upgrade", signature(3))


def propose(root: Path) -> str:
    forge = LocalForge(root, lock_seconds=5)
    main = forge.history(CHAT)[-1]
    return forge.propose(CHAT, CHANGE, "catalog/upgrade-v2", main.id).head


def proposed(root: Path) -> None:
    publish(root)
    (root / "proposed").write_text(propose(root))


def accept(root: Path) -> str:
    forge = LocalForge(root, lock_seconds=5)
    main = forge.history(CHAT)[-1]
    head = Commit((root / "proposed").read_text(), "", "", A_MOMENT)
    waiting = Proposal("catalog/upgrade-v2", (head,), main.id)
    commit = forge.accept(CHAT, waiting, CHANGE, main.id)
    assert list(forge.proposals(CHAT, "")) == []
    return commit.id


def withdraw(root: Path) -> str:
    forge = LocalForge(root, lock_seconds=5)
    for waiting in forge.proposals(CHAT, ""):
        forge.withdraw(CHAT, waiting)
    head = forge.head(CHAT)
    return head.id if head else ""


def remove(root: Path) -> str:
    LocalForge(root, lock_seconds=5).remove_repository(CHAT, "deployment 1")
    return ""


def _killed_at_line(work: Callable[[Path], str], root: Path, line: int) -> bool:
    """Do the work in a child that kills itself before its `line`-th line of our code."""
    child = os.fork()
    if child == 0:
        left = line

        def count(frame: FrameType, event: str, _argument: object) -> object:
            nonlocal left
            if "thinkube_catalog/adapters" not in frame.f_code.co_filename:
                return None
            if event == "line":
                left -= 1
                if left <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return count

        sys.settrace(count)  # type: ignore[arg-type]  # a local trace function may be the same
        try:
            work(root)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _is_whole(root: Path) -> bool:
    path = root / CHAT.owner / f"{CHAT.name}.git"
    if not path.exists():
        return False
    subprocess.run(
        ["git", "fsck", "--strict", "--no-dangling"], cwd=path, check=True, capture_output=True
    )
    return True


def _check_after_kill(work: Callable[[Path], str], root: Path, expected: str) -> None:
    _is_whole(root)
    assert work(root) == expected
    assert _is_whole(root) == bool(expected)
    assert not [path.name for path in root.glob("**/refs/**/*.lock")]
    assert not [path.name for path in root.glob("**/staged/*")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork beside threads: it only calls us
@pytest.mark.parametrize(
    ("before", "work", "stride"),
    [
        (nothing, publish, 5),
        (published, publish_again, 5),
        (published, propose, 7),
        (proposed, accept, 7),
        (proposed, withdraw, 7),
        (published, remove, 2),
    ],
)
def test_killed_at_any_line_the_next_try_ends_as_if_nothing_had_happened(
    tmp_path: Path, before: Callable[[Path], None], work: Callable[[Path], str], stride: int
) -> None:
    before(tmp_path / "unharmed")
    expected = work(tmp_path / "unharmed")
    for line in range(1, 100_000, stride):
        root = tmp_path / f"killed-{line}"
        before(root)
        if not _killed_at_line(work, root, line):
            break
        _check_after_kill(work, root, expected)
    assert line > 10 * stride  # it was killed more than ten times, and came to its end at last
