"""Kills a service at every point where it touches the world, and looks at what is left.

A program of its own, so that children are forked from a process without threads, in which
everything is imported already. Prints one JSON line per case. The ports are wrapped in here;
production code knows nothing of kills.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from tests.stand_ins import (
    NEWER,
    TEMPLATE,
    Shelf,
    StandInCatalogs,
    StandInEngine,
    StandInRenderer,
    StandInSources,
)
from thinkube_catalog.adapters.durable import (
    Carrying,
    DurableRuns,
)
from thinkube_catalog.adapters.fenced import fenced
from thinkube_catalog.adapters.git.merging import GitMerger
from thinkube_catalog.adapters.local_forge import LocalForge
from thinkube_catalog.adapters.secret_store import SqlSecrets, keys_from
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.adapters.sql.deployments import SqlDeployments
from thinkube_catalog.adapters.sql.replicas import SqlReplicas
from thinkube_catalog.domain.bindings import Bindings
from thinkube_catalog.domain.deployments import (
    DeploymentNotFoundError,
    EventKind,
    Run,
    RunState,
    State,
)
from thinkube_catalog.domain.questions import Answers
from thinkube_catalog.domain.rendering import File
from thinkube_catalog.domain.replicas import Replica
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.operations import (
    changes,
    deploy,
    remaking,
    runs,
    secret_delivery,
    upgrade,
)
from thinkube_catalog.operations.composition import DESCRIPTOR_FILE, descriptor_of, with_objects
from thinkube_catalog.operations.deploy import DeploymentRequest, context_of
from thinkube_catalog.operations.platform import Platform
from thinkube_catalog.operations.rollout import repository_of, signature_of
from thinkube_catalog.operations.upgrade import UpgradeRequest

NAME = "chat"
KEYS = keys_from("a key of the kill tests that is long enough")
AT_ONCE = 6
PATIENCE = 60.0
ASKED = DeploymentRequest(
    TEMPLATE, NAME, {"greeting": "hi"}, secrets={"HF_TOKEN": SecretValue("canary")}, key="click"
)


DESCRIPTOR = f"""\
apiVersion: thinkube.io/v1
kind: ThinkubeDeployment
metadata: {{name: {NAME}}}
spec:
  containers:
    - {{name: app, build: ., port: 8000, size: small, health: /health}}
  routes: [{{path: /, to: app}}]
"""


@dataclass
class Scythe:
    """Counts the points that a process passes, and kills it at one of them."""

    at: int = 0
    passed: int = 0
    lock: Lock = field(default_factory=Lock)

    def pass_by(self) -> None:
        with self.lock:
            self.passed += 1
            if self.passed == self.at:
                os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """A port each of whose calls has a point before it and a point after it."""

    def __init__(self, port: Any, scythe: Scythe) -> None:
        self._port, self._scythe = port, scythe

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return deadly(getattr(self._port, name), self._scythe)


def deadly(act: Callable[..., Any], scythe: Scythe) -> Callable[..., Any]:
    def acting(*arguments: Any, **named: Any) -> Any:
        scythe.pass_by()
        result = act(*arguments, **named)
        scythe.pass_by()
        return result

    return acting


@dataclass
class Service:
    """A service on one folder: real records, secrets, runs and forge; a stand-in engine."""

    folder: Path
    scythe: Scythe

    def __post_init__(self) -> None:
        database = Database(f"sqlite:///{self.folder / 'catalog.db'}")
        self.shelf = Shelf(self.folder / "world")
        replicas = SqlReplicas(database, Replica(uuid4().hex, "1"), alone=True)
        self.runs = DurableRuns(self.folder / "runs.db", replicas)
        self.records = SqlDeployments(database)
        forge = LocalForge(self.folder / "forge")
        self.platform = Platform(
            catalogs=StandInCatalogs(),
            sources=StandInSources(),
            renderer=StandInRenderer(),
            forge=fenced(Deadly(forge, self.scythe), replicas.check),
            engine=fenced(Deadly(StandInEngine(self.shelf, forge), self.scythe), replicas.check),
            deployments=Deadly(self.records, self.scythe),
            runs=self.runs,
            secrets=Deadly(SqlSecrets(database, KEYS), self.scythe),
            merger=GitMerger(),
        )

    def launch(self) -> None:
        proceed = deadly(partial(runs.proceed, self.platform), self.scythe)
        give_up = partial(runs.give_up, self.platform)
        self.runs.launch(Carrying(proceed, self.records.unfinished, give_up))

    def carry_out(self) -> None:
        self.launch()
        deadline = time.monotonic() + PATIENCE
        while self.records.unfinished():
            if time.monotonic() > deadline:
                raise TimeoutError(f"unfinished: {self.records.unfinished()}")
            time.sleep(0.02)
        self.runs.close()


# Scenarios: what is asked for on a prepared folder, and what must be true in the end.


def ask_deploy(service: Service) -> None:
    deploy.request(service.platform, ASKED)


def ask_rollback(service: Service) -> None:
    changes.rollback(service.platform, NAME)


def ask_upgrade(service: Service) -> None:
    asked = UpgradeRequest(NAME, NEWER.version, apply=True, key="upgrade")
    upgrade.request(service.platform, asked)


def ask_remake(service: Service) -> None:
    remaking.request(service.platform, NAME, key="remake")


def ask_remove(service: Service) -> None:
    changes.remove(service.platform, NAME, repository=True, volumes=True)


def prepare_nothing(service: Service) -> None:
    pass


def prepare_healthy(service: Service) -> None:
    ask_deploy(service)
    service.carry_out()


def prepare_two_versions(service: Service) -> None:
    prepare_healthy(service)
    made = service.records.get(NAME)
    forge = service.platform.forge
    tree = StandInRenderer().render(made.release, Answers({**made.answers, "greeting": "2"}))
    repository = repository_of(service.platform, NAME)
    signature = signature_of(service.records.runs(NAME)[0])
    commit = forge.publish(repository, tree, "Second", signature)
    service.platform.engine.status(NAME)
    service.records.save(replace(made, commit=commit.id, healthy_commit=commit.id))


def prepare_changed_descriptor(service: Service) -> None:
    prepare_healthy(service)
    made = service.records.get(NAME)
    platform, repository = service.platform, repository_of(service.platform, NAME)
    files = platform.forge.files(repository, made.commit)
    said = files.with_files({DESCRIPTOR_FILE: File(DESCRIPTOR.encode())})
    descriptor = descriptor_of(said, NAME, platform.conventions)
    before = with_objects(said, descriptor, context_of(platform, made, Bindings()))
    larger = File(DESCRIPTOR.replace("small", "large").encode())
    signature = signature_of(service.records.runs(NAME)[0])
    platform.forge.publish(repository, before, "Made", signature)
    after = before.with_files({DESCRIPTOR_FILE: larger})
    commit = platform.forge.publish(repository, after, "Changed", signature)
    platform.engine.status(NAME)
    service.records.save(replace(made, commit=commit.id, healthy_commit=commit.id))


def faults_of_the_run(service: Service) -> list[str]:
    run = service.records.runs(NAME)[0]
    events = service.records.ledger(run.id)
    told = [event.identity for event in events if event.kind is not EventKind.STEP_PROGRESS]
    doubles = [identity for identity, count in Counter(told).items() if count > 1]
    cursors = [event.cursor for event in events]
    ended = [step.name for step in runs.plan(run)]
    succeeded = [event.step for event in events if event.kind is EventKind.STEP_SUCCEEDED]
    found = []
    if run.state is not RunState.SUCCEEDED:
        found.append(f"the run {run.state}: {run.problems}")
    if doubles:
        found.append(f"told twice: {doubles}")
    if cursors != sorted(set(cursors)):
        found.append(f"cursors out of order: {cursors}")
    if succeeded != ended:
        found.append(f"steps that succeeded: {succeeded}")
    return found


def faults_of_a_healthy_one(service: Service, commits: int) -> list[str]:
    forge = LocalForge(service.folder / "forge")
    made = service.records.get(NAME)
    world = service.shelf.world()
    history = forge.history(repository_of(service.platform, NAME))
    found = faults_of_the_run(service)
    if len(history) != commits:
        found.append(f"{len(history)} commits")
    if not (made.state is State.HEALTHY and made.commit == made.healthy_commit == history[0].id):
        found.append(f"the record: {made}")
    if world.made != [f"application {NAME}"]:
        found.append(f"made: {world.made}")
    if world.serving != {NAME: history[0].id}:
        found.append(f"serving: {world.serving}")
    if [each.name for each in service.records.page()] != [NAME]:
        found.append("more than one record")
    secret_delivery.tidy(service.platform, timedelta(0))
    secrets = [entry.key for entry in service.platform.secrets.entries()]
    if secrets != [f"{NAME}/HF_TOKEN"]:
        found.append(f"secrets: {secrets}")
    return found


def faults_of_an_upgraded_one(service: Service) -> list[str]:
    forge = LocalForge(service.folder / "forge")
    repository = repository_of(service.platform, NAME)
    found = faults_of_a_healthy_one(service, commits=2)
    head = forge.head(repository)
    files = forge.files(repository, head.id) if head else {}
    if forge.proposals(repository, ""):
        found.append("a proposal is left")
    if "new.py" not in files:
        found.append(f"main holds {list(files)}")
    if service.records.get(NAME).release.version != NEWER.version:
        found.append("the record names the release before")
    return found


def faults_of_a_remade_one(service: Service) -> list[str]:
    forge = LocalForge(service.folder / "forge")
    repository = repository_of(service.platform, NAME)
    found = faults_of_a_healthy_one(service, commits=4)
    if forge.proposals(repository, ""):
        found.append("a branch is left")
    head = forge.head(repository)
    workloads = forge.files(repository, head.id).text("k8s/deployments.yaml") if head else ""
    if "1Gi" not in workloads:
        found.append(f"main holds {workloads}")
    return found


def faults_of_a_removed_one(service: Service) -> list[str]:
    found = faults_of_the_run(service)
    world = service.shelf.world()
    if world.applications or world.serving:
        found.append(f"left: {world.applications}")
    if [path for path in (service.folder / "forge").rglob("*.git") if path.is_dir()]:
        found.append("a repository is left")
    if service.platform.secrets.entries():
        found.append("secrets are left")
    try:
        service.records.get(NAME)
        found.append("the record lives")
    except DeploymentNotFoundError:
        pass
    return found


@dataclass(frozen=True)
class Scenario:
    prepare: Callable[[Service], None]
    ask: Callable[[Service], None]
    faults: Callable[[Service], list[str]]


SCENARIOS = {
    "deploy": Scenario(prepare_nothing, ask_deploy, partial(faults_of_a_healthy_one, commits=1)),
    "rollback": Scenario(
        prepare_two_versions, ask_rollback, partial(faults_of_a_healthy_one, commits=3)
    ),
    "upgrade": Scenario(prepare_healthy, ask_upgrade, faults_of_an_upgraded_one),
    "remake": Scenario(prepare_changed_descriptor, ask_remake, faults_of_a_remade_one),
    "remove": Scenario(prepare_healthy, ask_remove, faults_of_a_removed_one),
}


def in_child(act: Callable[[], None]) -> int:
    """Do something in a forked child; return how it ended (negative: the signal)."""
    child = os.fork()
    if child == 0:
        try:
            act()
            os._exit(0)
        except BaseException:  # noqa: BLE001 (told, and the child ends)
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def serve(folder: Path, kill_at: int, ask: Callable[[Service], None] | None = None) -> None:
    """Be a service on that folder until its runs have ended, or until the kill."""
    service = Service(folder, Scythe(kill_at))
    if ask is not None:
        ask(service)
    service.carry_out()


def ask_again_if_not_recorded(folder: Path, scenario: Scenario, kind: str) -> None:
    service = Service(folder, Scythe())
    known: list[Run] = list(service.records.runs(NAME))
    if not any(run.kind.value == kind for run in known):
        scenario.ask(service)


def points_of(base: Path, scenario: Scenario) -> int:
    """Count the points that the scenario passes when nothing is killed."""
    folder = base.with_name(base.name + "-count")
    shutil.copytree(base, folder)

    def count() -> None:
        service = Service(folder, Scythe())
        scenario.ask(service)
        service.carry_out()
        (folder / "points").write_text(str(service.scythe.passed))

    assert in_child(count) == 0
    return int((folder / "points").read_text())


def try_case(base: Path, name: str, first: int, second: int) -> dict[str, Any]:
    """Kill at the first point, and the recovery at the second; then let it end, and look."""
    scenario = SCENARIOS[name]
    folder = base.with_name(f"{base.name}-{first}-{second}")
    shutil.copytree(base, folder)
    kills = 0
    ends = [in_child(partial(serve, folder, first, scenario.ask))]
    ends.append(in_child(partial(ask_again_if_not_recorded, folder, scenario, name)))
    ends.append(in_child(partial(serve, folder, second)))
    ends.append(in_child(partial(serve, folder, 0)))
    kills = ends.count(-signal.SIGKILL)
    faults: list[str] = [f"ended with {end}" for end in ends if end not in {0, -signal.SIGKILL}]
    faults += scenario.faults(Service(folder, Scythe()))
    if not faults:
        shutil.rmtree(folder)
    return {"scenario": name, "at": [first, second], "kills": kills, "faults": faults}


def main(root: Path, name: str, cases: int, seed: int) -> None:
    """Try that many cases, spread over all points of the scenario."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    base = root / name
    base.mkdir(parents=True)
    scenario = SCENARIOS[name]
    assert in_child(lambda: scenario.prepare(Service(base, Scythe()))) == 0
    points = points_of(base, scenario)
    firsts = [1 + number * points // cases for number in range(cases)]
    running: dict[int, None] = {}
    for first in firsts:
        if len(running) == AT_ONCE:
            running.pop(os.waitpid(-1, 0)[0])
        second = chance.randint(1, max(points - first, 1))
        child = os.fork()
        if child == 0:
            line = json.dumps({**try_case(base, name, first, second), "points": points})
            os.write(1, f"{line}\n".encode())
            os._exit(0)
        running[child] = None
    for child in running:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
