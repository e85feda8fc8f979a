"""Deployments over the wire: asking for one, its record, and how its application is."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from thinkube_catalog.api.schemas.catalog import ReleasePublic
from thinkube_catalog.api.schemas.changes import RunPublic
from thinkube_catalog.api.schemas.problems import ProblemItem
from thinkube_catalog.api.schemas.wire import Given, Json, Wire


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


class DeploymentPublic(Wire):
    """A deployment's record."""

    id: str
    name: str
    template: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="A name of the catalog.",
    )
    release: ReleasePublic
    state: str = Field(
        description="`deploying` for the first time, `rolling-out` while a version is brought up "
        "and `application.serving` answers, `healthy`, `degraded`, `failed`, `removing`."
    )
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

    application: ApplicationStatusPublic | None = Field(
        description="Null where the engine does not know it, or could not be asked."
    )
    unavailable: str = Field(
        description="Why the engine could not be asked: the rest is what was seen last."
    )
    run: RunPublic | None
    warnings: list[ProblemItem] = Field(
        description="What is not as its repository makes believe, however healthy it is."
    )


class DeploymentPage(Wire):
    """One page of deployments, by name."""

    items: list[DeploymentPublic]
    next: str = Field(description="Cursor of the next page; empty on the last.")
