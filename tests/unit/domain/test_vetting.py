"""Names and links that may be in a tree from outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.domain.vetting import link_problems, path_problems, printable

ordinary_names = st.from_regex(r"[a-z0-9_][a-z0-9_.-]{0,12}", fullmatch=True)
any_names = st.text(st.characters(exclude_characters="\x00"), max_size=20)


@given(st.lists(ordinary_names, min_size=1, max_size=4).map("/".join))
def test_an_ordinary_path_is_good(path: str) -> None:
    assert path_problems([path]) == []


@given(any_names)
def test_a_problem_can_always_be_shown(name: str) -> None:
    shown = " ".join(str(problem) for problem in path_problems([name, f"a/{name}"]))
    assert shown.isprintable()
    shown.encode()


@given(any_names)
def test_an_escaped_name_shows_every_letter(name: str) -> None:
    assert printable(name).isprintable()


@pytest.mark.parametrize(
    "path",
    ["", "/a", "a//b", "a/./b", "../a", "a/..", "a/", "a\\b", "a\tb", "a/.GIT/config", "x" * 1025],
)
def test_a_bad_path_is_a_problem(path: str) -> None:
    assert path_problems([path])


@pytest.mark.parametrize("path", [".github/x", ".gitignore", ".gitattributes", "git", "a.git", "é"])
def test_a_path_that_only_looks_alike_is_good(path: str) -> None:
    assert path_problems([path]) == []


def test_a_file_where_another_has_a_folder_is_one_name_too_many() -> None:
    (problem,) = path_problems(["docs/a", "DOCS"])
    assert "is the same name as" in problem.message


targets = st.lists(st.sampled_from(["..", ".", "a", "b", "link"]), min_size=1, max_size=5)


@given(st.dictionaries(st.sampled_from(["link", "a/link", "a/b/link", "b"]), targets, min_size=1))
def test_links_that_pass_never_lead_out(
    tmp_path_factory: pytest.TempPathFactory,
    links: dict[str, list[str]],
) -> None:
    root = Path(os.path.realpath(tmp_path_factory.mktemp("tree")))
    (root / "a/b").mkdir(parents=True)
    good = {path: "/".join(parts) for path, parts in links.items()}
    for path, target in good.items():
        if not link_problems(path, target):
            (root / path).symlink_to(target)
    for path in good:
        reached = os.path.realpath(root / path)
        assert reached == str(root) or reached.startswith(f"{root}/")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("a", "/etc"),
        ("a", ".."),
        ("a/b", "../.."),
        ("a", "b/../../c"),
        ("a/b", "c/../x"),
        ("a", ""),
        (".gitattributes", "b"),
        ("a", "b\nc"),
    ],
)
def test_a_link_that_might_lead_out_is_a_problem(path: str, target: str) -> None:
    assert link_problems(path, target)


@pytest.mark.parametrize(("path", "target"), [("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d/e")])
def test_a_link_inside_is_good(path: str, target: str) -> None:
    assert link_problems(path, target) == []
