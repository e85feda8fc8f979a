"""What every merger promises (`domain/merging.py`)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.adapters.git.merging import GitMerger
from thinkube_catalog.domain.forge import check_publication
from thinkube_catalog.domain.merging import (
    Conflict,
    ConflictKind,
    Merge,
    Merger,
    settled,
    unsettled,
)
from thinkube_catalog.domain.rendering import File, FileTree

LINES = "".join(f"line {number}\n" for number in range(1, 21))
LINK, SCRIPT = File(b"elsewhere", link=True), File(b"run\n", executable=True)


@pytest.fixture
def merger() -> Merger:
    return GitMerger()


def tree(**files: str | bytes | File) -> FileTree:
    """Return a tree; a double underscore in a name is a slash."""
    return FileTree({name.replace("__", "/"): _file(each) for name, each in files.items()})


def _file(each: str | bytes | File) -> File:
    if isinstance(each, File):
        return each
    return File(each.encode() if isinstance(each, str) else each)


def test_what_one_side_changed_is_taken(merger: Merger) -> None:
    base = tree(a="1\n", b="1\n", c="1\n", d="1\n")
    ours = tree(a="mine\n", b="1\n", d="1\n", e="mine\n")
    theirs = tree(a="1\n", b="theirs\n", c="1\n", f="theirs\n")
    assert merger.merge(base, ours, theirs) == Merge(
        tree(a="mine\n", b="theirs\n", e="mine\n", f="theirs\n")
    )


def test_changes_in_other_lines_of_a_file_are_joined(merger: Merger) -> None:
    ours, theirs = LINES.replace("line 1\n", "mine\n"), LINES.replace("line 20", "theirs")
    merged = merger.merge(tree(a=LINES), tree(a=ours), tree(a=theirs))
    assert merged == Merge(tree(a=ours.replace("line 20", "theirs")))


def test_the_same_change_on_both_sides_is_one(merger: Merger) -> None:
    assert merger.merge(tree(a="1\n"), tree(a="2\n"), tree(a="2\n")) == Merge(tree(a="2\n"))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_same_lines_changed_stand_between_marks(merger: Merger, end: str) -> None:
    one, two, three = (f"a{end}{word}{end}z{end}" for word in ("old", "mine", "theirs"))
    merged = merger.merge(tree(a=one), tree(a=two), tree(a=three))
    assert merged.conflicts == (Conflict("a", ConflictKind.CONTENT, marked=True),)
    marks = ("a", "<<<<<<< before updating", "mine", "=======", "theirs", ">>>>>>> after updating")
    assert merged.files["a"].content.decode() == end.join((*marks, "z", ""))
    assert unsettled(merged.files) == ("a",)


def test_a_file_that_both_made_stands_between_marks(merger: Merger) -> None:
    merged = merger.merge(tree(), tree(a="mine\n"), tree(a="theirs\n"))
    assert merged.conflicts == (Conflict("a", ConflictKind.ADDED, marked=True),)


def test_what_was_deleted_here_stays_deleted_and_is_named(merger: Merger) -> None:
    merged = merger.merge(tree(a="1\n"), tree(), tree(a="2\n"))
    assert merged == Merge(tree(), left_deleted=("a",))


def test_what_the_template_removed_and_somebody_changed_is_kept_between_marks(
    merger: Merger,
) -> None:
    merged = merger.merge(tree(a="1\n"), tree(a="mine"), tree())
    assert merged.conflicts == (Conflict("a", ConflictKind.REMOVED, marked=True),)
    assert merged.files.text("a") == (
        "<<<<<<< before updating\nmine\n=======\n>>>>>>> after updating\n"
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        (b"\0mine", b"\0theirs", ConflictKind.BINARY),
        (b"mine\xff", b"theirs\n", ConflictKind.BINARY),
        (LINK, b"theirs\n", ConflictKind.TYPE),
        (b"mine\n", LINK, ConflictKind.TYPE),
        (LINK, File(b"another", link=True), ConflictKind.BINARY),
    ],
)
def test_what_has_no_lines_stays_and_the_templates_stands_beside_it(
    merger: Merger, ours: bytes | File, theirs: bytes | File, kind: ConflictKind
) -> None:
    merged = merger.merge(tree(a="1\n"), tree(a=ours), tree(a=theirs))
    assert merged.conflicts == (Conflict("a", kind),)
    assert merged.files == FileTree({"a": _file(ours), "a.from-template": _file(theirs)})
    assert unsettled(merged.files) == ("a",)


def test_what_has_no_lines_and_was_removed_gets_a_note_beside_it(merger: Merger) -> None:
    merged = merger.merge(tree(a=b"\0"), tree(a=b"\0mine"), tree())
    assert merged.conflicts == (Conflict("a", ConflictKind.REMOVED),)
    assert merged.files["a"].content == b"\0mine"
    assert "removed this file" in merged.files.text("a.from-template")


def test_a_file_and_a_folder_of_one_name_stand_side_by_side(merger: Merger) -> None:
    for base in (tree(), tree(a="1\n")):
        merged = merger.merge(base, tree(a="mine\n"), tree(a__b="theirs\n"))
        assert list(merged.files) == ["a", "a.from-template/b"]
        assert merged.conflicts == (Conflict("a", ConflictKind.TYPE),)
        merged = merger.merge(base, tree(a__b="mine\n"), tree(a="theirs\n"))
        assert list(merged.files) == ["a.from-template", "a/b"]
        assert merged.conflicts == (Conflict("a", ConflictKind.TYPE),)


def test_changes_follow_a_file_that_was_renamed(merger: Merger) -> None:
    changed = LINES.replace("line 9", "theirs")
    for base, ours, theirs in (
        (tree(a=LINES), tree(b=LINES), tree(a=changed)),
        (tree(a=LINES), tree(a=changed), tree(b=LINES)),
    ):
        assert merger.merge(base, ours, theirs) == Merge(tree(b=changed))


def test_two_names_for_one_file_are_a_conflict(merger: Merger) -> None:
    merged = merger.merge(tree(a=LINES), tree(b=LINES), tree(c=LINES))
    assert list(merged.files) == ["b", "c.from-template"]
    assert merged.conflicts == (Conflict("c", ConflictKind.RENAMED),)


def test_modes_are_merged_as_contents_are(merger: Merger) -> None:
    plain, script = File(b"1\n"), File(b"1\n", executable=True)
    assert merger.merge(tree(a=plain), tree(a=script), tree(a="2\n")) == Merge(
        tree(a=File(b"2\n", executable=True))
    )
    assert merger.merge(tree(a=script), tree(a=plain), tree(a=File(b"2\n", executable=True))) == (
        Merge(tree(a="2\n"))
    )


def test_a_side_that_is_taken_settles_a_conflict(merger: Merger) -> None:
    base, ours, theirs = tree(a="1\n"), tree(a="mine\n"), tree(a__b="theirs\n")
    merged = merger.merge(base, ours, theirs)
    assert settled(merged.files, "a", ours) == ours
    assert settled(merged.files, "a", theirs) == theirs
    assert settled(merged.files, "a", tree()) == tree()


_FILES = st.builds(
    File, st.sampled_from([b"", b"1\n", b"1\n2\n", LINES.encode(), b"\0", b"x"]), st.booleans()
) | st.just(LINK)
_TREES = st.dictionaries(st.sampled_from(["a", "b", "c", "a/b", "a/c", "b/a"]), _FILES).map(
    lambda files: FileTree(
        {path: file for path, file in files.items() if path.partition("/")[0] not in files}
        | {path: file for path, file in files.items() if "/" not in path}
    )
)


@given(base=_TREES, changed=_TREES)
def test_what_one_side_left_alone_becomes_what_the_other_is(
    base: FileTree, changed: FileTree
) -> None:
    merger = GitMerger()
    assert merger.merge(base, base, changed) == Merge(changed)
    assert merger.merge(base, changed, base) == Merge(changed)
    assert merger.merge(base, changed, changed) == Merge(changed)


@given(base=_TREES, ours=_TREES, theirs=_TREES)
def test_every_merge_can_be_published_and_settled(
    base: FileTree, ours: FileTree, theirs: FileTree
) -> None:
    merged = GitMerger().merge(base, ours, theirs)
    check_publication(merged.files)
    assert set(unsettled(merged.files)) == {each.path for each in merged.conflicts}
    for side in (ours, theirs):
        files = merged.files
        for conflict in merged.conflicts:
            files = settled(files, conflict.path, side)
        assert unsettled(files) == ()
