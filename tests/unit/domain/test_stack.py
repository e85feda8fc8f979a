"""Stacks: reading one, and the order in which it is deployed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import a_descriptor
from thinkube_catalog.domain.descriptor import Dependency, Descriptor, Provision
from thinkube_catalog.domain.stack import (
    StackCycleError,
    StackEntry,
    StackInvalidError,
    ThinkubeStack,
    deploy_order,
    parse_stack,
)

STACK = """\
apiVersion: thinkube.io/v1
kind: ThinkubeStack
metadata:
  name: notes
templates:
  - name: notes-rag
    repo: acme/notes-rag
    params: {embed_model: acme/tiny, size: 3}
    env: {LEVEL: 2, ON: yes}
  - name: text-embeddings
    repo: acme/embedder
"""


def refused(text: str) -> list[str]:
    with pytest.raises(StackInvalidError) as caught:
        parse_stack(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_stack_lists_templates_with_their_answers() -> None:
    parsed = parse_stack(STACK)
    assert parsed.warnings == ()
    assert parsed.value.name == "notes"
    assert parsed.value.templates == (
        StackEntry(
            "notes-rag",
            "acme/notes-rag",
            {"embed_model": "acme/tiny", "size": 3},
            {"LEVEL": "2", "ON": "yes"},
        ),
        StackEntry("text-embeddings", "acme/embedder"),
    )


def test_a_stack_without_a_name_is_called_unnamed() -> None:
    text = STACK.replace("metadata:\n  name: notes\n", "")
    assert parse_stack(text).value.name == "unnamed-stack"


def test_everything_wrong_with_a_stack_is_listed_at_once() -> None:
    text = """\
kind: Stack
templates:
  - {name: Big One, repo: acme/notes/more}
  - {name: notes}
  - {name: notes, repo: acme/notes, env: {A: [1]}}
"""
    mend = "(write owner/name, for example thinkube-templates/tkt-rag-agent)"
    assert refused(text) == [
        "stack.yaml:1: kind: this is a 'Stack', not a ThinkubeStack (write  kind: ThinkubeStack)",
        (
            "stack.yaml:3: templates[0].name: 'Big One' is not a usable name (use small letters, "
            "digits and single hyphens, starting with a letter, for example legal-qa)"
        ),
        f"stack.yaml:3: templates[0].repo: 'acme/notes/more' is not a usable repo {mend}",
        f"stack.yaml:4: templates[1].repo: templates[1].repo is missing {mend}",
        "stack.yaml:5: templates[2].env.A: a list stands where text is wanted",
        "stack.yaml:5: templates[2].name: notes stands in the stack twice (rename one of them)",
    ]


@pytest.mark.parametrize("text", ["spec: {templates: [{name: a, repo: a/b}]}", "templates: []"])
def test_templates_stand_at_the_top(text: str) -> None:
    (sentence,) = refused(f"kind: ThinkubeStack\n{text}\n")
    assert sentence.endswith(
        "templates: the stack has no templates (list them at the top of the file, not under spec)"
    )


def test_a_stack_has_an_end() -> None:
    entries = "".join(f"  - {{name: n{n}, repo: a/b}}\n" for n in range(51))
    assert refused(f"kind: ThinkubeStack\ntemplates:\n{entries}") == [
        "stack.yaml:2: templates: 51 templates are too many (make several stacks)"
    ]


def a_stack(*names: str) -> ThinkubeStack:
    return ThinkubeStack("all", tuple(StackEntry(name, f"acme/{name}") for name in names))


def needing(*types: str, optional: bool = False, provides: str = "") -> Descriptor:
    return a_descriptor(
        dependencies=tuple(Dependency(each, each, each.upper(), optional) for each in types),
        provides=(Provision(provides),) if provides else (),
    )


def test_what_is_needed_comes_first_found_by_name_as_thinkube_does() -> None:
    stack = a_stack("notes", "text-embeddings", "database-admin")
    descriptors = {"notes": needing("embeddings"), "database-admin": needing("notes-search")}
    assert deploy_order(stack, descriptors) == ("text-embeddings", "notes", "database-admin")


def test_what_says_that_it_provides_something_is_preferred_to_a_name() -> None:
    stack = a_stack("chat", "llm-notes", "gateway")
    descriptors = {"chat": needing("llm"), "gateway": needing(provides="llm")}
    assert deploy_order(stack, descriptors) == ("llm-notes", "gateway", "chat")


def test_the_stacks_own_order_is_kept_where_nothing_is_needed() -> None:
    assert deploy_order(a_stack("b", "a", "c"), {}) == ("b", "a", "c")


def test_nobody_waits_for_itself() -> None:
    assert deploy_order(a_stack("llm"), {"llm": needing("llm")}) == ("llm",)


def test_a_circle_is_named_in_full() -> None:
    stack = a_stack("start", "alpha", "beta", "gamma")
    descriptors = {
        "start": needing("alpha"),
        "alpha": needing("beta"),
        "beta": needing("gamma"),
        "gamma": needing("alpha"),
    }
    with pytest.raises(StackCycleError) as caught:
        deploy_order(stack, descriptors)
    assert str(caught.value) == (
        "the stack has no order\n"
        "  - each of these needs the next one first: alpha → beta → gamma → alpha "
        "(make one of these dependencies optional, or deploy that template by itself)"
    )


def test_an_optional_need_is_met_where_it_makes_no_circle() -> None:
    stack = a_stack("alpha", "beta")
    optional = {"alpha": needing("beta", optional=True)}
    assert deploy_order(stack, optional) == ("beta", "alpha")
    assert deploy_order(stack, {**optional, "beta": needing("alpha")}) == ("alpha", "beta")


NAMES = ("ada", "bert", "cleo", "dora", "emil")


@given(
    needs=st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3)),
)
def test_everybody_stands_after_what_they_need_or_a_true_circle_is_named(
    needs: dict[str, list[str]],
) -> None:
    descriptors = {name: needing(*dict.fromkeys(needed)) for name, needed in needs.items()}
    try:
        order = deploy_order(a_stack(*NAMES), descriptors)
    except StackCycleError as error:
        circle = error.cycle
        assert all(
            after in needs[before]
            for before, after in zip(circle, [*circle[1:], circle[0]], strict=True)
        )
    else:
        assert sorted(order) == sorted(NAMES)
        for name, needed in needs.items():
            for other in set(needed) - {name}:
                assert order.index(other) < order.index(name)
