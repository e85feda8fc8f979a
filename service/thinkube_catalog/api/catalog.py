"""Routes of the catalog: templates, their questions, and previews."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from thinkube_catalog.api import PREFIX
from thinkube_catalog.api.errors import responses
from thinkube_catalog.api.schemas.catalog import Readme, ReleasePage, TemplatePage, TemplatePublic
from thinkube_catalog.api.schemas.forms import FilePublic, FormPublic, PreviewPublic, RawAnswers
from thinkube_catalog.domain.rendering import File
from thinkube_catalog.operations import browse, forms, preview
from thinkube_catalog.operations.platform import Platform

Ref = Annotated[str, Query(description="Tag, branch or commit; empty: the newest release.")]
Name = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=100,
        description="A name of the catalog; folders and Git addresses are for the command line.",
    ),
]
FOUND = responses(404, 422, 503)
EVALUATED = responses(404, 422, 500, 503)


def routes(platform: Platform) -> APIRouter:
    """Return the catalog's routes on a platform."""
    router = APIRouter(prefix=f"{PREFIX}/templates", tags=["catalog"])

    @router.get("", summary="Search the templates", responses=responses(422, 503))
    def list_templates(
        q: Annotated[
            str, Query(description="Words, or the beginning of one; typos are fine.")
        ] = "",
        tag: Annotated[tuple[str, ...], Query(description="Only with all of these tags.")] = (),
        category: Annotated[str, Query(description="Only of this category.")] = "",
        after: Annotated[str, Query(description="The `next` of the page before.")] = "",
        limit: Annotated[int, Query(ge=1, le=200, description="The most of one page.")] = 50,
    ) -> TemplatePage:
        """Find templates, best match first, with the facets of everything that was found."""
        page = browse.search(platform, q, tags=tag, category=category, after=after, limit=limit)
        return TemplatePage.of(page)

    @router.get("/{name}", summary="Describe a template", responses=FOUND)
    def get_template(name: Name, ref: Ref = "") -> TemplatePublic:
        """Say what a template is, needs and gives. Its questions come from its form."""
        return TemplatePublic.of(browse.describe(platform, name, ref))

    @router.get("/{name}/releases", summary="List a template's releases", responses=FOUND)
    def get_releases(name: Name) -> ReleasePage:
        """List the releases, newest first."""
        return ReleasePage.of({"items": browse.releases(platform, name)})

    @router.get("/{name}/readme", summary="Read a template's README", responses=FOUND)
    def get_readme(name: Name, ref: Ref = "") -> Readme:
        """Return the README as its author wrote it: Markdown that nobody has sanitised."""
        return Readme(text=browse.describe(platform, name, ref).readme)

    @router.post("/{name}/form", summary="Evaluate a form", responses=EVALUATED)
    def evaluate_form(name: Name, given: RawAnswers) -> FormPublic:
        """Return every visible question's state and every error, for these raw answers."""
        return FormPublic.of(forms.evaluate(platform, name, given.answers, given.ref))

    @router.post("/{name}/preview", summary="Preview a project", responses=EVALUATED)
    def preview_project(name: Name, given: RawAnswers) -> PreviewPublic:
        """Return every file that would be made, Kubernetes objects included; writes nothing."""
        seen = preview.preview(platform, name, given.answers, given.ref)
        files = [_file(path, file) for path, file in seen.tree.items()]
        return PreviewPublic.of(
            {"release": seen.release, "files": files, "commands": seen.commands}
        )

    return router


def _file(path: str, file: File) -> FilePublic:
    try:
        text = file.content.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    return FilePublic.of(
        {"path": path, "mode": file.git_mode, "size": len(file.content), "text": text}
    )
