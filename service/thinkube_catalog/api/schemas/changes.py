"""Changes of a deployment over the wire: runs, history, roll back and removal."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from thinkube_catalog.api.schemas.problems import ProblemItem
from thinkube_catalog.api.schemas.wire import Given, Wire


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


class RevisionPublic(Wire):
    """One commit that the deployment's branch has held."""

    commit: str
    message: str
    author: str
    at: datetime
    kind: str = Field(description="deploy, upgrade, remake, rollback or push.")
    healthy: bool = Field(description="Whether it is known to have been healthy.")
    serving: bool


class RevisionPage(Wire):
    """A deployment's versions, newest first."""

    items: list[RevisionPublic]


class RollbackGiven(Given):
    """Where to roll back to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"to": "4f2d9c1ab57e"}]})

    to: str = Field(default="", description="A commit; empty: the last healthy one before.")


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
