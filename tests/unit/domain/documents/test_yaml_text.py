"""YAML from strangers: what is read, and what is refused with its line."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.domain.documents import DocumentInvalidError, read_yaml, survey_yaml


def refused(text: str) -> list[str]:
    with pytest.raises(DocumentInvalidError) as caught:
        read_yaml(text, "x.yaml")
    return [str(problem) for problem in caught.value.problems]


SPACES = "use the same number of spaces for everything on one level"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "x.yaml: the file is empty"),
        ("# only a comment\n", "x.yaml: the file is empty"),
        (
            "- a\n",
            (
                "x.yaml:1: the file must hold a mapping of keys to values, not a list "
                "(start with lines such as  name: value)"
            ),
        ),
        ("a:\n\tb: 1", "x.yaml:2: the line is indented with a tab (YAML wants spaces)"),
        (
            "name: @chat",
            (
                "x.yaml:1: a value starts with a character that has a meaning of its own "
                "(put the value in quotes)"
            ),
        ),
        (
            "{% if big %}\na: 1",
            "x.yaml:1: the file is no template: conditions have no place here (write plain values)",
        ),
        (
            "title: Chat: talk",
            (
                "x.yaml:1: a colon stands where none may be "
                f"(put text that holds a colon in quotes, and {SPACES})"
            ),
        ),
        ("a:\n  - b\n c: d", f"x.yaml:3: the indentation does not fit ({SPACES})"),
        ("b: 1\na: 'x\ny\n", "x.yaml:2: a quote is opened and never closed (close it)"),
        ("a: [1, 2", "x.yaml:1: a bracket is opened and never closed (close it)"),
        (
            'a: "\\d"',
            (
                'x.yaml:1: a backslash in "double quotes" starts an escape that does not exist '
                "(use 'single quotes' for text with backslashes)"
            ),
        ),
        (
            "name: {{ project_name }}",
            (
                "x.yaml:1: name: a key must be plain text "
                '(a placeholder is text in quotes: "{{ project_name }}")'
            ),
        ),
        (
            "a: 1\n---\nb: 2",
            (
                "x.yaml:2: a second document starts here; one file holds one "
                "(remove the line --- and what follows it, or move that to a file of its own)"
            ),
        ),
        (
            "a: 1\nb: 2\na: 3",
            "x.yaml:3: a: the key 'a' occurs twice (it stands in line 1 already; keep one of them)",
        ),
        ("a: *other", "x.yaml:1: the alias *other names nothing above it"),
        ("a: &me [*me]", "x.yaml:1: the alias *me stands inside what it names"),
        ("a: [" * 60, "x.yaml:1: values are nested more than 50 deep"),
        ("? " * 200, "x.yaml:1: values are nested more than 50 deep"),
        ("? [[" + "[" * 1000, "x.yaml:1: values are nested more than 50 deep"),
        ("b: 1\n<<: 3", "x.yaml:2: ['<<']: `<<` takes over a mapping, or a list of mappings"),
        ('a: "\\e[2J"', "x.yaml:1: a text holds the control character U+001B"),
        ("a: \ud800", "x.yaml:1: the text holds half a character (a lone surrogate)"),
        (
            "b: 1\na: \x07",
            (
                "x.yaml:2: the text cannot be read: control characters are not allowed "
                "(save it as UTF-8)"
            ),
        ),
        (
            "a: " + "9" * 70,
            "x.yaml:1: a: '" + "9" * 59 + "…' is not a usable int "
            "(put it in quotes if it is meant as text)",
        ),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_how_to_mend_it(text: str, sentence: str) -> None:
    assert refused(text)[-1] == sentence


TAGGED = """
a: !!python/object/apply:os.system [touch /tmp/owned]
b: !include ../secret.yml
c: !!binary aGk=
"""


def test_tags_are_refused_all_at_once_and_run_nothing() -> None:
    mend = "(write plain values; files here never make objects or read other files)"
    name = "tag:yaml.org,2002:"
    assert refused(TAGGED) == [
        f"x.yaml:2: a: the tag '{name}python/object/apply:os.system' is not allowed {mend}",
        f"x.yaml:3: b: the tag '!include' is not allowed {mend}",
        f"x.yaml:4: c: the tag '{name}binary' is not allowed {mend}",
    ]


def test_an_alias_bomb_is_refused_before_it_is_counted_out() -> None:
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert refused("\n".join(bomb)) == [
        "x.yaml:5: the file holds more than 50,000 values, aliases counted in full"
    ]


def test_a_text_that_is_too_long_is_not_even_looked_at() -> None:
    assert refused("a: 1\n" * 200_000) == [
        (
            "x.yaml: the text is 1,000,000 characters long; at most 524,288 are read "
            "(keep prose and generated content in other files)"
        )
    ]


def test_aliases_and_merges_that_are_harmless_are_read_as_everybody_reads_them() -> None:
    text = "base: &base {size: small, port: 80}\none: {<<: *base, port: 90}\ntwo: *base\n"
    assert read_yaml(text).value == yaml.safe_load(text)


def test_several_mappings_are_merged_with_the_first_one_winning() -> None:
    text = "a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc:\n  <<: [*a, *b]\n"
    assert read_yaml(text).value == yaml.safe_load(text)


def test_a_byte_order_mark_and_a_missing_line_end_are_no_matter() -> None:
    assert read_yaml("\ufeffa: 1").value == {"a": 1}


def test_dates_and_odd_keys_stay_as_they_are_written() -> None:
    assert read_yaml("day: 2026-03-14\non: 1\n3.10: x").value == {
        "day": "2026-03-14",
        "on": 1,
        "3.10": "x",
    }


def test_a_scalar_is_given_back_as_written_also_through_an_alias() -> None:
    document = read_yaml("a: &a {version: 1.10}\nb: *a\nc: {<<: *a}\nd: '1.10'")
    assert [document.written((key, "version")) for key in "abc"] == ["1.10"] * 3
    assert document.written(("d",)) is None


def test_lines_are_those_of_keys_and_items_or_of_what_stands_around_them() -> None:
    document = read_yaml("a:\n  - x: 1\n    y:\n      2\n  - *b\n".replace("*b", "z"))
    assert document.line_of(("a",)) == 1
    assert document.line_of(("a", 0, "y")) == 3
    assert document.line_of(("a", 1)) == 5
    assert document.line_of(("a", 0, "missing")) == 2


def test_a_survey_reports_double_keys_and_goes_on() -> None:
    findings = survey_yaml("a: 1\na: 2\nb: 3")
    assert findings.document.value == {"a": 2, "b": 3}
    assert len(findings.problems) == 1


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text("abcXYZ-_", min_size=1, max_size=6), children, max_size=4)
    ),
    max_leaves=20,
)


@given(content=st.dictionaries(st.text("abcdef", min_size=1), json_like, min_size=1))
def test_whatever_is_written_is_read_as_the_safe_loader_reads_it(
    content: dict[str, object],
) -> None:
    text = yaml.safe_dump(content, allow_unicode=True)
    assert read_yaml(text).value == yaml.safe_load(text) == content


MARKS = (
    *["a", ": ", "- ", "\n", "  ", "{", "}", "[", "]", ",", "&x ", "*x ", "!!str ", "!t ", "? "],
    *["|\n", ">\n", '"', "'", "#", "<<", "---\n", "...\n", "1", "~", "\t", "%", "@"],
)
piles = st.lists(st.sampled_from(MARKS), max_size=40).map("".join)


@given(text=st.text(max_size=200) | piles)
def test_any_text_is_read_or_refused_with_reasons_and_nothing_else_happens(text: str) -> None:
    try:
        outcome: object = read_yaml(text).value
    except DocumentInvalidError as error:
        outcome = error.problems
    assert outcome == {} or outcome
