"""Whatever people do, in whatever order: records, repositories and applications agree."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.stage import a_stage
from tests.stand_ins import TEMPLATE, push
from thinkube_catalog.domain.deployments import Deployment, EventKind, State
from thinkube_catalog.domain.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations import changes, deploy, runs, watch
from thinkube_catalog.operations.deploy import DeploymentRequest

NAMES = st.sampled_from(["chat", "search"])
REFUSED = (ConflictError, InvalidError, NotFoundError, UnavailableError)


class Platforms(RuleBasedStateMachine):
    """People ask; a service proceeds turn by turn; the outside breaks and is mended."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = a_stage(carried_out=False)
        self.platform = self.stage.platform

    @rule(name=NAMES, greeting=st.sampled_from(["hi", "ho", ""]), key=st.sampled_from(["", "k"]))
    def deploy(self, name: str, greeting: str, key: str) -> None:
        asked = DeploymentRequest(
            TEMPLATE,
            name,
            {"greeting": greeting},
            secrets={"A": SecretValue(f"canary-{greeting}")},
            key=key,
        )
        with suppress(*REFUSED):
            run = deploy.request(self.platform, asked)
            if key:
                assert deploy.request(self.platform, asked).id == run.id

    @rule(name=NAMES)
    def retry(self, name: str) -> None:
        with suppress(*REFUSED):
            changes.retry(self.platform, name)

    @rule(name=NAMES)
    def renew(self, name: str) -> None:
        with suppress(*REFUSED):
            changes.renew(self.platform, name)

    @rule(name=NAMES)
    def change_a_value_elsewhere(self, name: str) -> None:
        self.stage.world.outdated.add(name)

    @rule(name=NAMES)
    def roll_back(self, name: str) -> None:
        with suppress(*REFUSED):
            changes.rollback(self.platform, name)

    @rule(name=NAMES, repository=st.booleans(), volumes=st.booleans())
    def remove(self, name: str, *, repository: bool, volumes: bool) -> None:
        with suppress(*REFUSED):
            changes.remove(self.platform, name, repository=repository, volumes=volumes)

    @rule(name=NAMES)
    def cancel(self, name: str) -> None:
        with suppress(*REFUSED):
            changes.cancel(self.platform, name)

    @rule(name=NAMES, text=st.sampled_from(["one", "two"]))
    def push(self, name: str, text: str) -> None:
        _, commits = self.stage.world.repositories.get(f"thinkube-deployments/{name}", ("", []))
        self.stage.world.forge_down = 0
        if commits:
            push(self.stage.shelf, name, text)

    @rule(name=NAMES)
    def break_or_mend(self, name: str) -> None:
        self.stage.world.broken ^= {name}

    @rule(times=st.integers(1, 3))
    def forge_goes_away(self, times: int) -> None:
        self.stage.world.forge_down = times

    @rule(turns=st.integers(1, 12))
    def proceed(self, turns: int) -> None:
        for _ in range(turns):
            for run in self.platform.deployments.unfinished():
                runs.proceed(self.platform, run.id, run.attempt)

    @rule()
    def observe(self) -> None:
        self.stage.world.forge_down = 0
        watch.observe(self.platform)

    @invariant()
    def no_name_is_used_twice(self) -> None:
        names = [deployment.name for deployment in self.living()]
        assert names == sorted(set(names))

    @invariant()
    def no_two_runs_change_one_deployment(self) -> None:
        unfinished = self.platform.deployments.unfinished()
        assert len({run.deployment_id for run in unfinished}) == len(unfinished)

    @invariant()
    def what_runs_belongs_to_a_living_deployment(self) -> None:
        markers = {each.marker for each in self.stage.world.applications.values()}
        assert markers <= {deployment.id for deployment in self.living()}

    @invariant()
    def everything_is_told_once_and_in_order(self) -> None:
        for name in ("chat", "search"):
            events = self.platform.deployments.events(name, limit=100_000)
            cursors = [event.cursor for event in events]
            told = [e.identity for e in events if e.run and e.kind is not EventKind.STEP_PROGRESS]
            assert cursors == sorted(set(cursors))
            assert max(Counter(told).values(), default=0) <= 1
            assert "canary" not in repr(events)

    def teardown(self) -> None:
        """Mend everything and let it settle: then what is recorded is what is there."""
        self.stage.world.broken.clear()
        self.stage.world.forge_down = 0
        for _ in range(40):
            self.proceed(turns=4)
            self.observe()
        assert list(self.platform.deployments.unfinished()) == []
        for deployment in self.living():
            self.agrees(deployment)

    def agrees(self, deployment: Deployment) -> None:
        world, name = self.stage.world, deployment.name
        if deployment.repository:
            assert world.repositories[deployment.repository][0] == deployment.id
        if deployment.state is State.HEALTHY:
            _, commits = world.repositories[deployment.repository]
            assert world.applications[name].marker == deployment.id
            assert world.serving[name] == deployment.healthy_commit == commits[0].id

    def living(self) -> list[Deployment]:
        return list(self.platform.deployments.page(limit=100))


TestPlatforms = Platforms.TestCase
TestPlatforms.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
