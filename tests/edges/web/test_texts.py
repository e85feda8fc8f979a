"""One place for every text: pages name what is there, and write nothing themselves."""

from __future__ import annotations

import re
from string import Formatter

from thinkube_catalog.web.site import FOLDER
from thinkube_catalog.web.texts import load_texts

TEXTS = load_texts()
NAMED = re.compile(r"\bt\('([a-z0-9_.]+)'")


def test_every_text_that_a_page_names_is_there() -> None:
    for path in FOLDER.glob("*.html"):
        for key in NAMED.findall(path.read_text()):
            if not key.endswith((".", "_")):  # the beginning of a key, the rest is a value
                assert key in TEXTS, f"{path.name}: {key}"


def test_pages_write_no_words_of_their_own() -> None:
    for path in FOLDER.glob("*.html"):
        html = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(), flags=re.DOTALL)
        words = re.findall(r"[A-Za-z]{2,}", re.sub(r"<[^>]*>", "", html, flags=re.DOTALL))
        assert words == [], path.name


def test_numbers_have_both_forms() -> None:
    keys = [key for key in TEXTS.below("catalog") if key.endswith((".one", ".other"))]
    assert keys
    for key in keys:
        stem = key.rpartition(".")[0]
        for form in ("one", "other"):
            assert f"catalog.{stem}.{form}" in TEXTS


def test_values_are_named_in_texts_as_scripts_fill_them() -> None:
    for key, text in TEXTS.below("js").items():
        for _, name, spec, conversion in Formatter().parse(text):
            assert name is None or (re.fullmatch(r"\w+", name) and not spec and not conversion), key
