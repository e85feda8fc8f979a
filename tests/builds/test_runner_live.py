"""Gitea's own runner builds what is deployed: from the push to the healthy commit of the tags."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.builds.gitea_runner import GiteaRunner, gitea_runner
from tests.contracts.clusters import LiveOutside, live_http
from tests.journeys.installation import Installation, Json, wait_until
from tests.production.replicated import Production, as_json, bootstrapped
from thinkube_catalog.domain.environment import PULL_SECRET

TEMPLATE = Path(__file__).parent / "greeter"
MARK = uuid4().hex[:6]
GREETER, GLOOMY, EARLY = (f"{name}-{MARK}" for name in ("greeter", "gloomy", "early"))

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        "THINKUBE_TEST_GITEA_RUNNER" not in os.environ,
        reason="THINKUBE_TEST_GITEA_RUNNER names no program of Gitea's runner",
    ),
]


JOBS = tuple(f"Build images / {name} (push)" for name in ("web", "worker", "tags"))
OURS = "thinkube/deploy"


class Gitea:
    """What the organisation's Gitea says of builds, to its administrator."""

    def __init__(self, production: Production) -> None:
        given = production.given
        self.url, self._owner = given["GITEA_URL"], production.organisation
        self._given = given
        login = (given["GITEA_ADMIN"], given["GITEA_PASSWORD"])
        self._http = httpx.Client(base_url=f"{self.url}/api/v1/", auth=login, timeout=60)

    def close(self) -> None:
        self._http.close()

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def registration_token(self) -> str:
        path = f"orgs/{self._owner}/actions/runners/registration-token"
        return str(self._http.post(path).raise_for_status().json()["token"])

    def states(self, name: str, commit: str) -> dict[str, str]:
        """Return the statuses of a commit by context."""
        found = self._of(name, f"commits/{commit}/status")["statuses"] or []
        return {each["context"]: str(each["status"]) for each in found}

    def parents(self, name: str, commit: str) -> list[str]:
        return [each["sha"] for each in self._of(name, f"git/commits/{commit}")["parents"]]

    def runs(self, name: str) -> list[Json]:
        found: list[Json] = self._of(name, "actions/runs")["workflow_runs"]
        return found

    def tags(self, image: str) -> set[str]:
        """Return the tags of an image in the organisation's packages."""
        found = self._ask("GET", f"packages/{self._owner}?type=container&limit=50").json()
        return {each["version"] for each in found if each["name"] == image}

    def log_at(self, name: str, page: str) -> str:
        """Return the log of the job whose page that is."""
        run = page.rpartition("/actions/runs/")[2].partition("/")[0]
        (of_run,) = [each["id"] for each in self.runs(name) if str(each["run_number"]) == run]
        jobs = self._of(name, f"actions/runs/{of_run}/jobs")["jobs"]
        job = jobs[int(page.rpartition("/")[2])]["id"]
        path = f"repos/{self._owner}/{name}/actions/jobs/{job}/logs"
        return str(self._ask("GET", path).text)

    def withdraw_token(self, user: str, name: str) -> None:
        self._ask("DELETE", f"users/{user}/tokens/{name}")

    def start_build(self, name: str) -> None:
        """Press the button *Run workflow*."""
        path = f"repos/{self._owner}/{name}/actions/workflows/build.yaml/dispatches"
        self._http.post(path, json={"ref": "main"}).raise_for_status()

    def run_again(self, name: str, page: str) -> None:
        """Press the button of a job's page once its run has ended: the API has no call for it."""
        ended = ["completed"] * len(self.runs(name))
        wait_until(lambda: [it["status"] for it in self.runs(name)] == ended, "its run has ended")
        form = {
            "user_name": self._given["GITEA_ADMIN"],
            "password": self._given["GITEA_PASSWORD"],
        }
        with httpx.Client(timeout=60) as browser:
            browser.post(f"{self.url}/user/login", data=form)
            browser.post(f"{page}/rerun").raise_for_status()

    def _of(self, name: str, path: str) -> Any:
        return self._ask("GET", f"repos/{self._owner}/{name}/{path}").json()

    def _ask(self, method: str, path: str) -> httpx.Response:
        return self._http.request(method, path).raise_for_status()


def published(production: Production, name: str) -> str:
    """Return the commit that the first run of a deployment has published."""
    events = production.replicas[0].get(f"/deployments/{name}/events")["items"]
    done = [each for each in events if each["kind"] == "step succeeded"]
    return str(next(each["details"]["commit"] for each in done if each["step"] == "publish"))


def said(production: Production, name: str) -> list[str]:
    events = production.replicas[0].get(f"/deployments/{name}/events")["items"]
    return [str(each["message"]) for each in events]


def doctor(production: Production) -> list[Json]:
    """Return what `tkt doctor` is not content with."""
    service = production.replicas[0]
    told = {"THINKUBE_ENGINE": "argocd", "THINKUBE_PUBLIC_URL": service.address}
    production.installation.extra |= told
    try:
        done = production.installation.tkt("doctor", "--json", seconds=120)
    finally:
        for name in told:
            del production.installation.extra[name]
    found: list[Json] = as_json(done.stdout)["items"]
    return [each for each in found if not each["good"]]


def push_busybox(production: Production, runner: GiteaRunner, version: str) -> None:
    token = production.settings()["THINKUBE_BUILD_TOKEN"]
    runner.push_busybox(version, f"{production.name}-builder", token)


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    name = f"built-{MARK}"
    installation = Installation(
        tmp_path_factory.mktemp("production"),
        {"THINKUBE_BUILD_USER": f"{name}-builder", "THINKUBE_PULL_USER": f"{name}-puller"},
        TEMPLATE,
    )
    with bootstrapped(installation, name, "service") as made:
        yield made


@pytest.fixture(scope="module")
def gitea(production: Production) -> Iterator[Gitea]:
    with closing(Gitea(production)) as made:
        yield made


@pytest.fixture(scope="module")
def cluster() -> Iterator[LiveOutside]:
    with live_http() as http:
        yield LiveOutside(http)


@pytest.fixture(scope="module")
def runner(production: Production, gitea: Gitea) -> Iterator[GiteaRunner]:
    with gitea_runner(production.organisation) as made:
        push_busybox(production, made, "1.35")
        made.register(gitea.registration_token())
        with made.running():
            yield made


def test_a_deployment_is_built_by_the_runner_and_healthy_at_the_commit_of_its_tags(
    production: Production, gitea: Gitea, runner: GiteaRunner
) -> None:
    service = production.replicas[0]
    done = production.tkt(service, "deploy", "tkt-greeter", GREETER, "-l", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr + runner.log.read_text()
    pushed = published(production, GREETER)
    deployment = service.get(f"/deployments/{GREETER}")
    head = deployment["healthy_commit"]
    assert deployment["commit"] == head != pushed
    assert gitea.parents(GREETER, head) == [pushed]
    assert any(
        f"/{production.organisation}/{GREETER}/actions/runs/1/jobs/" in line
        for line in said(production, GREETER)
    )
    assert gitea.states(GREETER, pushed) == dict.fromkeys((*JOBS, OURS), "success")
    assert gitea.tags(f"{GREETER}-web") == {pushed}
    status = production.application(GREETER)["status"]
    assert (status["sync"]["revision"], status["health"]["status"]) == (head, "Healthy")
    registry = f"{gitea.host}/{production.organisation}"
    images = {f"{registry}/{GREETER}-{name}:{pushed}" for name in ("web", "worker")}
    assert set(status["summary"]["images"]) == images
    wait_until(lambda: gitea.states(GREETER, head) == {OURS: "success"}, "its commit says so")
    assert [each["head_sha"] for each in gitea.runs(GREETER)] == [pushed]


def test_its_images_are_pulled_by_a_secret_that_pulls_and_does_nothing_else(
    production: Production, gitea: Gitea, runner: GiteaRunner, cluster: LiveOutside
) -> None:
    space, user = f"tkt-{GREETER}", f"{production.name}-puller"
    token = production.settings()["THINKUBE_PULL_TOKEN"]
    assert cluster.puller(space, PULL_SECRET, gitea.host) == (user, token)
    pods = cluster.http.get(f"/api/v1/namespaces/{space}/pods").raise_for_status().json()["items"]
    named = [each["spec"].get("imagePullSecrets") for each in pods]
    assert named == [[{"name": PULL_SECRET}]] * len(pods) != []
    secret = cluster.secret(space, PULL_SECRET)
    assert secret is not None
    accounts = secret[".dockerconfigjson"]
    (image, _) = sorted(production.application(GREETER)["status"]["summary"]["images"])
    assert runner.try_as(accounts, "pull", "--policy", "always", image)
    elsewhere = f"{image.rpartition(':')[0]}-other:1"
    assert not runner.try_as(accounts, "push", image, elsewhere)
    builder = f"{production.name}-builder:{production.settings()['THINKUBE_BUILD_TOKEN']}"
    pushes = {"auths": {gitea.host: {"auth": base64.b64encode(builder.encode()).decode()}}}
    assert runner.try_as(json.dumps(pushes), "push", image, elsewhere)
    runner.run("buildah", "rmi", image)
    assert not runner.try_as("{}", "pull", "--policy", "always", image)
    folder = production.clone(GREETER)
    files = [each for each in folder.rglob("*") if each.is_file() and ".git" not in each.parts]
    texts = [each.read_text(errors="replace") for each in files]
    texts += [str(production.application(GREETER)), production.replicas[0].log.read_text()]
    assert [text[:200] for text in texts if token in text] == []
    assert any(PULL_SECRET in text for text in texts)


def test_another_token_reaches_what_runs_when_the_service_starts_again(
    production: Production, gitea: Gitea, cluster: LiveOutside
) -> None:
    before = production.settings()["THINKUBE_PULL_TOKEN"]
    gitea.withdraw_token(f"{production.name}-puller", "pulls")
    production.bootstrap()
    token = production.settings()["THINKUBE_PULL_TOKEN"]
    assert token != before
    production.stop()
    production.replicas.clear()
    production.serve("service")
    wanted = (f"{production.name}-puller", token)
    wait_until(
        lambda: cluster.puller(f"tkt-{GREETER}", PULL_SECRET, gitea.host) == wanted,
        "the namespace has the new token",
    )
    assert doctor(production) == []


def test_tests_that_fail_fail_the_run_with_their_log_and_what_mends_them_can_be_retried(
    production: Production, gitea: Gitea, runner: GiteaRunner
) -> None:
    service = production.replicas[0]
    asked = ("tkt-greeter", GLOOMY, "-d", "greeting=goodbye", "-l", "--wait")
    done = production.tkt(service, "deploy", *asked)
    assert done.returncode == 1, done.stdout + done.stderr + runner.log.read_text()
    (problem,) = service.get(f"/deployments/{GLOOMY}")["problems"]
    assert "could not be built (web: Failing after" in problem["message"]
    assert "this greets nobody: goodbye" in gitea.log_at(GLOOMY, problem["message"].split()[-1])
    assert gitea.tags(f"{GLOOMY}-web") == set()

    folder = production.clone(GLOOMY)
    (folder / "web" / "index.html").write_text("hello after all\n")
    mended = production.installation.push(folder, "Greet")
    done = production.tkt(service, "retry", GLOOMY, "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert gitea.parents(GLOOMY, service.get(f"/deployments/{GLOOMY}")["healthy_commit"]) == [
        mended
    ]


def test_a_job_that_is_run_again_in_gitea_is_waited_for_by_a_retry(
    production: Production, gitea: Gitea, runner: GiteaRunner
) -> None:
    service = production.replicas[0]
    asked = ("tkt-greeter", EARLY, "-d", "base=1.36", "-l", "--wait")
    done = production.tkt(service, "deploy", *asked)
    assert done.returncode == 1, done.stdout + done.stderr
    (problem,) = service.get(f"/deployments/{EARLY}")["problems"]
    assert "could not be built (worker: Failing after" in problem["message"]
    push_busybox(production, runner, "1.36")
    gitea.run_again(EARLY, problem["message"].split()[-1])
    done = production.tkt(service, "retry", EARLY, "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    pushed = published(production, EARLY)
    assert gitea.parents(EARLY, service.get(f"/deployments/{EARLY}")["healthy_commit"]) == [pushed]


def test_of_two_pushes_right_after_one_another_the_last_one_runs(
    production: Production, gitea: Gitea, runner: GiteaRunner
) -> None:
    service = production.replicas[0]
    folder = production.clone(GREETER)
    pushed = []
    for text in ("hello once", "hello twice"):
        (folder / "web" / "index.html").write_text(f"{text}\n")
        pushed.append(production.installation.push(folder, text))

    def runs_the_last() -> bool:
        healthy = service.get(f"/deployments/{GREETER}")["healthy_commit"]
        return gitea.parents(GREETER, healthy) == [pushed[1]]

    wait_until(runs_the_last, "the last one runs", 180)
    assert gitea.tags(f"{GREETER}-web") >= {pushed[1]}
    ended = {(each["head_sha"], each["conclusion"]) for each in gitea.runs(GREETER)}
    assert (pushed[1], "success") in ended
    assert {how for _, how in ended} <= {"success", "cancelled"}
    assert service.get(f"/deployments/{GREETER}")["state"] == "healthy"
    assert [line for line in said(production, GREETER) if "could not be built" in line] == []


def test_what_waits_for_an_image_is_said_to_be_building_and_then_why_it_cannot_be_pulled(
    production: Production, runner: GiteaRunner
) -> None:
    service = production.replicas[0]
    folder = production.clone(GREETER)
    objects = folder / "k8s" / "deployments.yaml"
    good = objects.read_text()
    fault = "metadata:\n      annotations: {thinkube.dev/test-fault: image-pull}\n      labels:"
    objects.write_text(good.replace("metadata:\n      labels:", fault))
    (folder / "web" / "index.html").write_text("hello again\n")
    production.installation.push(folder, "Cannot be pulled")

    def causes() -> dict[str, str]:
        application = service.get(f"/deployments/{GREETER}")["application"] or {}
        return {each["kind"]: each["message"] for each in application.get("causes", [])}

    wait_until(lambda: "building" in causes(), "it is said to be building", 120)
    wait_until(lambda: "image pull" in causes(), "it cannot be pulled", 120)
    assert "building" not in causes()
    done = production.tkt(service, "rollback", GREETER, "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert causes() == {}


def test_a_build_that_somebody_starts_by_hand_is_rolled_out_with_its_tags(
    production: Production, gitea: Gitea, runner: GiteaRunner
) -> None:
    service = production.replicas[0]
    before = service.get(f"/deployments/{GREETER}")["healthy_commit"]
    gitea.start_build(GREETER)
    wait_until(
        lambda: (
            gitea.parents(GREETER, service.get(f"/deployments/{GREETER}")["healthy_commit"])
            == [before]
        ),
        "what was built by hand is healthy",
        180,
    )
    assert gitea.tags(f"{GREETER}-web") >= {before}


def test_on_the_runner_no_image_stays_that_was_built_and_no_container(
    production: Production, gitea: Gitea, runner: GiteaRunner
) -> None:
    ended = ["completed"] * len(gitea.runs(GREETER))
    wait_until(lambda: [it["status"] for it in gitea.runs(GREETER)] == ended, "builds have ended")
    names = runner.run("buildah", "images", "--format", "{{.Name}}").split()
    ours = f"{gitea.host}/{production.organisation}/"
    assert [each for each in names if each.startswith(ours) and not each.endswith("/cache")] == []
    assert runner.run("buildah", "containers", "--quiet") == ""


def test_a_removal_leaves_nothing_to_pull_by(
    production: Production, gitea: Gitea, cluster: LiveOutside
) -> None:
    service = production.replicas[0]
    done = production.tkt(service, "remove", GREETER, "--yes", "--repository", "--volumes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert cluster.puller(f"tkt-{GREETER}", PULL_SECRET, gitea.host) is None
    assert cluster.labels(f"tkt-{GREETER}") is None
