"""READMEs as HTML. They are hostile input: parsed without raw HTML, then sanitised as well."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from thinkube_catalog.web import urls
from thinkube_catalog.web.code import coloured_block

_TAGS = {
    *("p", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "hr", "br"),
    *("em", "strong", "s", "code", "pre", "span", "a", "img"),
    *("table", "thead", "tbody", "tr", "th", "td", "div"),
}
_ATTRIBUTES = {
    "a": {"href", "title", "class"},
    "img": {"src", "alt", "title", "loading"},
    "span": {"class"},
    "code": {"class"},
    "pre": {"tabindex"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "ol": {"start"},
    **{f"h{level}": {"id"} for level in range(2, 7)},
}
_HEADING = re.compile(r"^#{1,6}\s+(?P<title>.+?)\s*#*$", re.MULTILINE)
_WORD = re.compile(r"[^\W_]+")
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")


@dataclass(frozen=True)
class Readme:
    """A README in parts. `against` is what its section `Not for` says; `headings` id and title."""

    body: Markup
    against: Markup
    headings: tuple[tuple[str, str], ...]


def read(
    text: str, picture: Callable[[str], str], *, above: str = "", said: Collection[str] = ()
) -> Readme:
    """Return a README as safe HTML.

    `picture` gives the address of a picture of the template, or nothing when there is none: then
    its description is shown. Pictures from elsewhere become links, so that nobody learns who reads.
    Left out is what the page says itself: the picture `above`, and sections whose titles (in small
    letters) are in `said` where they are a table and nothing else.
    """
    text = _without_title(text)
    rest, against = _apart(text, "not for")
    for title in said:
        others, section = _apart(rest, title)
        rest = others if _is_table(section) else rest
    return Readme(
        body=_html(rest, picture, above),
        against=_html(against, picture) if against else Markup(),
        headings=tuple((slug(title), title) for title in _level_two(rest)),
    )


def slug(title: str) -> str:
    """Return a heading's id."""
    return "readme-" + "-".join(_WORD.findall(title.lower()))[:60]


def first_picture(text: str, picture: Callable[[str], str]) -> str:
    """Return the address of the first picture of a README that exists; else nothing."""
    for token in _PARSER.parse(text):
        for child in token.children or ():
            if child.type == "image" and (found := picture(str(child.attrs.get("src", "")))):
                return found
    return ""


def _html(text: str, picture: Callable[[str], str], above: str = "") -> Markup:
    environment = {"picture": picture, "above": above}
    return Markup(_sanitised(_PARSER.render(text, environment)))  # noqa: S704 (sanitised)


@lru_cache(maxsize=256)
def _sanitised(html: str) -> str:
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


def _without_title(text: str) -> str:
    """Leave out the first heading: the page has said the name already."""
    lines = text.lstrip("\ufeff \n").splitlines()
    return "\n".join(lines[1:] if lines and lines[0].startswith("# ") else lines)


def _apart(text: str, title: str) -> tuple[str, str]:
    """Return a README without the section of that title, and the section."""
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if _titled(line) == title), None)
    if start is None:
        return text, ""
    level = len(lines[start]) - len(lines[start].lstrip("#"))
    following = (
        n for n in range(start + 1, len(lines)) if re.match(rf"#{{1,{level}}}\s", lines[n])
    )
    end = next(following, len(lines))
    return "\n".join(lines[:start] + lines[end:]), "\n".join(lines[start + 1 : end])


def _is_table(section: str) -> bool:
    """Say whether a section holds a table and nothing else."""
    lines = [line.strip() for line in section.splitlines() if line.strip()]
    return bool(lines) and all(line.startswith("|") for line in lines)


def _titled(line: str) -> str:
    match = _HEADING.match(line)
    return match["title"].lower() if match else ""


def _level_two(text: str) -> list[str]:
    tokens = _PARSER.parse(text)
    return [
        inline.content
        for opening, inline in pairwise(tokens)
        if opening.type == "heading_open" and opening.tag == "h2"
    ]


class _Renderer(RendererHTML):
    def heading_open(
        self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType
    ) -> str:
        tag = "h2" if tokens[at].tag == "h1" else tokens[at].tag
        return f'<{tag} id="{slug(tokens[at + 1].content)}">'

    def heading_close(
        self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType
    ) -> str:
        tag = "h2" if tokens[at].tag == "h1" else tokens[at].tag
        return f"</{tag}>\n"

    def fence(self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
        token = tokens[at]
        language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
        return f'<pre tabindex="0"><code>{coloured_block(token.content, language)}</code></pre>\n'

    def code_block(
        self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType
    ) -> str:
        return f'<pre tabindex="0"><code>{Markup.escape(tokens[at].content)}</code></pre>\n'

    def table_open(
        self, _tokens: Sequence[Token], _at: int, _options: OptionsDict, _env: EnvType
    ) -> str:
        return '<div class="scrolled" tabindex="0"><table>\n'

    def table_close(
        self, _tokens: Sequence[Token], _at: int, _options: OptionsDict, _env: EnvType
    ) -> str:
        return "</table></div>\n"

    def image(self, tokens: Sequence[Token], at: int, _options: OptionsDict, env: EnvType) -> str:
        source = str(tokens[at].attrs.get("src", ""))
        alt = Markup.escape(tokens[at].content)
        found = env["picture"](source)
        if found and found == env["above"]:
            return ""
        if found:
            return f'<img src="{Markup.escape(found)}" alt="{alt}" loading="lazy">'
        elsewhere = Markup.escape(urls.external(source))
        return f'<a href="{elsewhere}">{alt}</a>' if elsewhere else f"<em>{alt}</em>"

    def link_open(
        self, tokens: Sequence[Token], at: int, _options: OptionsDict, _env: EnvType
    ) -> str:
        target = str(tokens[at].attrs.get("href", ""))
        found = slug(target[1:]) if target.startswith("#") else urls.external(target)
        if target.startswith("#"):
            return f'<a href="#{Markup.escape(found)}">'
        # A link into the template's own files leads nowhere here.
        return f'<a href="{Markup.escape(found)}">' if found else "<a>"


_PARSER = MarkdownIt(
    "commonmark", {"html": False, "linkify": False}, renderer_cls=_Renderer
).enable(["table", "strikethrough"])
