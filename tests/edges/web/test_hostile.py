"""Whatever a template, its author or a reader writes stays text: on every page, in every place."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.builders import a_release
from tests.edges.web.conftest import Reader, a_reader
from tests.stage import Stage
from thinkube_catalog.domain.bindings import Provider
from thinkube_catalog.domain.catalog import Catalog, CatalogEntry
from thinkube_catalog.domain.choices import MODEL_CATALOG
from thinkube_catalog.domain.descriptor import (
    Container,
    Dependency,
    Descriptor,
    Provision,
    Service,
)
from thinkube_catalog.domain.errors import Problem, RenderError
from thinkube_catalog.domain.manifest import SecretDeclaration, TemplateManifest
from thinkube_catalog.domain.models import Model
from thinkube_catalog.domain.questions import Choice, Form, Question
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations import browse, prospect
from thinkube_catalog.operations import preview as previews
from thinkube_catalog.operations.template_files import TemplateFiles

PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "x onmouseover=alert(1) y",
    "javascript:alert(1)",
    "JaVa\tScRiPt:alert(1)",
    "title|javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "//elsewhere.example/x",
    "https://elsewhere.example\\@here/",
    "</title></textarea></script><script>alert(1)</script>",
    "</pre></code><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<base href=//elsewhere.example>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<form action=//elsewhere.example><button>Deploy</button></form>",
    "<style>*{display:none}</style>",
    "[x](javascript:alert(1)) ![x](//elsewhere.example/pixel.png)",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "\u202egnp.exe\x00\x1b[31m",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "]]><!--<script>",
)
ALLOWED_SCHEMES = {"", "http", "https"}
ADDRESSES = {"href", "src", "action", "formaction", "poster", "xlink:href", "srcset", "data"}
NEVER = {"iframe", "object", "embed", "base", "style", "applet", "frame", "portal"}


class Inspection(HTMLParser):
    """Reads a page as a browser does, and notes what no page of ours may hold."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in NEVER or (tag == "script" and not _ours(given)):
            self.faults.append(f"<{tag} {attrs}>")
        if tag == "meta" and given.get("http-equiv", "refresh") != "refresh":
            self.faults.append(f"<meta {attrs}>")
        for name, value in attrs:
            if name.startswith("on") or name in {"style", "srcdoc", "autofocus"}:
                self.faults.append(f"<{tag} {name}={value}>")
            if name in ADDRESSES and not _safe(tag, name, value or ""):
                self.faults.append(f"<{tag} {name}={value}>")


def _ours(attributes: dict[str, str | None]) -> bool:
    data = attributes.get("type") == "application/json"
    return data or (attributes.get("src") or "").startswith("/static/")


def _safe(tag: str, name: str, value: str) -> bool:
    """Say whether an address leads to this service, or, from a link, to the web."""
    parts = urlsplit(re.sub(r"[\x00-\x20]", "", value))
    outside = bool(parts.scheme or parts.netloc)
    if tag == "a" and name == "href":
        return parts.scheme in ALLOWED_SCHEMES and bool(parts.scheme) == bool(parts.netloc)
    return not outside


def faults_of(page: str) -> list[str]:
    inspection = Inspection()
    inspection.feed(page)
    return inspection.faults


def test_what_is_looked_for_would_be_found() -> None:
    for payload in (
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='//elsewhere.example'>x</a>",
        "<a href=' java\tscript:alert(1)'>x</a>",
        "<form action='https://elsewhere.example'>",
        "<iframe srcdoc=x>",
        "<base href=/>",
    ):
        assert faults_of(payload), payload
    assert faults_of('<a href="https://example.org/x">x</a><a href="#y">y</a>') == []


def hostile_stage(stage: Stage, payload: str, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Return a reader of a catalog in which everything says the payload."""
    entry = CatalogEntry(
        "tkt-chat",
        payload,
        title=payload,
        description=payload,
        category=payload,
        tags=(payload, f"{payload}2"),
        origin=payload,
    )
    catalog = Catalog(
        (entry,),
        warnings=(Problem(payload, payload, 1, payload, payload),),
        categories={payload: payload},
        models=(Model(payload, name=payload, description=payload, license=payload),),
    )
    monkeypatch.setattr(type(stage.platform.catalogs), "load", lambda _self: catalog)
    files = TemplateFiles(_manifest(payload), _descriptor(payload), _readme(payload), True, ())
    files = replace(files, warnings=(Problem(payload, payload, 3, payload, payload),))
    for module in (browse, prospect, previews):
        monkeypatch.setattr(module, "read_template", lambda *_: files)
    monkeypatch.setattr(
        type(stage.platform.sources), "releases", lambda *_: (a_release(version=payload),)
    )
    renderer = type(stage.platform.renderer)
    monkeypatch.setattr(renderer, "evaluate", lambda *_: _form(payload))
    tree = FileTree({f"{payload.replace('/', '_')}.md": File(payload.encode())})
    monkeypatch.setattr(renderer, "render", lambda *_: tree)
    stage.platform.secrets.put("SHARED", SecretValue("kept-canary"))
    provider = Provider(payload, payload, f"https://{quote(payload, safe='')}.example", payload)
    return a_reader(replace(stage, platform=replace(stage.platform, providers=(provider,))))


def _manifest(payload: str) -> TemplateManifest:
    return TemplateManifest(
        "tkt-chat",
        title=payload,
        description=payload,
        version=payload,
        author=payload,
        tags=(payload,),
        category=payload,
        secrets=(SecretDeclaration(payload, payload), SecretDeclaration("B", payload, False)),
        hardware={"gpu": {"count": payload, "memory": payload}, payload: payload},
    )


def _descriptor(payload: str) -> Descriptor:
    return Descriptor(
        name=payload,
        containers=(Container(payload, size=payload, schedule=payload, port=1),),
        services=(Service(payload, payload),),
        dependencies=(Dependency(payload, payload, payload),),
        provides=(Provision(payload, payload, payload, payload),),
    )


def _readme(payload: str) -> str:
    return (
        f"# {payload}\n\n{payload}\n\n## {payload}\n\n## Not for\n\n{payload}\n\n```{payload}\nx\n"
    )


def _form(payload: str) -> Form:
    choices = (Choice(payload, payload, payload, {"description": payload, "license": payload}),)
    shared = {"help": payload, "value": payload, "default": payload, "error": payload}
    kinds: tuple[dict[str, object], ...] = (
        {"type": "str"},
        {"type": "str", "multiline": True},
        {"type": "bool"},
        {"type": "json"},
        {"type": "str", "secret": True},
        {"type": "str", "choices": choices},
        {"type": "str", "choices": choices * 6},
        {"type": "str", "choices": choices, "multiselect": True},
        {"type": "str", "dynamic_source": MODEL_CATALOG},
    )
    questions = tuple(
        Question(f"q{number}{payload}", **{**shared, **kind}, placeholder=payload)  # type: ignore[arg-type] # by field name
        for number, kind in enumerate(kinds)
    )
    name = Question("project_name", "str", value="x", default="x")
    problems = tuple(Problem(payload, payload, 1, each.name, payload) for each in questions)
    return Form((name, *questions), dropped=(payload,), problems=problems, asked_by="copier.yml")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_hostile_template_is_text_wherever_it_is_shown(
    stage: Stage, payload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = hostile_stage(stage, payload, monkeypatch)
    given = quote(payload, safe="")
    for address in (
        *("/", f"/?q={given}&category={given}&tag={given}", "/templates/tkt-chat"),
        *("/templates/tkt-chat/deploy", f"/templates/{given}", f"/templates/{given}/deploy"),
        *(f"/?after={given}", "/map", f"/deployments?template={given}", f"/{given}"),
        f"/templates/tkt-chat/files/{given}",
    ):
        page = reader.get(address).text
        assert faults_of(page) == [], address
        assert ">49<" not in page
    for address in ("/", "/templates/tkt-chat", "/templates/tkt-chat/deploy", "/map"):
        assert reader.get(address).status_code == 200, address


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_answers_files_and_faults_are_text(
    stage: Stage, payload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = hostile_stage(stage, payload, monkeypatch)
    form = replace(_form(payload), problems=())
    harmless = tuple(replace(each, error="") for each in form.questions)
    monkeypatch.setattr(
        type(stage.platform.renderer),
        "evaluate",
        lambda *_: replace(form, questions=harmless),
    )
    page = "/templates/tkt-chat/deploy"
    sent: dict[str, str | list[str]] = {
        **{f"{kind}.{payload}": payload for kind in ("a", "d", "k", "m", "s", "v")},
        "key": payload,
        "ref": payload,
        "file": f"{payload}.md",
        "a.project_name": "x",
    }
    for action in ("check", "deploy"):
        answer = reader.send(page, {**sent, "action": action}, page="/templates/tkt-chat/deploy")
        assert faults_of(answer.text) == [], action

    def failing(*_: object) -> FileTree:
        raise RenderError(payload, [Problem(payload, payload, 7, payload, payload)])

    monkeypatch.setattr(type(stage.platform.renderer), "render", failing)
    answer = reader.send(page, {**sent, "action": "deploy"})
    assert faults_of(answer.text) == []
    assert "kept-canary" not in answer.text


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_notes_and_licences_of_releases_are_text(
    stage: Stage, payload: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reader = hostile_stage(stage, payload, monkeypatch)
    (tmp_path / "CHANGELOG.md").write_text(f"## 1.0.0\n\n{payload}\n")
    (tmp_path / "LICENSE").write_text(payload)
    monkeypatch.setattr(type(stage.platform.sources), "checkout", lambda *_: tmp_path)
    monkeypatch.setattr(
        type(stage.platform.sources), "releases", lambda *_: (a_release(version="v1.0.0"),)
    )
    assert faults_of(reader.get("/templates/tkt-chat").text) == []
