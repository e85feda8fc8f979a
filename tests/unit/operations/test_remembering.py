"""What is kept of texts that were read before."""

from __future__ import annotations

import pytest

from thinkube_catalog.operations.remembering import LONGEST, remembered


def test_a_text_is_read_once_and_by_its_file_too() -> None:
    read: list[tuple[str, str]] = []

    def reading(text: str, file: str) -> str:
        read.append((text, file))
        return f"{file}: {text}"

    again = remembered(reading)
    assert [again("a", "x"), again("a", "x"), again("a", "y")] == ["x: a", "x: a", "y: a"]
    assert read == [("a", "x"), ("a", "y")]


def test_errors_are_not_kept() -> None:
    said = iter([ValueError("not now"), None])

    def reading(text: str, _file: str) -> str:
        if (error := next(said)) is not None:
            raise error
        return text

    again = remembered(reading)
    with pytest.raises(ValueError, match="not now"):
        again("a", "x")
    assert again("a", "x") == "a"


def test_endless_texts_take_no_room() -> None:
    read: list[int] = []

    def reading(text: str, _file: str) -> int:
        read.append(len(text))
        return len(text)

    again = remembered(reading)
    for _ in range(2):
        again("a" * (LONGEST + 1), "x")
    assert len(read) == 2
