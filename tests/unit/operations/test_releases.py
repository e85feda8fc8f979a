"""What counts as a newer release."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.operations.releases import is_newer

TAGS = st.builds("v{}.{}.{}".format, *[st.integers(0, 40)] * 3)


@pytest.mark.parametrize(
    ("release", "than", "newer"),
    [
        ("v1.10.0", "v1.9.0", True),
        ("v1.0.0", "v1.0.0", False),
        ("v1.0.0", "v1.1.0", False),
        ("v1.2.0", "v1.2.0-3-gabc1234", False),
        ("v1.3.0", "v1.2.0-3-gabc1234", True),
        ("v1.2.0", "v1.2.0rc1", True),
        ("v1.0.0", "", False),
        ("v1.0.0", "main", False),
        ("", "v1.0.0", False),
    ],
)
def test_only_a_later_release_is_newer(release: str, than: str, *, newer: bool) -> None:
    assert is_newer(release, than) is newer


@given(TAGS, TAGS)
def test_of_two_releases_at_most_one_is_newer(first: str, second: str) -> None:
    assert not (is_newer(first, second) and is_newer(second, first))


@given(st.text(), st.text())
def test_any_text_can_be_compared(first: str, second: str) -> None:
    assert is_newer(first, second) in {True, False}
