"""What is asked of an upgrade, and what it would change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.deployments import Deployment
from thinkube_catalog.domain.errors import Problem
from thinkube_catalog.domain.forge import Proposal
from thinkube_catalog.domain.merging import Conflict, Merge
from thinkube_catalog.domain.questions import Form
from thinkube_catalog.domain.rendering import FileTree


@dataclass(frozen=True)
class UpgradeRequest:
    """What a person asks for. `to` is a tag, branch or commit; empty: the newest release.

    `answers` replace those given before. `ours` and `theirs` settle conflicts, file by file.
    `apply` brings it to `main`. `force` also takes an older release, or the same one anew.
    """

    name: str
    to: str = ""
    answers: Mapping[str, object] = field(default_factory=dict)
    ours: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    apply: bool = False
    force: bool = False
    key: str = ""
    by: str = ""


@dataclass(frozen=True)
class UpgradePlan:
    """What an upgrade would change. `before` is what `main` holds, `deployment` what it would be.

    `head` is the commit of `main` that it is made for; `carried` are the answers given before, and
    `new` names the questions that nobody was asked then; `found` are the conflicts, and `conflicts`
    those that no choice settles. `proposal` is what waits already; `problems` stand in the way.
    """

    before: Deployment
    deployment: Deployment
    form: Form
    carried: Mapping[str, object]
    new: tuple[str, ...]
    head: str
    ours: FileTree
    theirs: FileTree
    merge: Merge
    notes: Mapping[str, str]
    found: tuple[Conflict, ...] = ()
    proposal: Proposal | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        return self.merge.conflicts

    @property
    def changes_something(self) -> bool:
        return self.merge.files != self.ours

    @property
    def title(self) -> str:
        old, new = name_of(self.before.release), name_of(self.deployment.release)
        return f"Upgrade {self.before.template} {old} to {new}"


def name_of(release: Release) -> str:
    """Return what people call a release: its version, or the beginning of its commit."""
    return release.version or release.commit[:12]


def changed_paths(before: FileTree, after: FileTree) -> tuple[str, ...]:
    """Return the paths at which two trees differ."""
    paths = sorted({*before, *after})
    return tuple(path for path in paths if before.get(path) != after.get(path))
