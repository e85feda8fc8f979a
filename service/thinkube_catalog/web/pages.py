"""One dataclass per page: exactly what its HTML may read, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from markupsafe import Markup

from thinkube_catalog.domain.catalog import CatalogEntry, Release
from thinkube_catalog.domain.deployments import (
    Deployment,
    DeploymentSummary,
    Event,
    Run,
    RunKind,
    RunState,
    State,
)
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.gitops import ApplicationStatus, LogLine
from thinkube_catalog.domain.questions import Question
from thinkube_catalog.operations.browse import Page as FoundTemplates
from thinkube_catalog.operations.browse import TemplateDetails, TemplateSummary
from thinkube_catalog.operations.changes import Removal, Revision
from thinkube_catalog.operations.dependencies import Graph, Node
from thinkube_catalog.operations.inspection import Inspection
from thinkube_catalog.web.layers import Drawing
from thinkube_catalog.web.questionnaire import QuestionField
from thinkube_catalog.web.trees import FileChange, Folder, KubernetesObject


@dataclass(frozen=True)
class Page:
    """What every page has: its file, its place in the navigation, its title, its scripts."""

    html: ClassVar[str]
    section: ClassVar[str] = ""
    script: ClassVar[str] = ""

    title: str


@dataclass(frozen=True)
class Card:
    """One template in the catalog. `inspection` is None while nobody has looked at it yet."""

    template: TemplateSummary
    category: str
    inspection: Inspection | None
    running: int


@dataclass(frozen=True)
class FacetLink:
    """One value to narrow the list by, and the address with it chosen, or no longer chosen."""

    label: str
    count: int
    chosen: bool
    to: str


@dataclass(frozen=True)
class CatalogPage(Page):
    html: ClassVar[str] = "catalog.html"
    section: ClassVar[str] = "catalog"
    script: ClassVar[str] = "catalog"

    query: str
    category: str
    tags: tuple[str, ...]
    after: str
    cards: tuple[Card, ...]
    found: FoundTemplates
    categories: tuple[FacetLink, ...]
    tag_links: tuple[FacetLink, ...]
    clear: str
    next: str
    offered: int


@dataclass(frozen=True)
class ReleaseLine:
    """One release, what changed in it, and who runs it."""

    release: Release
    changes: Markup
    users: tuple[DeploymentSummary, ...]


@dataclass(frozen=True)
class TemplatePage(Page):
    html: ClassVar[str] = "template.html"
    section: ClassVar[str] = "catalog"

    entry: CatalogEntry
    details: TemplateDetails
    category: str
    readme: Markup
    against: Markup
    headings: tuple[tuple[str, str], ...]
    picture: str
    licence: str
    questions: Sequence[Question]
    questions_error: str
    releases: tuple[ReleaseLine, ...]
    users: tuple[DeploymentSummary, ...]
    users_total: int
    inspection: Inspection | None


@dataclass(frozen=True)
class SecretField:
    """One secret that a template declares: chosen from the store, or typed once.

    `typable` says whether one may be typed: not where values are fetched from elsewhere.
    """

    name: str
    description: str
    required: bool
    stored: tuple[str, ...]
    chosen: str
    typed: bool
    typable: bool
    problem: Problem | None


@dataclass(frozen=True)
class ShownFile:
    """The file that the preview shows: whole, or what would change in it.

    `html` is None for what is no text; `change` where it differs from the deployment of that name.
    """

    path: str
    size: int
    executable: bool
    link: bool
    html: Markup | None
    change: FileChange | None = None


@dataclass(frozen=True)
class PreviewPanel:
    """What would be made; `problems` says why it cannot be shown. `example` is a stand-in name."""

    problems: tuple[Problem, ...] = ()
    example: str = ""
    root: Folder | None = None
    count: int = 0
    objects: tuple[KubernetesObject, ...] = ()
    shown: ShownFile | None = None
    commands: tuple[str, ...] = ()
    missing: tuple[Problem, ...] = ()
    compared: bool = False


@dataclass(frozen=True)
class DeployPage(Page):
    html: ClassVar[str] = "deploy.html"
    section: ClassVar[str] = "catalog"
    script: ClassVar[str] = "deploy"

    entry: CatalogEntry
    details: TemplateDetails
    ref: str
    key: str
    questions: tuple[QuestionField, ...]
    kept: tuple[tuple[str, str], ...]
    secrets: tuple[SecretField, ...]
    secret_store: str
    problems: tuple[Problem, ...]
    wrong: int
    name: str
    existing: Deployment | None
    gpus: tuple[float, ...]
    preview: PreviewPanel


@dataclass(frozen=True)
class StepLine:
    """One step of a run. `state` is waiting, active, done, failed or cancelled."""

    name: str
    title: str
    state: str
    message: str
    seconds: float | None
    since: datetime | None


@dataclass(frozen=True)
class DeploymentPage(Page):
    html: ClassVar[str] = "deployment.html"
    section: ClassVar[str] = "deployments"
    script: ClassVar[str] = "deployment"

    deployment: Deployment
    application: ApplicationStatus | None
    unavailable: str
    run: Run | None
    steps: tuple[StepLine, ...]
    problems: tuple[Problem, ...]
    cause_lines: tuple[str, ...]
    events: tuple[Event, ...]
    cursor: int
    containers: tuple[str, ...]
    container: str
    logs: tuple[LogLine, ...]
    log_cursor: str
    revisions: tuple[Revision, ...]
    history_error: str
    newest: str
    proposals: tuple[ProposalLine, ...]
    warnings: tuple[Problem, ...]
    key: str

    @property
    def busy(self) -> bool:
        return self.run is not None and not self.run.state.ended

    @property
    def newer(self) -> bool:
        """Whether a newer version of the service looks after it in a way not known to this one."""
        under_way = self.busy and self.run is not None and self.run.kind is RunKind.UNKNOWN
        return under_way or self.deployment.state is State.UNKNOWN

    @property
    def changeable(self) -> bool:
        return not self.busy and not self.newer

    @property
    def renewable(self) -> bool:
        """Whether its secrets' values can be brought up anew: once something of it has been."""
        return self.changeable and bool(self.deployment.secrets and self.deployment.commit)

    @property
    def rollback_to(self) -> str:
        """The newest earlier version that was healthy; empty if there is none to go back to."""
        earlier = (each.commit for each in self.revisions[1:] if each.healthy)
        return next(earlier, "") if self.changeable else ""

    @property
    def remakeable(self) -> bool:
        """Whether `k8s/` can be made anew: a `thinkube.yaml` with faults is listed with them."""
        return self.changeable and len(self.warnings) == 1

    @property
    def retryable(self) -> bool:
        ends = {RunState.FAILED, RunState.CANCELLED}
        if self.run is None or self.run.kind is RunKind.UNKNOWN:
            return False
        return not self.newer and self.run.state in ends


@dataclass(frozen=True)
class RemovedPage(Page):
    html: ClassVar[str] = "removed.html"
    section: ClassVar[str] = "deployments"

    name: str
    run: Run
    steps: tuple[StepLine, ...]
    left: tuple[str, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True)
class RevisionPage(Page):
    """What a commit changed; or, with `rolling_back`, what going back to it would change."""

    html: ClassVar[str] = "revision.html"
    section: ClassVar[str] = "deployments"

    deployment: Deployment
    revision: Revision
    before: str
    rolling_back: bool
    changes: tuple[FileChange, ...]
    left_out: int
    key: str


@dataclass(frozen=True)
class RemakePage(Page):
    """What `k8s/` made anew would change; `problems` stand in the way."""

    html: ClassVar[str] = "remake.html"
    section: ClassVar[str] = "deployments"

    deployment: Deployment
    changes: tuple[FileChange, ...]
    problems: tuple[Problem, ...]
    key: str

    def with_changes(self, changes: tuple[FileChange, ...]) -> RemakePage:
        return replace(self, changes=changes)

    def with_problems(self, problems: tuple[Problem, ...]) -> RemakePage:
        return replace(self, problems=problems)


@dataclass(frozen=True)
class ReleaseOption:
    """One release to upgrade to."""

    version: str
    chosen: bool


@dataclass(frozen=True)
class ConflictLine:
    """One file in conflict, and which side is chosen: ours, theirs or none."""

    path: str
    kind: str
    marked: bool
    chosen: str


@dataclass(frozen=True)
class ProposalLine:
    """An upgrade that waits. `people` are those who have pushed to it besides us."""

    version: str
    branch: str
    commit: str
    url: str
    unsettled: tuple[str, ...]
    people: tuple[str, ...]


@dataclass(frozen=True)
class UpgradePage(Page):
    """What a newer release would change. `refused` says why there is nothing to show.

    `earlier` are the questions that were answered before; an answer counts only if it is another.
    """

    html: ClassVar[str] = "upgrade.html"
    section: ClassVar[str] = "deployments"

    deployment: Deployment
    releases: tuple[ReleaseOption, ...]
    to: str
    key: str
    before: str
    after: str
    questions: tuple[QuestionField, ...]
    earlier: tuple[QuestionField, ...]
    kept: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, Markup], ...]
    conflicts: tuple[ConflictLine, ...]
    changes: tuple[FileChange, ...]
    left_out: int
    left_deleted: tuple[str, ...]
    proposal: ProposalLine | None
    problems: tuple[Problem, ...]
    wrong: int
    busy: bool
    refused: str = ""

    @property
    def open_conflicts(self) -> int:
        return sum(not each.chosen for each in self.conflicts)


@dataclass(frozen=True)
class RemovalPage(Page):
    html: ClassVar[str] = "removal.html"
    section: ClassVar[str] = "deployments"

    deployment: Deployment
    plan: tuple[Removal, ...]
    users: tuple[str, ...]
    repository: bool
    volumes: bool
    key: str


@dataclass(frozen=True)
class Option:
    """One value that the list of deployments can be narrowed by."""

    value: str
    label: str
    count: int


@dataclass(frozen=True)
class DeploymentLine:
    """One deployment in the list; `newest` is the version that it could have, if another."""

    deployment: DeploymentSummary
    newest: str


@dataclass(frozen=True)
class DeploymentsPage(Page):
    html: ClassVar[str] = "deployments.html"
    section: ClassVar[str] = "deployments"
    script: ClassVar[str] = "deployments"

    lines: tuple[DeploymentLine, ...]
    total: int
    all: int
    filters: Mapping[str, str]
    options: Mapping[str, tuple[Option, ...]]
    next: str
    after: str


@dataclass(frozen=True)
class BulkPlan:
    """What a bulk action means for one deployment; `refused` says why it means nothing.

    Not `merged`: what an upgrade changes in its files is worked out when somebody looks at it.
    """

    name: str
    items: tuple[Removal, ...] = ()
    refused: str = ""
    said: str = ""
    merged: bool = True


@dataclass(frozen=True)
class BulkPage(Page):
    """The plan for several deployments, or what was asked for; `left` still are to be."""

    html: ClassVar[str] = "bulk.html"
    section: ClassVar[str] = "deployments"
    script: ClassVar[str] = "bulk"

    action: str
    plans: tuple[BulkPlan, ...]
    left: tuple[str, ...]
    chosen: tuple[str, ...]
    done: bool
    key: str


@dataclass(frozen=True)
class MapPage(Page):
    """What uses what; `alone_more` counts what uses nothing and is not listed either."""

    html: ClassVar[str] = "map.html"
    section: ClassVar[str] = "map"
    script: ClassVar[str] = "deployments"

    graph: Graph
    drawing: Drawing
    alone: tuple[Node, ...]
    alone_more: int


@dataclass(frozen=True)
class ErrorPage(Page):
    """What went wrong. `again` is an address that may work later; `deployment` what it is about."""

    html: ClassVar[str] = "error.html"

    status: int
    detail: str
    problems: tuple[Problem, ...]
    reference: str = ""
    again: str = ""
    deployment: str = ""
