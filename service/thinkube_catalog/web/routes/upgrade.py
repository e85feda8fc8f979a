"""The upgrade page: which release, what it would change, what is in conflict, and the request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from starlette.responses import Response

from thinkube_catalog.domain.deployments import Deployment, KeyReusedError
from thinkube_catalog.domain.errors import (
    CatalogError,
    ConflictError,
    InvalidError,
    Problem,
    RenderError,
)
from thinkube_catalog.domain.forge import Proposal
from thinkube_catalog.domain.merging import Side
from thinkube_catalog.domain.standard import PROJECT_NAME
from thinkube_catalog.operations import upgrade
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.releases import is_newer
from thinkube_catalog.operations.rollout import run_named_by
from thinkube_catalog.operations.steps import problems_of
from thinkube_catalog.operations.upgrade import UpgradePlan, UpgradeRequest
from thinkube_catalog.web import readme, urls
from thinkube_catalog.web.fields import Fields, SentFields
from thinkube_catalog.web.pages import ConflictLine, ProposalLine, ReleaseOption, UpgradePage
from thinkube_catalog.web.questionnaire import (
    QuestionField,
    kept_answers,
    question_fields,
    raw_answers,
)
from thinkube_catalog.web.site import Site, redirect
from thinkube_catalog.web.trees import FileChange, differences

MOST_FILES = 200
MOST_RELEASES = 50
CHOICE = "c."


@dataclass(frozen=True)
class Draft:
    """What a person has chosen so far. `action` is propose, apply, withdraw or empty."""

    to: str = ""
    raw: dict[str, object] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)
    key: str = ""
    action: str = ""

    def request(self, name: str) -> UpgradeRequest:
        """Return what is asked for with it."""
        return UpgradeRequest(
            name=name,
            to=self.to,
            answers={key: value for key, value in self.raw.items() if key != PROJECT_NAME},
            ours=self._chosen(Side.OURS),
            theirs=self._chosen(Side.THEIRS),
            apply=self.action == "apply",
            key=self.key,
        )

    def _chosen(self, side: Side) -> tuple[str, ...]:
        return tuple(path for path, chosen in self.choices.items() if chosen == side)


def routes(site: Site) -> APIRouter:
    """Return the upgrade page of deployments."""
    router = APIRouter(prefix="/deployments/{name}/upgrade")

    @router.get("")
    def show_upgrade(
        request: Request, name: str, to: Annotated[str, Query(max_length=200)] = ""
    ) -> Response:
        deployment = site.platform.deployments.get(name)
        return site.respond(request, _page(site, deployment, Draft(to=to, key=uuid4().hex)))

    @router.post("")
    def send_upgrade(request: Request, name: str, fields: SentFields) -> Response:
        deployment = site.platform.deployments.get(name)
        draft = _draft(fields)
        try:
            if draft.action == "withdraw":
                upgrade.withdraw(site.platform, name, fields.get("branch"))
                return redirect(urls.upgrade(name))
            if draft.action:
                _request(site, draft, name)
                return redirect(urls.deployment(name))
        except (InvalidError, RenderError) as error:
            page = _page(site, deployment, draft, problems_of(error))
            return site.respond(request, page, 422)
        except ConflictError as error:
            page = _page(site, deployment, draft, (Problem(str(error)),))
            return site.respond(request, page, 409)
        return site.respond(request, _page(site, deployment, draft))

    return router


def proposal_lines(site: Site, deployment: Deployment) -> tuple[ProposalLine, ...]:
    """Return the upgrades that wait; none where they cannot be read: the page helps without."""
    try:
        waiting = upgrade.proposals(site.platform, deployment.name)
        return tuple(_proposal(site.platform, deployment, each) for each in waiting)
    except CatalogError:
        return ()


def _request(site: Site, draft: Draft, name: str) -> None:
    asked = draft.request(name)
    try:
        upgrade.request(site.platform, asked)
    except KeyReusedError:
        # Sent, gone back, changed, sent again: a new request, which says itself what is wrong.
        upgrade.request(site.platform, replace(asked, key=uuid4().hex))


def _draft(fields: Fields) -> Draft:
    choices = {path: values[-1] for path, values in fields.below(CHOICE).items()}
    action = fields.get("action")
    return Draft(
        to=fields.get("to"),
        raw=raw_answers(fields),
        choices={path: side for path, side in choices.items() if side in set(Side)},
        key=fields.get("key") or uuid4().hex,
        action=action if action in {"propose", "apply", "withdraw"} else "",
    )


def _page(
    site: Site, deployment: Deployment, draft: Draft, problems: Sequence[Problem] = ()
) -> UpgradePage:
    runs = site.platform.deployments.runs(deployment.name, limit=1)
    page = UpgradePage(
        title=site.texts("upgrade.title", name=deployment.name),
        deployment=deployment,
        releases=_releases(site.platform, deployment, draft.to),
        to=draft.to,
        key=draft.key,
        before=upgrade.name_of(deployment.release),
        after="",
        questions=(),
        earlier=(),
        kept=(),
        notes=(),
        conflicts=(),
        changes=(),
        left_out=0,
        left_deleted=(),
        proposal=None,
        problems=tuple(problems),
        wrong=len(problems),
        busy=bool(runs) and not runs[0].state.ended,
    )
    try:
        planned = upgrade.plan(site.platform, replace(draft.request(deployment.name), apply=False))
    except CatalogError as error:
        return replace(page, refused=str(error))
    return _with_plan(site, page, draft, planned)


def _with_plan(site: Site, page: UpgradePage, draft: Draft, planned: UpgradePlan) -> UpgradePage:
    fields = _fields(site, draft, planned)
    changed = _in_order(planned, differences(planned.ours, planned.merge.files))
    said = page.problems or planned.problems
    at_fields = {each.name for each in fields}
    proposal = planned.proposal
    return replace(
        page,
        before=upgrade.name_of(planned.before.release),
        after=upgrade.name_of(planned.deployment.release),
        questions=tuple(each for each in fields if each.name in planned.new),
        earlier=tuple(each for each in fields if each.name not in planned.new),
        kept=kept_answers(planned.form, draft.raw),
        notes=tuple((version, _note(text)) for version, text in planned.notes.items()),
        conflicts=tuple(
            ConflictLine(each.path, each.kind, each.marked, draft.choices.get(each.path, ""))
            for each in planned.found
        ),
        changes=changed[:MOST_FILES],
        left_out=max(len(changed) - MOST_FILES, 0),
        left_deleted=planned.merge.left_deleted,
        proposal=_proposal(site.platform, planned.before, proposal) if proposal else None,
        problems=tuple(each for each in said if each.field not in at_fields),
        wrong=len(said),
    )


def _in_order(planned: UpgradePlan, changed: Sequence[FileChange]) -> tuple[FileChange, ...]:
    """Put first what a person has to look at, and last what is only generated."""
    unsettled = {each.path for each in planned.conflicts}
    return tuple(
        sorted(
            changed,
            key=lambda each: (each.path not in unsettled, each.path.startswith((".", "k8s/"))),
        )
    )


def _fields(site: Site, draft: Draft, planned: UpgradePlan) -> tuple[QuestionField, ...]:
    """Return the questions as fields whose defaults are the answers given before."""
    questions = tuple(
        replace(each, default=planned.carried.get(each.name, each.default))
        for each in planned.form.questions
        if each.name != PROJECT_NAME
    )
    form = replace(planned.form, questions=questions)
    return question_fields(form, draft.raw, site.gpus, all_errors=True)


def _note(text: str) -> Markup:
    return readme.read(text, lambda _source: "").body


def _releases(platform: Platform, deployment: Deployment, chosen: str) -> tuple[ReleaseOption, ...]:
    """Return the releases to choose from, newest first: those that are newer, and what is asked."""
    try:
        known = platform.sources.releases(deployment.release.location)[:MOST_RELEASES]
    except CatalogError:
        return ()
    newer = (each.version for each in known if is_newer(each.version, deployment.release.version))
    names: Iterable[str] = dict.fromkeys([*newer, *([chosen] if chosen else [])])
    return tuple(ReleaseOption(name, chosen=name == chosen) for name in names)


def _proposal(platform: Platform, deployment: Deployment, proposal: Proposal) -> ProposalLine:
    others = (each.author for each in proposal.commits if not run_named_by(each))
    return ProposalLine(
        version=upgrade.version_of(proposal),
        branch=proposal.branch,
        commit=proposal.head,
        url=proposal.url,
        unsettled=upgrade.unsettled_of(platform, deployment.name, proposal),
        people=tuple(dict.fromkeys(others)),
    )
