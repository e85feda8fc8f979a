"""Where images are built, a run waits for them, and says so; what fails is told with its page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from tests.builders import A_MOMENT
from tests.stage import Clock
from tests.stand_ins import (
    NONE,
    TEMPLATE,
    Shelf,
    StandInCatalogs,
    StandInEngine,
    StandInRenderer,
    StandInSources,
)
from thinkube_catalog.adapters.git.merging import GitMerger
from thinkube_catalog.adapters.memory.deployments import MemoryDeployments
from thinkube_catalog.adapters.memory.forge import MemoryForge
from thinkube_catalog.adapters.memory.runs import MemoryRuns
from thinkube_catalog.adapters.memory.secrets import MemorySecrets
from thinkube_catalog.domain.builds import WORKFLOW_PATH
from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.deployments import EventKind, Run, RunState, State
from thinkube_catalog.domain.environment import Conventions
from thinkube_catalog.domain.forge import (
    SKIP_BUILD,
    Build,
    BuildState,
    Commit,
    ForgeUnavailableError,
    Repository,
    RolloutState,
    Signature,
)
from thinkube_catalog.domain.questions import Answers
from thinkube_catalog.domain.rendering import File, FileTree
from thinkube_catalog.operations import changes, deploy, runs, watch
from thinkube_catalog.operations.building import BUILT_WITHIN
from thinkube_catalog.operations.connecting import connect_all
from thinkube_catalog.operations.deploy import DeploymentRequest
from thinkube_catalog.operations.platform import Platform

CHAT = Repository("thinkube-deployments", "chat")
PAGE = "https://git.example.org/thinkube-deployments/chat/actions/runs/1"
RUNNING = Build(BuildState.RUNNING, PAGE, "Has started running")
FAILED = Build(BuildState.FAILED, PAGE, "Failing after 3s")
SUCCEEDED = Build(BuildState.SUCCEEDED, PAGE)
BUILDER = Signature("Builds", "builds@thinkube.local", A_MOMENT)


class WithWorkflow(StandInRenderer):
    """Renders projects that their forge builds."""

    def render(
        self, release: Release, answers: Answers, variables: Mapping[str, str] = NONE
    ) -> FileTree:
        rendered = super().render(release, answers, variables)
        return rendered.with_files({WORKFLOW_PATH: File(b"on: push")})


@dataclass
class Passing(Clock):
    """A clock by which things happen, told how long everybody has waited."""

    happenings: list[Callable[[float], None]] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        for each in self.happenings:
            each(sum(self.waits))


@dataclass
class Workshop:
    """A platform whose forge builds, and what happens there as time passes."""

    platform: Platform
    forge: MemoryForge
    shelf: Shelf
    clock: Passing

    def head(self) -> Commit:
        head = self.forge.head(CHAT)
        assert head is not None
        return head

    def build_goes(self, *steps: tuple[float, Build]) -> None:
        """Have whatever is the head be built so, by the seconds waited."""

        def go(waited: float) -> None:
            head = self.forge.head(CHAT)
            due = [build for at, build in steps if waited >= at]
            if head is not None and due and SKIP_BUILD not in head.message:
                self.forge.builds[head.id] = due[-1]

        self.clock.happenings.append(go)

    def commit_tag(self, text: str = "built") -> Commit:
        """Do what a build ends with."""
        files = self.forge.files(CHAT, self.head().id).with_files({"tag": File(text.encode())})
        return self.forge.publish(CHAT, files, f"Run the images {SKIP_BUILD}", BUILDER)

    def deploy(self, within: float | None = None) -> Run:
        asked = DeploymentRequest(TEMPLATE, "chat", {"greeting": "hi"}, healthy_within=within)
        return self.platform.deployments.run(deploy.request(self.platform, asked).id)

    def said(self) -> list[str]:
        return [each.message for each in self.platform.deployments.events("chat")]


def a_workshop(forge: MemoryForge | None = None, *, builds: bool = True) -> Workshop:
    forge, clock, shelf = forge or MemoryForge(), Passing(), Shelf()
    carrying = MemoryRuns(clock.wait, inline=True)
    platform = Platform(
        catalogs=StandInCatalogs(),
        sources=StandInSources(),
        renderer=WithWorkflow(),
        forge=forge,
        engine=StandInEngine(shelf, forge),
        deployments=MemoryDeployments(),
        runs=carrying,
        secrets=MemorySecrets(),
        merger=GitMerger(),
        conventions=Conventions(builds=builds),
        now=clock.now,
    )
    carrying.launch(partial(runs.proceed, platform))
    return Workshop(platform, forge, shelf, clock)


@pytest.fixture
def workshop() -> Workshop:
    return a_workshop()


def test_a_run_waits_for_the_build_and_then_for_the_commit_that_names_its_images(
    workshop: Workshop,
) -> None:
    def tag(waited: float) -> None:
        if waited >= 600 and SKIP_BUILD not in workshop.head().message:
            workshop.commit_tag()

    workshop.build_goes((0, RUNNING), (599, SUCCEEDED))
    workshop.clock.happenings.append(tag)
    run = workshop.deploy()
    assert run.state is RunState.SUCCEEDED
    deployment = workshop.platform.deployments.get("chat")
    assert deployment.healthy_commit == workshop.head().id
    assert SKIP_BUILD in workshop.head().message
    building = [each for each in workshop.said() if PAGE in each]
    assert building
    assert "Has started running" in building[0]


def test_what_was_built_without_a_commit_on_top_is_healthy_too(workshop: Workshop) -> None:
    workshop.build_goes((0, RUNNING), (30, SUCCEEDED))
    assert workshop.deploy().state is RunState.SUCCEEDED
    assert workshop.clock.at.minute >= 0
    assert sum(workshop.clock.waits) >= 30


def test_a_version_that_is_healthy_with_older_images_is_not_yet_the_wanted_one(
    workshop: Workshop,
) -> None:
    workshop.build_goes((8, RUNNING), (40, SUCCEEDED))  # the forge begins a little later
    assert workshop.deploy().state is RunState.SUCCEEDED
    assert sum(workshop.clock.waits) >= 40


def test_where_nothing_begins_to_build_nothing_is_waited_for_long(workshop: Workshop) -> None:
    assert workshop.deploy().state is RunState.SUCCEEDED
    assert 15 < sum(workshop.clock.waits) < 60


def test_a_project_without_a_workflow_waits_for_none(workshop: Workshop) -> None:
    plain = replace(workshop.platform, renderer=StandInRenderer())
    assert isinstance(plain.runs, MemoryRuns)
    plain.runs.launch(partial(runs.proceed, plain))
    run = deploy.request(plain, DeploymentRequest(TEMPLATE, "chat", {"greeting": "hi"}))
    assert plain.deployments.run(run.id).state is RunState.SUCCEEDED
    assert sum(workshop.clock.waits) < 5


def test_what_was_made_before_is_connected_as_the_settings_say_now(workshop: Workshop) -> None:
    workshop.build_goes((0, SUCCEEDED))
    workshop.deploy()
    workshop.forge.connected.clear()
    assert connect_all(workshop.platform) == 1
    assert workshop.forge.connected == {CHAT}
    assert connect_all(workshop.platform, lambda: True) == 0
    workshop.forge.remove_repository(CHAT, workshop.platform.deployments.get("chat").id)
    assert connect_all(workshop.platform) == 0  # which keeps nobody from working


def test_a_failed_build_fails_the_run_and_names_its_page(workshop: Workshop) -> None:
    workshop.build_goes((0, RUNNING), (20, FAILED))
    run = workshop.deploy()
    assert run.state is RunState.FAILED
    (problem,) = run.problems
    assert PAGE in problem.message
    assert "Failing after 3s" in problem.message
    assert "tkt retry chat" in problem.mend
    assert workshop.platform.deployments.get("chat").state is State.FAILED


def test_a_retry_goes_on_with_what_is_built_by_then(workshop: Workshop) -> None:
    workshop.build_goes((0, RUNNING), (20, FAILED), (25, SUCCEEDED))
    assert workshop.deploy().state is RunState.FAILED
    workshop.clock.wait(30)
    again = changes.retry(workshop.platform, "chat")
    assert workshop.platform.deployments.run(again.id).state is RunState.SUCCEEDED


def test_a_build_that_is_given_up_for_a_newer_push_fails_nothing(workshop: Workshop) -> None:
    def push(waited: float) -> None:
        if waited >= 10 and workshop.head().author != "Somebody":
            signature = Signature("Somebody", "somebody@example.org", A_MOMENT)
            older = workshop.head().id
            files = FileTree({"main.py": File(b"print(2)")})
            newer = workshop.forge.publish(CHAT, files, "Two", signature)
            workshop.forge.builds |= {older: FAILED, newer.id: SUCCEEDED}

    workshop.clock.happenings.append(push)
    workshop.build_goes((0, RUNNING), (10, SUCCEEDED))
    assert workshop.deploy().state is RunState.SUCCEEDED
    assert workshop.platform.deployments.get("chat").healthy_commit == workshop.head().id


class Late(MemoryForge):
    """Notes a moment later that somebody has pushed."""

    def __init__(self) -> None:
        super().__init__()
        self.late: Commit | None = None

    def head(self, repository: Repository) -> Commit | None:
        return self.late or super().head(repository)

    def push(self) -> Commit:
        """Push something that gives the build of the head up."""
        self.late = super().head(CHAT)
        assert self.late is not None
        signature = Signature("Somebody", "somebody@example.org", A_MOMENT)
        newer = self.publish(CHAT, FileTree({"main.py": File(b"print(2)")}), "Two", signature)
        self.builds |= {self.late.id: FAILED, newer.id: RUNNING}
        return newer


def test_a_build_that_is_given_up_before_the_newer_push_is_noted_fails_nothing() -> None:
    forge = Late()
    workshop = a_workshop(forge)

    def go(waited: float) -> None:
        if waited >= 10 and forge.late is None and len(forge.history(CHAT)) == 1:
            forge.push()
        if waited >= 20:
            forge.late = None
            forge.builds[workshop.head().id] = SUCCEEDED

    workshop.build_goes((0, RUNNING))
    workshop.clock.happenings.append(go)
    assert workshop.deploy().state is RunState.SUCCEEDED
    assert workshop.platform.deployments.get("chat").healthy_commit == workshop.head().id
    assert [each for each in workshop.said() if "something newer was pushed" in each]


def test_a_build_that_has_ended_before_its_commit_is_noted_makes_older_images_no_healthy_ones() -> (
    None
):
    forge = Late()
    workshop = a_workshop(forge)

    def go(waited: float) -> None:
        if waited >= 10 and forge.late is None and len(forge.history(CHAT)) == 1:
            forge.late = workshop.head()
            workshop.commit_tag()
        if waited >= 20:
            forge.late = None

    workshop.build_goes((0, RUNNING), (10, SUCCEEDED))
    workshop.clock.happenings.append(go)
    assert workshop.deploy().state is RunState.SUCCEEDED
    assert SKIP_BUILD in workshop.head().message
    assert workshop.platform.deployments.get("chat").healthy_commit == workshop.head().id


def test_time_of_building_is_no_time_of_becoming_healthy(workshop: Workshop) -> None:
    with workshop.shelf.change() as world:
        world.patience = 10**6
    workshop.build_goes((0, RUNNING), (3000, SUCCEEDED))
    run = workshop.deploy(within=100)
    assert run.state is RunState.FAILED
    assert "did not become healthy within" in run.problems[0].message
    assert 3100 <= sum(workshop.clock.waits) <= 3300


def test_a_build_that_never_ends_is_given_up(workshop: Workshop) -> None:
    workshop.build_goes((0, RUNNING))
    run = workshop.deploy(within=100)
    assert run.state is RunState.FAILED
    assert "were not built within 120 minutes" in run.problems[0].message
    assert PAGE in run.problems[0].message
    assert abs(sum(workshop.clock.waits) - BUILT_WITHIN) < 120


def test_where_no_images_are_built_statuses_mean_nothing() -> None:
    workshop = a_workshop(builds=False)
    workshop.build_goes((0, FAILED))
    assert workshop.deploy().state is RunState.SUCCEEDED


def test_going_back_to_a_version_that_names_its_images_builds_nothing(
    workshop: Workshop,
) -> None:
    workshop.build_goes((0, SUCCEEDED))
    workshop.deploy()
    good = workshop.commit_tag()
    workshop.forge.publish(CHAT, FileTree({"main.py": File(b"bad")}), "Bad", BUILDER)
    run = changes.rollback(workshop.platform, "chat", good.id)
    assert workshop.platform.deployments.run(run.id).state is RunState.SUCCEEDED
    assert SKIP_BUILD in workshop.head().message.splitlines()[0]
    assert workshop.forge.files(CHAT, workshop.head().id) == workshop.forge.files(CHAT, good.id)


def test_going_back_to_a_version_before_its_build_builds_it(workshop: Workshop) -> None:
    workshop.build_goes((0, SUCCEEDED))
    workshop.deploy()
    first = workshop.head()
    workshop.commit_tag()
    run = changes.rollback(workshop.platform, "chat", first.id)
    assert workshop.platform.deployments.run(run.id).state is RunState.SUCCEEDED
    assert SKIP_BUILD not in workshop.head().message


def test_the_repository_is_connected_before_it_is_published_to_and_released_on_removal(
    workshop: Workshop,
) -> None:
    workshop.build_goes((0, SUCCEEDED))
    workshop.deploy()
    assert workshop.forge.connected == {CHAT}
    changes.remove(workshop.platform, "chat")
    assert workshop.forge.connected == set()
    assert workshop.forge.head(CHAT) is not None


# What people see beside a commit


def test_a_commit_shows_how_its_deployment_stands(workshop: Workshop) -> None:
    workshop.build_goes((0, RUNNING), (10, SUCCEEDED))
    seen: list[RolloutState] = []
    workshop.clock.happenings.append(
        lambda _waited: seen.extend(state for state, _ in workshop.forge.rollouts.values())
    )
    workshop.deploy()
    assert set(seen) == {RolloutState.PENDING}
    assert workshop.forge.rollouts == {workshop.head().id: (RolloutState.SUCCEEDED, "healthy")}


def test_a_commit_whose_build_has_put_another_on_top_waits_no_longer(workshop: Workshop) -> None:
    def tag(waited: float) -> None:
        if waited >= 10 and SKIP_BUILD not in workshop.head().message:
            workshop.commit_tag()

    workshop.build_goes((0, RUNNING))
    workshop.clock.happenings.append(tag)
    workshop.deploy()
    tagged, first = workshop.forge.history(CHAT)
    assert workshop.forge.rollouts == {
        first.id: (RolloutState.SUCCEEDED, f"goes on as {tagged.id[:12]}"),
        tagged.id: (RolloutState.SUCCEEDED, "healthy"),
    }


def test_a_commit_shows_why_its_deployment_failed(workshop: Workshop) -> None:
    workshop.build_goes((0, FAILED))
    workshop.deploy()
    state, words = workshop.forge.rollouts[workshop.head().id]
    assert state is RolloutState.FAILED
    assert PAGE in words


def test_a_push_between_runs_shows_how_it_stands_too(workshop: Workshop) -> None:
    workshop.build_goes((0, SUCCEEDED))
    workshop.deploy()
    signature = Signature("Somebody", "somebody@example.org", A_MOMENT)
    files = FileTree({"main.py": File(b"2")})
    pushed = workshop.forge.publish(CHAT, files, "Two", signature)
    watch.observe(workshop.platform)
    assert workshop.forge.rollouts[pushed.id][0] is RolloutState.PENDING
    for _ in range(3):
        watch.observe(workshop.platform)
    assert workshop.forge.rollouts[pushed.id][0] is RolloutState.SUCCEEDED
    kinds = [each.kind for each in workshop.platform.deployments.events("chat")]
    assert kinds[-1] is EventKind.ROLLOUT_SUCCEEDED


def pushed(workshop: Workshop, *builds: Build) -> Commit:
    """Push between runs, and look as often as there are builds."""
    workshop.build_goes((0, SUCCEEDED))
    workshop.deploy()
    workshop.clock.happenings.clear()
    signature = Signature("Somebody", "somebody@example.org", A_MOMENT)
    files = FileTree({"main.py": File(b"2"), WORKFLOW_PATH: File(b"on: push")})
    commit = workshop.forge.publish(CHAT, files, "Two", signature)
    watch.observe(workshop.platform)
    for build in builds:
        workshop.forge.builds[commit.id] = build
        watch.observe(workshop.platform)
    return commit


def test_a_push_is_not_told_healthy_with_the_images_before_it(workshop: Workshop) -> None:
    commit = pushed(workshop)
    watch.observe(workshop.platform)  # no build has begun yet
    assert workshop.platform.deployments.get("chat").state is State.ROLLING_OUT
    workshop.forge.builds[commit.id] = RUNNING
    watch.observe(workshop.platform)
    assert workshop.platform.deployments.get("chat").state is State.ROLLING_OUT
    application = watch.look(workshop.platform, "chat").application
    assert application is not None
    assert PAGE in application.message
    workshop.forge.builds[commit.id] = SUCCEEDED
    watch.observe(workshop.platform)
    assert workshop.platform.deployments.get("chat").healthy_commit == commit.id


def test_a_push_whose_build_fails_is_told_with_its_page(workshop: Workshop) -> None:
    commit = pushed(workshop, RUNNING, FAILED)
    deployment = workshop.platform.deployments.get("chat")
    assert deployment.state is State.DEGRADED
    assert deployment.healthy_commit != commit.id
    assert PAGE in deployment.problems[0].message
    last = workshop.platform.deployments.events("chat")[-1]
    assert last.kind is EventKind.ROLLOUT_FAILED
    workshop.forge.builds[commit.id] = SUCCEEDED  # the job was run again
    watch.observe(workshop.platform)
    assert workshop.platform.deployments.get("chat").state is State.HEALTHY


def test_a_pushs_build_that_a_newer_push_gives_up_is_no_failed_roll_out() -> None:
    forge = Late()
    workshop = a_workshop(forge)
    first = pushed(workshop, RUNNING)
    newer = forge.push()
    watch.observe(workshop.platform)
    assert workshop.platform.deployments.get("chat").state is State.ROLLING_OUT
    forge.late = None
    forge.builds[newer.id] = SUCCEEDED
    for _ in range(3):
        watch.observe(workshop.platform)
    assert workshop.platform.deployments.get("chat").healthy_commit == newer.id
    told = workshop.platform.deployments.events("chat")
    assert [each for each in told if each.kind is EventKind.ROLLOUT_FAILED] == []
    assert first.id != newer.id


def test_a_push_is_not_told_healthy_before_the_commit_of_its_build_is_noted() -> None:
    forge = Late()
    workshop = a_workshop(forge)
    first = pushed(workshop, RUNNING)
    forge.late = first
    tagged = workshop.commit_tag()
    forge.builds[first.id] = SUCCEEDED
    watch.observe(workshop.platform)
    assert workshop.platform.deployments.get("chat").state is State.ROLLING_OUT
    forge.late = None
    for _ in range(3):
        watch.observe(workshop.platform)
    assert workshop.platform.deployments.get("chat").healthy_commit == tagged.id
    assert workshop.forge.rollouts[first.id][1] == f"goes on as {tagged.id[:12]}"


def test_a_push_that_nothing_builds_is_healthy_after_a_while(workshop: Workshop) -> None:
    commit = pushed(workshop)
    workshop.clock.wait(30)
    watch.observe(workshop.platform)
    assert workshop.platform.deployments.get("chat").healthy_commit == commit.id


def test_a_forge_that_shows_nothing_stops_nothing() -> None:
    class Hidden(MemoryForge):
        def show_rollout(
            self, repository: Repository, commit: str, state: RolloutState, description: str
        ) -> None:
            raise ForgeUnavailableError("no place")

    workshop = a_workshop(Hidden(), builds=False)
    assert workshop.deploy().state is RunState.SUCCEEDED
