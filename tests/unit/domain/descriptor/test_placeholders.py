"""The two placeholders of a descriptor."""

from __future__ import annotations

from hypothesis import given

from tests.builders import a_container, a_descriptor
from tests.strategies import descriptors, prose
from thinkube_catalog.domain.descriptor import Descriptor, Variable, fill_placeholders


def test_both_are_replaced_at_any_depth() -> None:
    address = Variable("ADDRESS", "https://{{ project_name }}.{{ domain_name }}/")
    descriptor = a_descriptor(containers=(a_container(environment=(address,)),))
    filled = fill_placeholders(descriptor, "legal-qa", "example.org")
    assert filled.name == "legal-qa"
    assert filled.containers[0].environment == (
        Variable("ADDRESS", "https://legal-qa.example.org/"),
    )


def test_a_plain_mapping_is_filled_as_well() -> None:
    content = {"a": ["{{ project_name }}", 3, None], "b": {"c": "{{ domain_name }}"}}
    assert fill_placeholders(content, "x", "y") == {"a": ["x", 3, None], "b": {"c": "y"}}


def test_only_the_exact_form_counts() -> None:
    other = "{{project_name}} {{  project_name }} {{ project_name | upper }}"
    assert fill_placeholders(other, "x", "y") == other


@given(descriptor=descriptors(), name=prose)
def test_without_placeholders_nothing_changes(descriptor: Descriptor, name: str) -> None:
    fixed = fill_placeholders(descriptor, "project", "example.org")
    assert fill_placeholders(fixed, name, name) == fixed
