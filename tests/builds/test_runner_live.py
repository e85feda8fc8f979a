"""Gitea's own runner builds what is deployed: from the push to the healthy commit of the tags."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests import postgresql
from tests.builds.gitea_runner import GiteaRunner, gitea_runner
from tests.journeys.installation import Installation, wait_until
from tests.production.replicated import Production

GREETER = Path(__file__).parent / "greeter"

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        "THINKUBE_TEST_GITEA_RUNNER" not in os.environ,
        reason="THINKUBE_TEST_GITEA_RUNNER names no program of Gitea's runner",
    ),
]


class Gitea:
    """What the organisation's Gitea says of builds."""

    def __init__(self, production: Production) -> None:
        given = production.given
        self._owner = production.organisation
        self._http = httpx.Client(
            base_url=f"{given['GITEA_URL']}/api/v1/",
            auth=(given["GITEA_ADMIN"], given["GITEA_PASSWORD"]),
            timeout=60,
        )

    def registration_token(self) -> str:
        path = f"orgs/{self._owner}/actions/runners/registration-token"
        return str(self._http.post(path).raise_for_status().json()["token"])

    def of(self, name: str, path: str) -> Any:
        return self._http.get(f"repos/{self._owner}/{name}/{path}").raise_for_status().json()

    def states(self, name: str, commit: str) -> dict[str, str]:
        """Return the statuses of a commit by context."""
        found = self.of(name, f"commits/{commit}/status")["statuses"] or []
        return {each["context"]: str(each["status"]) for each in found}

    def runs(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.of(name, "actions/runs")["workflow_runs"]
        return found

    def log_at(self, name: str, page: str) -> str:
        """Return the log of the job whose page that is."""
        jobs = self.of(name, "actions/jobs?limit=50")["jobs"]
        (job,) = [each for each in jobs if each["html_url"] == page]
        path = f"repos/{self._owner}/{name}/actions/jobs/{job['id']}/logs"
        return self._http.get(path).raise_for_status().text


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    prefix = "THINKUBE_TEST_"
    given = {
        name.removeprefix(prefix): text
        for name, text in os.environ.items()
        if name.startswith(prefix)
    }
    name = f"built-{uuid4().hex[:6]}"
    with postgresql.server() as folder:
        installation = Installation(
            tmp_path_factory.mktemp("production"),
            {"THINKUBE_BUILD_USER": f"{name}-builder"},
            GREETER,
        )
        made = Production(installation, name, postgresql.new_database(folder), given)
        made.bootstrap()
        made.serve("service")
        yield made
        made.stop()


@pytest.fixture(scope="module")
def gitea(production: Production) -> Gitea:
    return Gitea(production)


@pytest.fixture(scope="module")
def runner(production: Production, gitea: Gitea) -> Iterator[GiteaRunner]:
    with gitea_runner(production.organisation) as made:
        builder = f"{production.name}-builder"
        made.push_base(builder, production.settings()["THINKUBE_BUILD_TOKEN"])
        made.register(gitea.registration_token())
        with made.running():
            yield made


def test_a_deployment_is_built_by_the_runner_and_healthy_at_the_commit_of_its_tags(
    production: Production, gitea: Gitea, runner: GiteaRunner
) -> None:
    service = production.replicas[0]
    done = production.tkt(service, "deploy", "tkt-greeter", "greeter", "-l", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout, done.stderr)
    deployment = service.get("/deployments/greeter")
    print(deployment)
    for each in service.get("/deployments/greeter/events")["items"]:
        print(each)
    print(gitea.runs("greeter"))
    print(runner.log.read_text())
