"""What a proposal tells people: a changelog that says everything and does nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.edges.releases import NAME, TEMPLATE, a_scene_of_releases, push
from thinkube_catalog.operations import upgrade
from thinkube_catalog.operations.upgrade import UpgradePlan, UpgradeRequest
from thinkube_catalog.operations.upgrade.describing import description

NOTES = """\
- @somebody asked for it; see #12, !3, acme/other#4 and @acme/team
- fixes #1, closes http://forge.example/acme/chat/issues/2 [skip ci]
- [ ] a task, ![a picture](http://elsewhere.example/seen.png), <img src=x>

````markdown
```python
@app.get("/")
```
````
"""


def planned(root: Path, notes: str = NOTES, **pushed: str) -> UpgradePlan:
    changelog = f"## 1.1.0\n\n{notes}\n## 1.0.0\n\nThe first.\n"
    scene = a_scene_of_releases(root, replace(TEMPLATE, changelog=changelog))
    if pushed:
        push(scene, **pushed)
    return upgrade.plan(scene.platform, UpgradeRequest(NAME))


def read(text: str) -> list[Token]:
    found = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    return [token for each in found for token in (each, *(each.children or ()))]


def seen(text: str) -> str:
    return text.replace("\u2060", "")


def test_a_proposal_says_what_the_changelog_says(tmp_path: Path) -> None:
    text = description(planned(tmp_path))
    assert seen(text).startswith(
        "Upgrade `tkt-chat` from `v1.0.0` to `v1.1.0`, proposed by Thinkube Catalog for `legal-qa`."
        "\n\n## 1.1.0\n\n"
    )
    (block,) = (each for each in read(text) if each.type == "fence")
    assert seen(block.content) == NOTES


def test_a_changelog_is_text_whatever_it_holds(tmp_path: Path) -> None:
    kinds = {each.type for each in read(description(planned(tmp_path)))}
    assert not kinds & {"html_block", "html_inline", "image", "link_open", "list_item_open"}


@pytest.mark.parametrize(
    "reference",
    [r"@\w", r"#\d", r"!\d", r"(issues|pulls)/\d", r"\[skip ci\]"],
)
def test_nothing_in_it_is_a_reference_where_no_markdown_is_read(
    tmp_path: Path, reference: str
) -> None:
    assert re.search(reference, NOTES)
    assert not re.search(reference, description(planned(tmp_path)))


@pytest.mark.parametrize("notes", ["```", "``` @a\n\n`````\n#1", "~~~\n```\n~~~\n    ```\n", "`"])
def test_no_changelog_ends_the_block_that_it_stands_in(tmp_path: Path, notes: str) -> None:
    text = description(planned(tmp_path, notes))
    (block,) = (each for each in read(text) if each.type == "fence")
    assert seen(block.content).strip() == notes.strip()


def test_files_in_conflict_are_listed_as_they_are_called(tmp_path: Path) -> None:
    plan = planned(tmp_path, **{"app.py": "# mine\n"})
    (conflict,) = plan.conflicts
    odd = replace(conflict, path="`@somebody` #1.md")
    text = description(replace(plan, merge=replace(plan.merge, conflicts=(conflict, odd))))
    codes = [seen(each.content) for each in read(text) if each.type == "code_inline"]
    assert codes[-2:] == ["app.py", "`@somebody` #1.md"]


def test_versions_without_notes_are_not_listed(tmp_path: Path) -> None:
    assert "1.1.0\n" not in description(planned(tmp_path, ""))
