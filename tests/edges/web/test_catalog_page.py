"""The catalog's page: search and facets by address alone."""

from __future__ import annotations

from dataclasses import replace

from tests.edges.web.conftest import Reader, a_reader
from tests.stage import Stage
from tests.stand_ins import RELEASE
from thinkube_catalog.domain.catalog import Catalog, CatalogEntry


def an_entry(name: str, **changes: object) -> CatalogEntry:
    entry = CatalogEntry(name, RELEASE.location, title=name.title(), category="agents")
    return replace(entry, **changes)  # type: ignore[arg-type] # by field name


class Offered:
    def __init__(self, *entries: CatalogEntry) -> None:
        self._catalog = Catalog(entries, categories={"agents": "Agents & more"})

    def load(self) -> Catalog:
        return self._catalog


def reading(stage: Stage, *entries: CatalogEntry) -> Reader:
    return a_reader(replace(stage, platform=replace(stage.platform, catalogs=Offered(*entries))))


def test_a_search_shows_what_matches_with_its_matches_marked(stage: Stage) -> None:
    reader = reading(stage, an_entry("tkt-chat"), an_entry("tkt-vllm"))
    page = reader.get("/?q=chta").text
    assert "tkt-<mark>chat</mark>" in page
    assert "tkt-vllm" not in page


def test_facets_lead_to_the_same_search_narrowed(stage: Stage) -> None:
    tagged = an_entry("tkt-chat", tags=("rag", "chat"))
    page = reading(stage, tagged).get("/?q=chat&tag=rag").text
    assert 'href="/?q=chat&amp;category=agents&amp;tag=rag"' in page
    assert 'href="/?q=chat&amp;tag=rag&amp;tag=chat"' in page
    assert 'href="/?q=chat" data-swap aria-current="true"' in page  # without what is chosen


def test_nothing_found_says_so_and_leads_back(reader: Reader) -> None:
    page = reader.get("/?q=nothing+like+it").text
    assert "Nothing matches this search" in page
    assert 'class="button" href="/"' in page


def test_an_empty_catalog_says_how_to_fill_it(stage: Stage) -> None:
    assert "THINKUBE_CATALOG" in reading(stage).get("/").text


def test_pages_follow_one_another_without_a_gap(stage: Stage) -> None:
    reader = reading(stage, *(an_entry(f"tkt-n{number:03}") for number in range(70)))
    seen, address = [], "/"
    while address:
        page = reader.get(address).text
        seen += [part.split('"')[0] for part in page.split('href="/templates/')[1:]]
        following = page.split('<nav class="pager"')[-1].split("</nav>")[0]
        links = [part.split('"')[0] for part in following.split('class="button" href="')[1:]]
        address = links[-1].replace("&amp;", "&") if "Next page<svg" in following else ""
    assert seen == [f"tkt-n{number:03}" for number in range(70)]


def test_a_card_says_when_its_template_cannot_be_used(stage: Stage) -> None:
    broken = an_entry("tkt-gone", location="/nowhere")

    class Failing:
        def __getattr__(self, name: str) -> object:
            from thinkube_catalog.domain.catalog import SourceUnavailableError  # noqa: PLC0415

            raise SourceUnavailableError("/nowhere", "gone")

    platform = replace(stage.platform, catalogs=Offered(broken), sources=Failing())  # type: ignore[arg-type] # it fails whatever is asked
    reader = a_reader(replace(stage, platform=platform))
    assert "cannot be used now" in reader.get("/").text


def test_what_a_catalogue_says_is_text_and_never_html(stage: Stage) -> None:
    hostile = an_entry(
        "tkt-x",
        title="<script>alert(1)</script>",
        description='"><img src=x onerror=alert(1)> javascript:alert(1)',
        tags=("<b>", "' onclick='x"),
        category="<i>",
    )
    reader = reading(stage, hostile)
    for address in ("/", "/?q=script", "/?tag=%3Cb%3E", "/?category=%3Ci%3E"):
        page = reader.get(address).text
        for payload in ("<script>alert", "<img src=x", "<b>", "<i>", "onclick='x'"):
            assert payload not in page
