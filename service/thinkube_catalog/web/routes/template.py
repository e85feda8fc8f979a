"""One template: everything a person wants to know before choosing it."""

from __future__ import annotations

import mimetypes
from pathlib import Path, PurePosixPath

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from thinkube_catalog.domain.catalog import CatalogEntry, Release, Source
from thinkube_catalog.domain.deployments import DeploymentSummary
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.questions import Question
from thinkube_catalog.operations import browse, changelog, forms
from thinkube_catalog.web import readme, security, urls
from thinkube_catalog.web.pages import ReleaseLine, TemplatePage
from thinkube_catalog.web.site import Site

MOST_USERS = 8
MOST_RELEASES = 20
LARGEST_PICTURE = 4 * 1024 * 1024
LONGEST_NOTES = 256 * 1024
_SAID = ("questions",)
_LICENCES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING")


def routes(site: Site) -> APIRouter:
    """Return a template's page, and the pictures that its README shows."""
    router = APIRouter()

    @router.get("/templates/{name}")
    def show_template(request: Request, name: str) -> Response:
        entry = site.platform.catalogs.load().entry(name)
        return site.respond(request, _page(site, entry))

    @router.get("/templates/{name}/files/{path:path}")
    def get_picture(name: str, path: str) -> Response:
        entry = site.platform.catalogs.load().entry(name)
        release = site.platform.sources.resolve(Source(entry.location))
        found = _picture(site.platform.sources.checkout(release), path)
        if found is None:
            raise HTTPException(404)
        headers = {**security.HEADERS, "Content-Security-Policy": security.PICTURE_POLICY}
        media_type = mimetypes.guess_type(found.name)[0]
        return FileResponse(found, headers=headers, media_type=media_type)

    return router


def _page(site: Site, entry: CatalogEntry) -> TemplatePage:
    details = browse.describe_entry(site.platform, entry)
    root = site.platform.sources.checkout(details.release)

    def picture(source: str) -> str:
        found = _picture(root, source.removeprefix("./"))
        return urls.template_file(entry.name, source.removeprefix("./")) if found else ""

    questions, error = _questions(site, entry, details.release)
    above = readme.first_picture(details.readme, picture)
    read = readme.read(details.readme, picture, above=above, said=_SAID if questions else ())
    users = [each for each in site.platform.deployments.summaries() if each.template == entry.name]
    return TemplatePage(
        title=details.title,
        entry=entry,
        details=details,
        category=site.platform.catalogs.load().categories.get(details.category, details.category),
        readme=read.body,
        against=read.against,
        headings=read.headings,
        picture=above,
        licence=_licence(root),
        questions=questions,
        questions_error=error,
        releases=_releases(details, root, users),
        users=tuple(users[:MOST_USERS]),
        users_total=len(users),
        inspection=site.inspections.of([entry]).get(entry.name),
    )


def _questions(
    site: Site, entry: CatalogEntry, release: Release
) -> tuple[tuple[Question, ...], str]:
    try:
        form = forms.evaluate_release(site.platform, release, {}, entry.name)
    except CatalogError as error:
        return (), str(error)
    return form.questions, ""


def _releases(
    details: browse.TemplateDetails, root: Path, users: list[DeploymentSummary]
) -> tuple[ReleaseLine, ...]:
    notes = changelog.notes(root)
    return tuple(
        ReleaseLine(
            release=release,
            changes=_changes(notes.get(release.version.removeprefix("v"), "")),
            users=tuple(each for each in users if each.version == release.version),
        )
        for release in details.releases[:MOST_RELEASES]
    )


def _changes(note: str) -> Markup:
    return readme.read(note, lambda _source: "").body if note else Markup()


def _licence(root: Path) -> str:
    """Return the first line of the template's licence, which names it."""
    text = next((found for name in _LICENCES if (found := _text(root, name))), "")
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return first.lstrip("# ")[:80]


def _text(root: Path, name: str) -> str:
    path = _inside(root, name)
    if path is None or path.stat().st_size > LONGEST_NOTES:
        return ""
    return path.read_text("utf-8", "replace")


def _picture(root: Path, source: str) -> Path | None:
    """Return the picture file of that path, where it is one of the template's own."""
    if PurePosixPath(source).suffix.lower() not in readme.PICTURES:
        return None
    path = _inside(root, source)
    return path if path is not None and path.stat().st_size <= LARGEST_PICTURE else None


def _inside(root: Path, name: str) -> Path | None:
    """Return a regular file of a checkout; links that lead out of it are not followed."""
    try:
        path = (root / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    return path if path.is_relative_to(root.resolve()) and path.is_file() else None
