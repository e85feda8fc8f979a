"""The examples in `docs/formats.md` are good files, and its tables name every field."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from thinkube_catalog.domain.descriptor import parse_descriptor
from thinkube_catalog.domain.documents import Parsed
from thinkube_catalog.domain.manifest import parse_manifest
from thinkube_catalog.domain.stack import parse_stack

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SOURCES = Path(__file__).parents[2] / "service" / "thinkube_catalog" / "domain"
PARSERS = [parse_manifest, parse_descriptor, parse_stack]
ASKED = re.compile(
    r"\.(?:text|texts|integer|boolean|number|choice|items|fields|mapping)\(\s*\"(\w+)\"",
)


@pytest.mark.parametrize(
    ("example", "parse"),
    list(zip(EXAMPLES, PARSERS, strict=True)),
)
def test_every_example_is_read_without_a_word(
    example: str, parse: Callable[[str], Parsed[object]]
) -> None:
    assert parse(example).warnings == ()


@pytest.mark.parametrize("name", ["manifest", "descriptor", "stack.py"])
def test_every_field_that_is_read_stands_on_the_page(name: str) -> None:
    place = SOURCES / name
    files = [place] if place.is_file() else sorted(place.glob("*.py"))
    asked = {field for file in files for field in ASKED.findall(file.read_text(encoding="utf-8"))}
    assert len(asked) >= 5
    assert {field for field in asked if field not in PAGE} == set()
