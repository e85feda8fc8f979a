"""What goes over the wire. Fields are always there; unknown fields of requests are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")

Json = Annotated[Any, Field(description="Any JSON value.")]


class Wire(BaseModel):
    """What the service says; made from values of the domain by their fields' names."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    @classmethod
    def of(cls, value: object) -> Self:
        """Make it from a value of the domain, or from a mapping that holds such values."""
        return cls.model_validate(value, from_attributes=True)


class Given(BaseModel):
    """What a caller says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _is_storable(cls, value: object) -> object:
        # JSON can name halves of characters, which no file and no database can hold.
        if any(map(_UNSTORABLE.search, _texts(value))):
            message = "texts may hold neither NUL nor half of a surrogate pair"
            raise ValueError(message)
        return value


def _texts(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each


# Problems


class ProblemItem(Wire):
    """One thing wrong at one place."""

    message: str = Field(description="What is wrong.")
    file: str = Field(description="The file it is in, if any.")
    line: int | None = Field(description="The line of that file, from 1.")
    field: str = Field(description="The dotted path of the field, or the question's name.")
    mend: str = Field(description="What to do about it.")


class ProblemDocument(Wire):
    """An RFC 9457 problem document; `errors` lists every single problem of the input."""

    type: str = Field(description="A stable name of the kind of error, as a relative address.")
    title: str = Field(description="The kind in words, the same for each error of this type.")
    status: int = Field(description="The HTTP status, once more.")
    detail: str = Field(description="What happened, for a person.")
    instance: str = Field(description="The address that was called, or a reference into the log.")
    errors: list[ProblemItem] = Field(description="Every problem; may be empty.")


# Catalog


class ReleasePublic(Wire):
    """One version of a template; it never changes."""

    location: str = Field(description="Where plain Copier finds it.")
    version: str = Field(description="Its tag, or what `git describe` says; may be empty.")
    commit: str = Field(description="The full commit id.")


class ReleasePage(Wire):
    """A template's releases, newest first."""

    items: list[ReleasePublic]


class TemplateSummary(Wire):
    """One template in a list."""

    name: str
    title: str
    description: str = Field(description="One line.")
    category: str
    tags: list[str]
    type: str = Field(description="application_template, or something that cannot be deployed.")
    deployment_type: str = Field(description="app, knative or component.")
    origin: str = Field(description="platform, or user for the caller's own catalogue.")
    highlights: list[tuple[int, int]] = Field(
        description="Where the query matched in the name: start and end of each match.",
    )


class Facet(Wire):
    """How many of the found templates have this value."""

    value: str
    label: str
    count: int


class TemplatePage(Wire):
    """One page of templates, best match first."""

    items: list[TemplateSummary]
    total: int
    next: str = Field(description="Cursor of the next page; empty on the last.")
    categories: list[Facet]
    tags: list[Facet]


class SecretDeclarationPublic(Wire):
    """A secret that the application reads from its environment."""

    name: str
    description: str
    required: bool


class ContainerNeeds(Wire):
    """What one container is and needs."""

    name: str
    port: int | None
    size: str
    gpu_count: int
    gpu_memory_gib: int
    job: bool
    schedule: str


class DependencyPublic(Wire):
    """Something that has to be given from outside."""

    name: str
    type: str
    env: str
    optional: bool


class ProvisionPublic(Wire):
    """Something that other deployments may use."""

    type: str
    container: str
    path: str
    protocol: str


class TemplatePublic(Wire):
    """All that is known of a template without asking its questions."""

    name: str
    title: str
    description: str
    category: str
    tags: list[str]
    author: str
    release: ReleasePublic
    secrets: list[SecretDeclarationPublic]
    containers: list[ContainerNeeds]
    services: list[str] = Field(description="Platform services, as in `thinkube.yaml`.")
    dependencies: list[DependencyPublic]
    provides: list[ProvisionPublic]
    hardware: dict[str, Json]
    warnings: list[ProblemItem] = Field(description="What is odd about it, for maintainers.")
    commands: list[str] = Field(description="Commands to copy.")


class Readme(Wire):
    """The template's README as its author wrote it (Markdown, not sanitised)."""

    text: str


# Questions


class RawAnswers(Given):
    """Answers as a form or a file has them; texts are parsed as the question's type says."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"answers": {"project_name": "legal-qa"}}]}
    )

    answers: dict[str, Json] = Field(default_factory=dict, description="By question name.")
    ref: str = Field(default="", description="Tag, branch or commit; empty: newest release.")


class ChoicePublic(Wire):
    """One offered value."""

    value: Json
    label: str
    disabled: str = Field(description="Why it cannot be chosen now; empty if it can.")
    details: dict[str, Json] = Field(description="For models: memory need, licence, gated, ...")


class QuestionPublic(Wire):
    """One visible question as it stands for the given answers."""

    name: str
    type: Literal["str", "int", "float", "bool", "json", "yaml", "path"]
    help: str
    value: Json
    default: Json
    answered: bool
    required: bool
    choices: list[ChoicePublic] | None
    multiselect: bool
    multiline: bool
    placeholder: str
    secret: bool
    group: str
    dynamic_source: str
    error: str = Field(description="What is wrong with the value; empty when nothing is.")

    @field_serializer("value")
    def _without_secret(self, value: Json) -> Json:
        return None if self.secret else value


class FormPublic(Wire):
    """Every visible question and every error at once."""

    questions: list[QuestionPublic]
    dropped: list[str] = Field(description="Answers that no visible question asks for.")
    problems: list[ProblemItem]


class FilePublic(Wire):
    """One file of a rendered project."""

    path: str
    mode: Literal["100644", "100755", "120000"] = Field(description="As in Git.")
    size: int = Field(description="In bytes.")
    text: str | None = Field(description="Its content, where it is UTF-8 text.")


class PreviewPublic(Wire):
    """What would be made. Nothing has been written anywhere."""

    release: ReleasePublic
    files: list[FilePublic] = Field(description="By path; Kubernetes objects are under k8s/.")
    commands: list[str] = Field(description="Commands that make the same.")


# Deployments


class SecretGiven(Given):
    """A secret's value, or the key under which it is stored already."""

    value: str = Field(default="", description="A value; it is stored for this deployment.")
    stored: str = Field(default="", description="A key of the secret store.")


class DeploymentCreate(Given):
    """Ask for a deployment."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "template": "tkt-rag-agent",
                    "name": "legal-qa",
                    "answers": {"project_description": "Answers questions on licences"},
                    "secrets": {"LLM_API_KEY": {"stored": "LLM_API_KEY"}},
                }
            ]
        }
    )

    template: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="A name of the catalog.",
    )
    name: str = Field(description="Small letters, digits, hyphens; at most 40.")
    answers: dict[str, Json] = Field(default_factory=dict)
    ref: str = Field(default="", description="Tag, branch or commit; empty: newest release.")
    secrets: dict[str, SecretGiven] = Field(
        default_factory=dict,
        description="By the environment name that the template declares.",
    )


class CausePublic(Wire):
    """Why an application is not healthy, and what to do."""

    kind: str
    message: str
    mend: str
    container: str
    lines: list[str] = Field(description="The last lines of its log that help.")


class ContainerStatusPublic(Wire):
    """How one container of the serving version is."""

    name: str
    health: str
    restarts: int
    started_at: datetime | None
    message: str


class ApplicationStatusPublic(Wire):
    """What the GitOps engine says."""

    health: str
    wanted: str = Field(description="The commit that should run.")
    serving: str = Field(description="The commit that answers requests.")
    failed: bool = Field(description="The engine has given up on the wanted commit.")
    url: str
    message: str
    causes: list[CausePublic]
    containers: list[ContainerStatusPublic]


class RunPublic(Wire):
    """One change of a deployment, under way or ended."""

    id: str
    deployment: str
    kind: str
    state: str
    attempt: int
    created_at: datetime
    ended_at: datetime | None
    problems: list[ProblemItem]


class DeploymentPublic(Wire):
    """A deployment's record."""

    id: str
    name: str
    template: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="A name of the catalog.",
    )
    release: ReleasePublic
    state: str
    answers: dict[str, Json]
    secrets: dict[str, str] = Field(description="Environment names and keys of the store.")
    repository: str
    clone_url: str
    url: str
    commit: str
    healthy_commit: str
    created_at: datetime
    changed_at: datetime
    problems: list[ProblemItem]


class DeploymentDetails(DeploymentPublic):
    """A deployment with what the engine says of it now and its latest run."""

    application: ApplicationStatusPublic | None
    run: RunPublic | None


class DeploymentPage(Wire):
    """One page of deployments, by name."""

    items: list[DeploymentPublic]
    next: str = Field(description="Cursor of the next page; empty on the last.")


class EventPublic(Wire):
    """One line of a deployment's log of events."""

    cursor: int
    deployment: str
    run: str
    step: str
    attempt: int
    kind: str
    at: datetime
    message: str
    seconds: float | None
    details: dict[str, Json]


class EventPage(Wire):
    """Events after a cursor, in order."""

    items: list[EventPublic]
    next: int = Field(description="Cursor to continue after.")


class LogLinePublic(Wire):
    """One line that a container wrote."""

    at: datetime
    container: str
    text: str
    cursor: str


class LogPage(Wire):
    """Log lines in order."""

    items: list[LogLinePublic]
    next: str = Field(description="Cursor to continue after.")


class RevisionPublic(Wire):
    """One commit that the deployment's branch has held."""

    commit: str
    message: str
    author: str
    at: datetime
    kind: str = Field(description="deploy, upgrade, rollback or push.")
    healthy: bool = Field(description="Whether it is known to have been healthy.")
    serving: bool


class RevisionPage(Wire):
    """A deployment's versions, newest first."""

    items: list[RevisionPublic]


class RollbackGiven(Given):
    """Where to roll back to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"to": "4f2d9c1ab57e"}]})

    to: str = Field(default="", description="A commit; empty: the last healthy one before.")


class UpgradeGiven(Given):
    """What to upgrade to, and how to settle what is in conflict."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{}, {"to": "v1.2.0", "answers": {"tone": "plain"}, "apply": True}]
        }
    )

    to: str = Field(default="", description="Tag, branch or commit; empty: newest release.")
    answers: dict[str, Json] = Field(
        default_factory=dict, description="To new questions, or in place of earlier answers."
    )
    ours: list[str] = Field(
        default_factory=list,
        max_length=1000,
        description="Files in conflict that stay as they are.",
    )
    theirs: list[str] = Field(
        default_factory=list,
        max_length=1000,
        description="Files in conflict of which the template's are taken.",
    )
    apply: bool = Field(default=False, description="Bring it to main, and have it run.")
    force: bool = Field(default=False, description="Also an older release, or the same anew.")


class ConflictPublic(Wire):
    """One file that a person has to look at."""

    path: str
    kind: str = Field(description="content, added, removed, binary, type or renamed.")
    marked: bool = Field(description="Both versions stand in the file, between marks.")


class FileDifferencePublic(Wire):
    """What would happen to one file."""

    path: str
    change: Literal["added", "changed", "removed"]
    mode: Literal["100644", "100755", "120000"] = Field(description="As in Git.")
    diff: str | None = Field(description="As `git diff` shows it, where it is text.")


class ProposalPublic(Wire):
    """An upgrade that waits on a branch."""

    version: str
    branch: str
    commit: str = Field(description="What the branch holds.")
    base: str = Field(description="The commit of main that it was made from.")
    url: str = Field(description="Its pull request, where the forge has them.")
    unsettled: list[str] = Field(description="Files in which a conflict still stands.")


class ProposalPage(Wire):
    """The upgrades that wait, by branch."""

    items: list[ProposalPublic]


class Withdrawn(Wire):
    """What was taken back."""

    branches: list[str]


class UpgradePublic(Wire):
    """What an upgrade would change. Nothing has been written anywhere."""

    before: ReleasePublic = Field(description="What main holds.")
    after: ReleasePublic
    form: FormPublic
    new: list[str] = Field(description="Questions that the release before did not ask.")
    files: list[FileDifferencePublic] = Field(description="By path.")
    conflicts: list[ConflictPublic] = Field(description="What is left to settle.")
    left_deleted: list[str] = Field(
        description="Deleted here and changed by the template: they stay deleted."
    )
    notes: dict[str, str] = Field(description="What the template's changelog says, by version.")
    problems: list[ProblemItem] = Field(description="What stands in the way.")
    branch: str = Field(description="Where it is, or would be, proposed.")
    proposed: bool = Field(description="It waits there already.")


class PushDelivery(BaseModel):
    """What Gitea delivers after a push, as far as it matters; it is read once it is signed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ref": "refs/heads/main",
                    "repository": {"id": 7, "full_name": "thinkube-deployments/legal-qa"},
                }
            ]
        }
    )

    ref: str = Field(description="The full name of the branch or tag.")
    repository: dict[str, Json] = Field(description="The repository, by `id` and `full_name`.")


class RemovalItem(Wire):
    """One thing that removal touches."""

    what: str
    name: str
    removed: bool = Field(description="False: it is left, and `note` says why or how.")
    note: str


class RemovalPlan(Wire):
    """What removal would do; nothing has been done."""

    deployment: str
    items: list[RemovalItem]


# Secrets, components, models


class SecretEntryPublic(Wire):
    """That a secret is stored; values are never given out."""

    key: str
    changed_at: datetime


class SecretPage(Wire):
    """What is stored, by key."""

    items: list[SecretEntryPublic]


class SecretPut(Given):
    """A secret's value."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"value": "hf_..."}]})

    value: str = Field(min_length=1)


class ModelPublic(Wire):
    """One model of the model catalogue."""

    id: str
    name: str
    description: str
    params_b: float
    quantization: str
    context_length: int | None
    task: str
    license: str
    server_type: list[str]
    gated: bool


class Ready(Wire):
    """Whether the service can do its work."""

    ready: bool
    checks: dict[str, str] = Field(description="ok, or what is wrong, by part.")
