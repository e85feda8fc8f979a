"""A template's page, and the READMEs that it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.edges.web.conftest import Reader
from thinkube_catalog.operations import deploy
from thinkube_catalog.operations.deploy import DeploymentRequest
from thinkube_catalog.web import readme

PAYLOADS = (
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "![x](javascript:alert(1))",
    "![x](https://elsewhere.example/pixel.png)",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<svg onload=alert(1)>",
    "<iframe src='https://elsewhere.example'></iframe>",
    "<form action='https://elsewhere.example'><input name=token></form>",
    "```<script>\nalert(1)\n```",
    "```html\n<script>alert(1)</script>\n```",
    "[x]: javascript:alert(1)\n[x]",
    '<https://elsewhere.example/"onmouseover=alert(1)>',
    "## <img src=x onerror=alert(1)>",
    "| <b onclick=x> |\n| --- |\n| <script>alert(1)</script> |",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "[x](//elsewhere.example)",
    "[x](\\\\elsewhere.example)",
    "![x](/api/v1/secrets)",
    "![x](../../../etc/passwd.png)",
)


def none(_source: str) -> str:
    return ""


def test_the_page_says_what_to_type_and_who_runs_it(reader: Reader) -> None:
    asked = DeploymentRequest("tkt-chat", "legal-qa", {"greeting": "hi"})
    deploy.request(reader.stage.platform, asked)
    page = reader.get("/templates/tkt-chat").text
    assert "tkt deploy tkt-chat my-app" in page
    assert "copier copy -x .git --vcs-ref v1.0.0" in page
    assert 'href="/deployments/legal-qa"' in page
    assert 'href="/templates/tkt-chat/deploy"' in page


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_readme_can_run_anything_or_load_anything(payload: str) -> None:
    for text in (payload, f"# Title\n\n{payload}\n\n## Not for\n\n{payload}"):
        read = readme.read(text, none)
        for html in (read.body, read.against):
            lowered = html.lower()
            for forbidden in ("<script", "<img", "<svg", "<iframe", "<form", "<input", "<style"):
                assert forbidden not in lowered
            for attribute in _attributes(html):
                assert not attribute.startswith("on")
            for scheme in ('href="javascript', 'href="data', 'href="vbscript', 'href="//'):
                assert scheme not in lowered


@given(st.text(alphabet="<>\"'=&;:/\\()[]!`#*_~-| \nabjonerscript", max_size=120))
def test_whatever_a_readme_holds_becomes_known_elements_only(text: str) -> None:
    html = readme.read(text, none).body
    for attribute in _attributes(html):
        assert not attribute.startswith("on")
    assert "<script" not in html
    assert "javascript:" not in "".join(_addresses(html))


def test_a_section_on_whom_it_is_not_for_stands_by_itself() -> None:
    read = readme.read("# A\n\nfirst\n\n## Not for\n\nthose\n\n### More\n\nx\n\n## Then\n\ny", none)
    assert "those" in read.against
    assert "More" in read.against
    assert "those" not in read.body
    assert [title for _, title in read.headings] == ["Then"]


def test_pictures_of_the_template_are_shown_and_others_are_links() -> None:
    text = "![Ours](a.png) ![Theirs](https://elsewhere.example/b.png) ![Lost](c.png)"
    html = readme.read(text, lambda source: f"/pictures/{source}" if source == "a.png" else "").body
    assert '<img src="/pictures/a.png" alt="Ours"' in html
    assert 'href="https://elsewhere.example/b.png"' in html
    assert "<em>Lost</em>" in html


def test_what_the_page_says_itself_is_not_said_twice() -> None:
    pictures = "![Ours](a.png)\n\n![Other](b.png)"
    text = f"# A\n\n{pictures}\n\n## Questions\n\n| which |\n| --- |\n\n## Then\n\ny"
    read = readme.read(text, lambda source: f"/p/{source}", above="/p/a.png", said=["questions"])
    assert "/p/a.png" not in read.body
    assert "/p/b.png" in read.body
    assert "which" not in read.body
    assert [title for _, title in read.headings] == ["Then"]
    theirs = readme.read("## Questions\n\nAsk us.", none, said=["questions"])
    assert "Ask us" in theirs.body


def test_pictures_come_from_the_template_alone(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "template"
    root.mkdir()
    (root / "a.png").write_bytes(b"\x89PNG")
    (root / "bad.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>")
    (root / "notes.txt").write_text("text")
    (tmp_path / "outside.png").write_bytes(b"\x89PNG")
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    monkeypatch.setattr(type(reader.stage.platform.sources), "checkout", lambda *_: root)
    below = "/templates/tkt-chat/files"
    assert reader.get(f"{below}/a.png").headers["content-type"] == "image/png"
    drawn = reader.get(f"{below}/bad.svg")
    assert "sandbox" in drawn.headers["content-security-policy"]
    assert "default-src 'none'" in drawn.headers["content-security-policy"]
    for name in ("notes.txt", "link.png", "..%2foutside.png", "none.png", "%00.png"):
        assert reader.get(f"{below}/{name}").status_code == 404


def _attributes(html: str) -> list[str]:
    from html.parser import HTMLParser  # noqa: PLC0415 (for this alone)

    found: list[str] = []

    class Reading(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(name for name, _ in attrs)

    Reading().feed(html)
    return found


def _addresses(html: str) -> list[str]:
    return [part.split('"')[0].lower() for part in html.split('href="')[1:]]
