"""`optional_components.json`: what is read of it, and what is said about it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from thinkube_catalog.domain.components import (
    Component,
    ComponentsInvalidError,
    parse_components,
)


def written(**components: Any) -> str:
    return json.dumps({"version": "1.0.0", "components": components})


def test_a_component_of_thinkube_reads_without_a_word() -> None:
    playbooks = {"install": "00_install.yaml", "uninstall": "19_rollback.yaml"}
    parsed = parse_components(
        written(
            vecdb={
                "display_name": "VecDB",
                "description": "Vectors",
                "category": "ai",
                "icon": "/icons/v.svg",
                "requirements": ["postgresql"],
                "namespace": "vectors",
                "playbooks": playbooks,
                "architectures": ["arm64"],
            }
        )
    )
    assert parsed.warnings == ()
    assert parsed.value == (
        Component(
            "vecdb",
            "VecDB",
            "Vectors",
            "ai",
            "/icons/v.svg",
            ("postgresql",),
            "vectors",
            playbooks,
            ("arm64",),
        ),
    )


def test_what_is_left_out_follows_from_the_name() -> None:
    (component,) = parse_components(written(valkey={})).value
    assert (component.display_name, component.namespace) == ("valkey", "valkey")


def test_a_requirement_that_nobody_lists_is_warned_about() -> None:
    (warning,) = parse_components(written(a={"requirements": ["b", "harbor"]}), "c.json").warnings
    assert str(warning) == (
        "c.json:1: components.a.requirements[0]: no component 'b' is listed here "
        "(it may come from another catalogue; check the name otherwise)"
    )


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ComponentsInvalidError) as caught:
        parse_components(written(**{"Not good": {}, "a": [], "b": {"requirements": "c"}}))
    assert [each.message for each in caught.value.problems] == [
        "a list stands where a mapping is wanted",
        "'Not good' is not a usable name",
        "requirements must be a list, not 'c'",
    ]
