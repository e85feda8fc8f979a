"""Upgrades over the wire: asking for one, what it would change, and what is proposed."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from thinkube_catalog.api.schemas.catalog import ReleasePublic
from thinkube_catalog.api.schemas.forms import FormPublic
from thinkube_catalog.api.schemas.problems import ProblemItem
from thinkube_catalog.api.schemas.wire import Given, Json, Wire


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


class RemakePublic(Wire):
    """What `k8s/` made anew would change. Nothing has been written anywhere."""

    files: list[FileDifferencePublic] = Field(description="By path.")
    problems: list[ProblemItem] = Field(description="What stands in the way.")


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
