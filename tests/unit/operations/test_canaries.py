"""No secret's value stands in anything that is kept or shown, whatever repeats it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.stage import Stage, a_stage
from tests.stand_ins import TEMPLATE, StandInEngine
from thinkube_catalog.adapters.secret_store import SqlSecrets, keys_from
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.deployments import SqlDeployments
from thinkube_catalog.domain.errors import CatalogError, ConflictError
from thinkube_catalog.domain.gitops import Application, ApplicationStatus, Cause, CauseKind
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations import changes, deploy, runs, watch
from thinkube_catalog.operations.deploy import DeploymentRequest

CANARY = "canary-of-the-secrets"
ASKED = DeploymentRequest(TEMPLATE, "chat", secrets={"HF_TOKEN": SecretValue(CANARY)}, key="k")


class TalkativeEngine(StandInEngine):
    """Repeats the secret wherever it can say something."""

    def ensure_application(self, application: Application) -> None:
        super().ensure_application(application)
        if application.name == "refused":
            raise ConflictError(f"{CANARY} is refused")

    def status(self, name: str) -> ApplicationStatus:
        status = super().status(name)
        causes = (Cause(CauseKind.CRASH_LOOP, f"{CANARY}?", lines=(CANARY,)),)
        return replace(status, message=f"got {CANARY}", causes=causes)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    held = a_stage(carried_out=False)
    database = Database(f"sqlite:///{tmp_path / 'catalog.db'}")
    platform = replace(
        held.platform,
        engine=TalkativeEngine(held.shelf),
        deployments=SqlDeployments(database),
        secrets=SqlSecrets(database, keys_from("a key that is long enough for these tests")),
    )
    yield replace(held, platform=platform)
    database.close()


def carry_out(stage: Stage) -> None:
    for _ in range(60):
        for run in stage.platform.deployments.unfinished():
            runs.proceed(stage.platform, run.id, run.attempt)


def test_no_secret_stands_in_what_is_kept_or_said(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    stage.world.patience = 2
    deploy.request(stage.platform, ASKED)
    deploy.request(stage.platform, replace(ASKED, name="refused"))
    carry_out(stage)
    stage.world.broken.add("chat")
    stage.world.failed["chat"] = stage.world.serving.pop("chat")
    watch.observe(stage.platform)
    changes.rollback(stage.platform, "chat", changes.history(stage.platform, "chat")[0].commit)
    for wrong in (
        replace(ASKED, key="other"),
        replace(ASKED, name="Wrong!", secrets={"X Y": SecretValue(CANARY)}),
        replace(ASKED, answers={"greeting": "fault"}, name="other", key=""),
    ):
        with pytest.raises(CatalogError) as caught:
            deploy.request(stage.platform, wrong)
        said.append(f"{caught.value} {caught.value.problems}")
    carry_out(stage)
    for name in ("chat", "refused"):
        said.append(repr(stage.platform.deployments.events(name)))
        said.append(repr(stage.platform.deployments.runs(name)))
        said.append(repr(stage.platform.deployments.get(name)))
    said.append(repr(stage.world))
    said.append(caplog.text)
    assert [each for each in said if CANARY in each] == []
    assert "… is refused" in said[-5] + said[-4]
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert [each for each in files if CANARY.encode() in each] == []
