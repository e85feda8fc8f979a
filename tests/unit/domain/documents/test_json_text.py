"""JSON from strangers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.domain.documents import DocumentInvalidError, read_json


def refused(text: str) -> list[str]:
    with pytest.raises(DocumentInvalidError) as caught:
        read_json(text, "x.json")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[1]", 'x.json:1: the file must hold an object, not a list (start with "{")'),
        ('{"a": NaN}', "x.json: NaN is no number in JSON"),
        ('{"a": ' + "9" * 5000 + "}", "x.json: a number has thousands of digits"),
        ('{"a": ' + "[" * 100_000, "x.json: values are nested more than 50 deep"),
        ('{"a": ' + "[" * 60 + "]" * 60 + "}", "x.json: values are nested more than 50 deep"),
        ('{\n"a": "\\u001b[2J"}', "x.json:2: a text holds the control character U+001B"),
        ('{"a": "\\ud800"}', "x.json:1: a text holds the control character U+D800"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(text: str, sentence: str) -> None:
    assert refused(text) == [sentence]


def test_a_slip_of_the_pen_is_shown_with_its_line() -> None:
    (sentence,) = refused('{"a": 1,\n"b": 2 "c"}')
    assert sentence.startswith("x.json:2: this is not JSON: ")


def test_every_double_key_is_named_with_its_line() -> None:
    assert refused('{"a": 1, "a": 2,\n"b": [{"c": 1, "d": 1,\n"c": 2}]}') == [
        "x.json:1: the key 'a' occurs twice in one object (keep one of them)",
        "x.json:3: the key 'c' occurs twice in one object (keep one of them)",
    ]


def test_a_text_that_is_too_long_is_not_even_looked_at() -> None:
    with pytest.raises(DocumentInvalidError):
        read_json('{"a": 1}', longest=4)


def test_lines_and_scalars_as_written_are_found_when_somebody_asks() -> None:
    document = read_json('{"a": [1, {"b": 2.50}],\n "c": {"x":\n [true, "a\\"b"]}}')
    assert document.line_of(("c", "x")) == 2
    assert document.line_of(("c", "x", 1)) == 3
    assert document.written(("a", 1, "b")) == "2.50"


contents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\{}[],:\n\té', max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.text('ab"\\{}[],:é', max_size=5), children, max_size=3)
    ),
    max_leaves=20,
)


@given(content=st.dictionaries(st.text('ab"\\:', max_size=5), contents))
def test_whatever_is_written_is_read_with_a_line_for_every_value(
    content: dict[str, object],
) -> None:
    document = read_json(json.dumps(content, indent=1))
    assert document.value == content
    lines = [document.line_of((key,)) or 0 for key in content]
    assert lines == sorted(set(lines))
