"""Trees as people browse them, and what changed between two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.web.trees import Folder, differences, folder_of, objects_of

PATHS = st.lists(st.sampled_from(["a", "b", "c.py"]), min_size=1, max_size=3).map("/".join)
TEXTS = st.lists(st.sampled_from(["one", "two", "", "three"]), max_size=8).map("\n".join)
TREES = st.dictionaries(PATHS, TEXTS.map(lambda text: File(text.encode())), max_size=6).map(
    FileTree
)


def paths_in(folder: Folder) -> list[str]:
    below = [path for each in folder.folders.values() for path in paths_in(each)]
    return [*below, *(leaf.path for leaf in folder.files)]


@given(TREES, TREES)
def test_each_file_stands_once_in_its_folder(before: FileTree, after: FileTree) -> None:
    assert sorted(paths_in(folder_of(after))) == sorted(after)
    assert sorted(paths_in(folder_of(after, before))) == sorted({*before, *after})


@given(TREES, TREES)
def test_a_difference_leads_from_one_tree_to_the_other(before: FileTree, after: FileTree) -> None:
    changes = differences(before, after)
    assert [each.path for each in changes] == sorted(
        path for path in {*before, *after} if before.get(path) != after.get(path)
    )
    for change in changes:
        old = before.text(change.path).splitlines() if change.path in before else []
        new = after.text(change.path).splitlines() if change.path in after else []
        for hunk in change.hunks:
            for line in hunk:
                if line.before is not None:
                    assert old[line.before - 1] == line.text
                if line.after is not None:
                    assert new[line.after - 1] == line.text
        assert len(new) - len(old) == change.added - change.removed


def test_what_is_no_text_is_not_shown_as_lines() -> None:
    (change,) = differences(FileTree({}), FileTree({"x": File(b"\0\xff")}))
    assert (change.change, change.hunks) == ("added", ())


def test_a_long_difference_is_cut_and_says_so() -> None:
    long = FileTree({"x": File(b"line\n" * 10_000)})
    (change,) = differences(FileTree({}), long)
    assert change.cut
    assert sum(map(len, change.hunks)) < 1000
    assert change.added < 10_000 or change.hunks


def test_every_object_of_a_file_is_listed() -> None:
    text = "kind: Service\nmetadata:\n  name: a\n---\nkind: ConfigMap\nmetadata:\n  name: b\n"
    tree = FileTree({"k8s/x.yaml": File(text.encode()), "other.yaml": File(b"kind: No\n")})
    assert [(each.kind, each.name) for each in objects_of(tree)] == [
        ("Service", "a"),
        ("ConfigMap", "b"),
    ]
