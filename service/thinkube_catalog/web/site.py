"""The site: what every page is made with, and how a page becomes a response."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from thinkube_catalog.operations.dependencies import Dependencies
from thinkube_catalog.operations.inspection import Inspections
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.web import code, security, urls
from thinkube_catalog.web.assets import Assets
from thinkube_catalog.web.pages import Page
from thinkube_catalog.web.questionnaire import text_of
from thinkube_catalog.web.texts import Texts, load_texts

FOLDER = Path(__file__).parent / "html"
SMALLEST_COMPRESSED = 1000

HSL_TILES = 8


@dataclass(frozen=True)
class Site:
    """What routes need: the platform, what is known of templates, and how pages are made.

    `gpus` are the GiB of memory of the GPUs that applications may use.
    """

    platform: Platform
    version: str = ""
    gpus: tuple[float, ...] = ()
    assets: Assets = field(default_factory=Assets)
    texts: Texts = field(default_factory=load_texts)

    @cached_property
    def inspections(self) -> Inspections:
        return Inspections(self.platform)

    @cached_property
    def dependencies(self) -> Dependencies:
        return Dependencies(self.platform)

    def respond(self, request: Request, page: Page, status: int = 200) -> Response:
        """Return a page as a response, compressed where the browser takes that."""
        token = security.csrf_token(request)
        response = self._encoded(request, self.html(page, token))
        response.status_code = status
        security.remember(response, request, token)
        return response

    def html(self, page: Page, csrf: str = "") -> str:
        """Return a page's HTML."""
        return self._environment.get_template(page.html).render(page=page, csrf=csrf)

    def asset(self, request: Request, digest: str, name: str) -> Response | None:
        """Return a static file; None when there is none of exactly that digest."""
        found = self.assets.get(digest, name)
        if found is None:
            return None
        headers = {
            **security.HEADERS,
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
        }
        if not _takes_gzip(request):
            return Response(found.content, headers=headers, media_type=found.media_type)
        headers["Content-Encoding"] = "gzip"
        return Response(found.compressed, headers=headers, media_type=found.media_type)

    def _encoded(self, request: Request, html: str) -> Response:
        headers = {
            **security.HEADERS,
            "Cache-Control": "private, no-cache",
            "Vary": "Accept-Encoding, Cookie",
        }
        content = html.encode()
        if len(content) >= SMALLEST_COMPRESSED and _takes_gzip(request):
            content = gzip.compress(content, 5)
            headers["Content-Encoding"] = "gzip"
        return Response(content, headers=headers, media_type="text/html; charset=utf-8")

    @cached_property
    def _environment(self) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.update(
            t=self.texts,
            urls=urls,
            asset=self.assets.url,
            icon=self._icon,
            when=self._when,
            now=lambda: datetime.now(UTC),
            version=self.version,
        )
        environment.filters.update(
            marked=marked,
            coloured=code.coloured,
            shown=text_of,
            coloured_lines=code.coloured_lines,
            duration=duration,
            bytes=size_in_words,
            hue=hue,
            monogram=monogram,
        )
        return environment

    def _icon(self, name: str, label: str = "") -> Markup:
        use = Markup('<use href="{}#{}"/>').format(self.assets.url("icons.svg"), name)
        if label:
            return Markup('<svg class="icon" role="img" aria-label="{}">{}</svg>').format(
                label, use
            )
        return Markup('<svg class="icon" aria-hidden="true">{}</svg>').format(use)

    def _when(self, at: datetime | None, style: str = "ago") -> Markup:
        """Return a time in UTC, which the reader's browser puts into the reader's zone."""
        if at is None:
            return Markup()
        at = at.astimezone(UTC)
        return Markup('<time datetime="{}" data-style="{}">{}</time>').format(
            at.isoformat(timespec="milliseconds"), style, f"{at:%Y-%m-%d %H:%M} UTC"
        )


def redirect(to: str) -> Response:
    """Return what a form that has done its work answers with: reloading sends nothing again."""
    return RedirectResponse(to, 303, headers=security.HEADERS)


def marked(text: str, spans: Sequence[tuple[int, int]]) -> Markup:
    """Return a text with the parts from start to end in `mark`."""
    parts, last = Markup(), 0
    for start, end in spans:
        parts += Markup("{}<mark>{}</mark>").format(text[last:start], text[start:end])
        last = end
    return parts + text[last:]


def duration(seconds: float | None) -> str:
    """Return a duration as people write it: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return ""
    if seconds < 10:  # noqa: PLR2004 (below it tenths matter)
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest} s"


def size_in_words(size: int) -> str:
    """Return a number of bytes as people read it, in powers of 1000."""
    if size < 1000:  # noqa: PLR2004 (below it bytes are counted)
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"  # noqa: PLR2004 (the unit's own bound)


def hue(word: str) -> int:
    """Return one of a few colours for a word, always the same one."""
    return sum(word.encode()) % HSL_TILES


def monogram(name: str) -> str:
    """Return up to two letters to know a template by."""
    words = [word for word in name.removeprefix("tkt-").replace("_", "-").split("-") if word]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


Render = Callable[[Page], Response]
