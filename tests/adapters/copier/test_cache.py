"""What is rendered once is not rendered again while there is room for it."""

from __future__ import annotations

from pathlib import Path

from tests.folders import FolderSources, write_folder
from thinkube_catalog.adapters.copier import CopierRenderer
from thinkube_catalog.adapters.copier.cache import key_of
from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.questions import Answers
from thinkube_catalog.operations.remembering import BoundedCache

RELEASE = Release("t", "v1", "1" * 40)


def test_the_longest_unused_goes_first() -> None:
    cache: BoundedCache[str] = BoundedCache(10)
    cache.put("a", "A", 4)
    cache.put("b", "B", 4)
    assert cache.get("a") == "A"
    cache.put("c", "C", 4)
    assert [cache.get(key) for key in "abc"] == ["A", None, "C"]


def test_what_is_too_large_alone_is_not_kept() -> None:
    cache: BoundedCache[str] = BoundedCache(10)
    cache.put("a", "A", 4)
    cache.put("b", "B", 11)
    assert [cache.get(key) for key in "ab"] == ["A", None]


def test_a_key_tells_releases_answers_and_variables_apart() -> None:
    one = key_of(RELEASE, {"a": 1, "b": "x"})
    assert key_of(RELEASE, {"b": "x", "a": 1}) == one
    others = [
        key_of(RELEASE, {"a": "1", "b": "x"}),
        key_of(RELEASE, {"a": 1, "b": "x"}, {"c": "d"}),
        key_of(Release("t", "v2", "1" * 40), {"a": 1, "b": "x"}),
        key_of(Release("t", "v1", "2" * 40), {"a": 1, "b": "x"}),
    ]
    assert len({one, *others}) == 5


def test_the_same_render_is_done_once(tmp_path: Path) -> None:
    sources = FolderSources()
    release = sources.offer(write_folder(tmp_path, {"x.txt": "x"}))
    with CopierRenderer(sources) as renderer:
        first = renderer.render(release, Answers({}))
        assert renderer.render(release, Answers({})) is first
        assert renderer.evaluate(release, {}) is renderer.evaluate(release, {})
