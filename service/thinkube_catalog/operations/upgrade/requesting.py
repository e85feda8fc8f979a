"""Asking for an upgrade: everything is checked, and the run is told all that it has to know."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import cast
from uuid import uuid4

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.deployments import KeyReusedError, Run, RunKind
from thinkube_catalog.domain.errors import InvalidError, Problem
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.upgrade.merging import unsettled_problem
from thinkube_catalog.operations.upgrade.planning import plan
from thinkube_catalog.operations.upgrade.values import UpgradePlan, UpgradeRequest


class UpgradeInvalidError(InvalidError):
    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        super().__init__(f"{name} cannot be upgraded as asked", problems)


def request(platform: Platform, asked: UpgradeRequest) -> Run:
    """Check everything and start to propose the upgrade, and to apply it where that is asked.

    The same key returns the earlier run. Raises UpgradeInvalidError with every problem, what
    `plan` raises, KeyReusedError or DeploymentBusyError.
    """
    deployment = platform.deployments.get(asked.name)
    if earlier := _earlier(platform, asked):
        return earlier
    planned = plan(platform, asked)
    problems = [*planned.problems, *(_left(planned) if asked.apply else ())]
    if problems:
        raise UpgradeInvalidError(asked.name, problems)
    run = Run(
        id=uuid4().hex,
        deployment_id=deployment.id,
        deployment=deployment.name,
        kind=RunKind.UPGRADE,
        created_at=platform.now(),
        key=asked.key,
        input=_input(asked, planned),
    )
    rolling = deployment.changed(platform.now(), state=deployment.coming_up, problems=())
    begun = platform.deployments.begin(run, rolling if asked.apply else None)
    platform.runs.start(begun)
    return begun


def release_of(run: Run) -> Release:
    """Return the release that a run brings: the commit is settled when it is asked for."""
    return Release(**cast("Mapping[str, str]", run.input["release"]))


def asked_in(run: Run) -> UpgradeRequest:
    """Return what was asked for, as far as its run has to know it."""
    given = run.input
    return UpgradeRequest(
        name=run.deployment,
        answers=cast("Mapping[str, object]", given["answers"]),
        ours=tuple(cast("Sequence[str]", given["ours"])),
        theirs=tuple(cast("Sequence[str]", given["theirs"])),
        force=bool(given["force"]),
    )


def _left(planned: UpgradePlan) -> Iterator[Problem]:
    return (unsettled_problem(each.path) for each in planned.conflicts)


def _earlier(platform: Platform, asked: UpgradeRequest) -> Run | None:
    runs = platform.deployments.runs(asked.name) if asked.key else ()
    earlier = next((run for run in runs if run.key == asked.key), None)
    if earlier is None:
        return None
    if earlier.kind is not RunKind.UPGRADE or earlier.input.get("request") != _digest(asked):
        raise KeyReusedError(asked.key)
    return earlier


def _digest(asked: UpgradeRequest) -> str:
    parts = [asked.to, dict(asked.answers), asked.ours, asked.theirs, asked.apply, asked.force]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _input(asked: UpgradeRequest, planned: UpgradePlan) -> dict[str, object]:
    """Return what the run has to know. Answers that nobody asks for are left out, unseen."""
    questions = {each.name for each in planned.form.questions}
    answers = {name: value for name, value in asked.answers.items() if name in questions}
    return {
        "request": _digest(asked),
        "release": asdict(planned.deployment.release),
        "answers": answers,
        "ours": list(asked.ours),
        "theirs": list(asked.theirs),
        "apply": asked.apply,
        "force": asked.force,
        "by": asked.by,
    }
