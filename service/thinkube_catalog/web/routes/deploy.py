"""The deploy page: one form, its live preview, and the request that it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from thinkube_catalog.domain.catalog import CatalogEntry
from thinkube_catalog.domain.deployments import (
    Deployment,
    DeploymentNotFoundError,
    KeyReusedError,
    Run,
)
from thinkube_catalog.domain.errors import (
    CatalogError,
    ConflictError,
    InvalidError,
    Problem,
    RenderError,
)
from thinkube_catalog.domain.questions import Form
from thinkube_catalog.domain.rendering import FileTree
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.domain.standard import PROJECT_NAME
from thinkube_catalog.operations import browse, deploy, forms, preview
from thinkube_catalog.operations.commands import EXAMPLE_PROJECT
from thinkube_catalog.operations.differences import text_of
from thinkube_catalog.operations.rollout import repository_of
from thinkube_catalog.operations.steps import problems_of
from thinkube_catalog.web import urls
from thinkube_catalog.web.code import coloured
from thinkube_catalog.web.fields import Fields, SentFields
from thinkube_catalog.web.pages import DeployPage, PreviewPanel, SecretField, ShownFile
from thinkube_catalog.web.questionnaire import kept_answers, question_fields, raw_answers
from thinkube_catalog.web.site import Site, redirect
from thinkube_catalog.web.trees import FileChange, differences, folder_of, objects_of

FIRST_SHOWN = ("README.md", "main.py", "thinkube.yaml")
STORED = "stored:"
_ALSO = {"name": PROJECT_NAME}  # a deployment is named by the answer to that question


@dataclass(frozen=True)
class Draft:
    """What a person has filled in so far."""

    raw: dict[str, object] = field(default_factory=dict)
    secrets: dict[str, SecretValue | str] = field(default_factory=dict)
    ref: str = ""
    key: str = ""
    file: str = ""
    wanted: bool = False

    @property
    def name(self) -> str:
        return str(self.raw.get(PROJECT_NAME) or "")


def routes(site: Site) -> APIRouter:
    """Return the deploy page of templates."""
    router = APIRouter()

    @router.get("/templates/{name}/deploy")
    def show_form(request: Request, name: str, ref: Annotated[str, Query()] = "") -> Response:
        entry = site.platform.catalogs.load().entry(name)
        page = _page(site, entry, Draft(ref=ref, key=uuid4().hex))
        return site.respond(request, page)

    @router.post("/templates/{name}/deploy")
    def send_form(request: Request, name: str, fields: SentFields) -> Response:
        entry = site.platform.catalogs.load().entry(name)
        draft = _draft(fields)
        if not draft.wanted:
            return site.respond(request, _page(site, entry, draft))
        try:
            run = _request(site, entry, draft)
        except (InvalidError, RenderError) as error:
            return site.respond(request, _page(site, entry, draft, problems_of(error)), 422)
        except ConflictError as error:
            refused = (Problem(str(error), field=PROJECT_NAME),)
            return site.respond(request, _page(site, entry, draft, refused), 409)
        return redirect(urls.deployment(run.deployment))

    return router


def _request(site: Site, entry: CatalogEntry, draft: Draft) -> Run:
    asked = deploy.DeploymentRequest(
        template=entry.name,
        name=draft.name,
        answers={name: value for name, value in draft.raw.items() if name != PROJECT_NAME},
        ref=draft.ref,
        secrets=draft.secrets,
        key=draft.key,
    )
    try:
        return deploy.request(site.platform, asked)
    except KeyReusedError:
        # Sent, gone back, changed, sent again: a new request, which says itself what is wrong.
        return deploy.request(site.platform, replace(asked, key=uuid4().hex))


def _draft(fields: Fields) -> Draft:
    secrets: dict[str, SecretValue | str] = {}
    for name, values in fields.below("s.").items():
        if values[-1].startswith(STORED):
            secrets[name] = values[-1].removeprefix(STORED)
    for name, values in fields.below("v.").items():
        if values[-1]:
            secrets[name] = SecretValue(values[-1])
    return Draft(
        raw=raw_answers(fields),
        secrets=secrets,
        ref=fields.get("ref"),
        key=fields.get("key") or uuid4().hex,
        file=fields.get("file") or fields.get("shown"),
        wanted=fields.get("action") == "deploy",
    )


def _page(
    site: Site, entry: CatalogEntry, draft: Draft, problems: Sequence[Problem] = ()
) -> DeployPage:
    details = browse.describe_entry(site.platform, entry, draft.ref)
    form = forms.evaluate_release(site.platform, details.release, draft.raw, entry.name)
    existing = _existing(site, draft.name)
    shown = question_fields(form, draft.raw, site.gpus, all_errors=draft.wanted)
    said = {_ALSO.get(problem.field, problem.field): problem for problem in problems}
    shown = tuple(
        replace(each, error=each.error or said[each.name].message) if each.name in said else each
        for each in shown
    )
    at_fields = {*(each.name for each in shown), *(f"secrets.{s.name}" for s in details.secrets)}
    return DeployPage(
        title=site.texts("deploy.title", title=details.title),
        entry=entry,
        details=details,
        ref=draft.ref,
        key=draft.key,
        questions=shown,
        kept=kept_answers(form, draft.raw),
        secrets=_secrets(site, details, draft, said),
        secret_store=site.platform.secret_store,
        problems=tuple(
            each for each in problems if _ALSO.get(each.field, each.field) not in at_fields
        ),
        wrong=len(problems),
        name=draft.name,
        existing=existing,
        gpus=site.gpus,
        preview=_preview(site, entry, draft, form, existing),
    )


def _existing(site: Site, name: str) -> Deployment | None:
    try:
        return site.platform.deployments.get(name) if name else None
    except DeploymentNotFoundError:
        return None


def _secrets(
    site: Site, details: browse.TemplateDetails, draft: Draft, said: dict[str, Problem]
) -> tuple[SecretField, ...]:
    keys = [entry.key for entry in site.platform.secrets.entries() if "/" not in entry.key]
    elsewhere = bool(site.platform.secret_store)
    return tuple(
        SecretField(
            name=each.name,
            description=each.description,
            required=each.required,
            stored=tuple(dict.fromkeys([*keys, *([each.name] if elsewhere else [])])),
            chosen=_chosen(draft, each.name, [each.name] if elsewhere and each.required else keys),
            typed=isinstance(draft.secrets.get(each.name), SecretValue),
            typable=not elsewhere,
            problem=said.get(f"secrets.{each.name}"),
        )
        for each in details.secrets
    )


def _chosen(draft: Draft, name: str, keys: Sequence[str]) -> str:
    given = draft.secrets.get(name)
    if isinstance(given, str):
        return given
    return name if given is None and name in keys else ""


def _preview(
    site: Site, entry: CatalogEntry, draft: Draft, form: Form, existing: Deployment | None
) -> PreviewPanel:
    raw = dict(draft.raw)
    if all(problem.field == PROJECT_NAME for problem in form.problems):
        raw[PROJECT_NAME] = draft.name if not form.problems else EXAMPLE_PROJECT
    example = raw.get(PROJECT_NAME) != draft.name
    try:
        seen = preview.preview(site.platform, entry.name, raw, draft.ref)
    except CatalogError as error:
        return PreviewPanel(problems=problems_of(error))
    before = _files_of(site, existing) if existing is not None and not example else None
    return PreviewPanel(
        example=str(raw[PROJECT_NAME]) if example else "",
        root=folder_of(seen.tree, before),
        count=len(seen.tree),
        objects=objects_of(seen.tree),
        shown=_shown(seen.tree, before, draft.file),
        commands=seen.commands,
        missing=seen.missing,
        compared=before is not None,
    )


def _files_of(site: Site, existing: Deployment) -> FileTree | None:
    if not existing.commit:
        return None
    try:
        repository = repository_of(site.platform, existing.name)
        return site.platform.forge.files(repository, existing.commit)
    except CatalogError:
        return None


def _shown(tree: FileTree, before: FileTree | None, wanted: str) -> ShownFile | None:
    known = {**(before or {}), **tree}
    path = wanted if wanted in known else next((each for each in FIRST_SHOWN if each in tree), "")
    path = path or next(iter(tree), "")
    if not path:
        return None
    file = known[path]
    change = None if before is None else _change(path, before, tree)
    text = text_of(file) if change is None else None
    return ShownFile(
        path=path,
        size=len(file.content),
        executable=file.executable,
        link=file.link,
        html=coloured(text, path) if text is not None else None,
        change=change,
    )


def _change(path: str, before: FileTree, after: FileTree) -> FileChange | None:
    """Return what would change in a file; None where nothing would, or the whole file is new."""
    old, new = (FileTree({path: tree[path]} if path in tree else {}) for tree in (before, after))
    found = differences(old, new) if old else ()
    return found[0] if found and found[0].hunks else None
