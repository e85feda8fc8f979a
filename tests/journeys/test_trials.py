"""`tkt doctor` tries webhooks: what arrives is seen, what does not is told with its mend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.adapters.gitea.test_gitea_forge import US, a_tree
from tests.administered.argocd import AdministeredArgoCd, administered_argocd
from tests.edges.asgi import served
from tests.edges.platform import a_scene
from tests.gitea_stand_in import GiteaStandIn, gitea_stand_in
from thinkube_catalog.adapters.argocd.project import manifest
from thinkube_catalog.adapters.gitea import GiteaForge
from thinkube_catalog.adapters.gitea.trials import DESCRIPTION
from thinkube_catalog.adapters.gitea.webhooks import PROBE
from thinkube_catalog.adapters.sql.arrivals import SqlArrivals
from thinkube_catalog.adapters.sql.database import Database
from thinkube_catalog.domain.checks import Check, failed, passed, warned
from thinkube_catalog.domain.forge import Deliveries, Repository
from thinkube_catalog.settings import load_settings
from thinkube_catalog.wiring import trials
from thinkube_catalog.wiring.bootstrap import project_plan
from thinkube_catalog.wiring.forges import ARGOCD_HOOK, HOOK, deliveries_of, open_forge
from thinkube_catalog.wiring.parts import database_url, sealing_keys
from thinkube_catalog.wiring.trials import try_deliveries

ORG = "thinkube-deployments"
SECRET = "the-webhook-secret"
KEY = "a-key-of-more-than-thirty-two-characters"
TO_SERVICE, TO_ARGOCD = "gitea to service", "gitea to argocd"


@dataclass
class Late:
    """The app is served before the forge can know its address."""

    forges: list[Deliveries] = field(default_factory=list)

    def receive(self, headers: Mapping[str, str], body: bytes) -> Repository | None:
        return self.forges[0].receive(headers, body)


@dataclass
class There:
    """An installation with its Gitea and its Argo CD, and a service that answers."""

    gitea: GiteaStandIn
    argocd: AdministeredArgoCd
    forge: GiteaForge
    address: str

    def look(self, *known: Check) -> dict[str, Check]:
        return {check.name: check for check in try_deliveries(load_settings(), known)}

    def left(self) -> list[str]:
        """Name what a trial has left."""
        made = [it.name for it in self.gitea.repositories if it.name == PROBE]
        applications = [it for it in self.argocd.applications if it.endswith("doctor")]
        return [*made, *applications, *(it["repo"] for it in self.argocd.repositories)]


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    monkeypatch.setattr(trials, "_REFRESH_SECONDS", 3.0)
    with ExitStack() as open_:
        late = Late()
        scene = a_scene(tmp_path / "scene", deliveries=late)
        address = open_.enter_context(served(scene.app))
        gitea = open_.enter_context(gitea_stand_in(tmp_path / "gitea"))
        argocd = open_.enter_context(administered_argocd())
        values = {
            "FORGE": "gitea",
            "GITEA_URL": gitea.url,
            "GITEA_TOKEN": "the-token",
            "ENGINE": "argocd",
            "ARGOCD_URL": argocd.url,
            "ARGOCD_TOKEN": "set below",
            "ARGOCD_WEBHOOK_SECRET": SECRET,
            "PUBLIC_URL": address,
            "DATA_DIR": str(tmp_path / "data"),
            "SECRET_KEY": KEY,
        }
        monkeypatch.chdir(tmp_path)
        for name, value in values.items():
            monkeypatch.setenv(f"THINKUBE_{name}", value)
        argocd.projects["thinkube"] = manifest(project_plan(load_settings()))
        token = argocd.issue("thinkube", "catalog", "one", 3600)
        monkeypatch.setenv("THINKUBE_ARGOCD_TOKEN", token)
        argocd.webhook_secret = lambda: SECRET
        gitea.owners[ORG] = 5
        settings = load_settings()
        database = Database(database_url(settings))
        open_.callback(database.close)
        forge = open_forge(settings, sealing_keys(settings), SqlArrivals(database))
        assert isinstance(forge, GiteaForge)
        open_.callback(forge.close)
        deliveries = deliveries_of(forge)
        assert deliveries is not None
        late.forges.append(deliveries)
        yield There(gitea, argocd, forge, address)


def test_before_the_first_deployment_both_are_tried_and_nothing_is_left(there: There) -> None:
    checks = there.look()
    assert list(checks) == ["service key", TO_SERVICE, TO_ARGOCD, "argocd to gitea"]
    assert [it for it in checks.values() if it.warning or not it.good] == []
    assert "arrived at" in checks[TO_SERVICE].message
    assert [answer for _, answer in there.gitea.delivered] == [204, 200]
    assert there.left() == []


def test_a_deployment_s_own_webhooks_are_tried_where_there_is_one(there: There) -> None:
    chat = Repository(ORG, "chat")
    there.forge.ensure_repository(chat, "deployment 1")
    there.forge.connect(chat, "deployment 1")
    there.forge.publish(chat, a_tree("1"), "First", US)
    there.argocd.applications["tkt-chat"] = {
        "metadata": {"name": "tkt-chat"},
        "spec": {"project": "thinkube", "source": {"repoURL": f"{there.gitea.url}/{chat}.git"}},
    }
    there.gitea.requests.clear()
    checks = there.look()
    assert [it for it in checks.values() if it.warning or not it.good] == []
    assert all(str(chat) in checks[name].message for name in (TO_SERVICE, TO_ARGOCD))
    changes = [call for call in there.gitea.requests if not call.startswith("GET")]
    assert [call.rpartition("/")[2] for call in changes] == ["tests", "tests"]


def test_a_host_that_gitea_may_not_call_is_told_for_each(there: There) -> None:
    there.gitea.denied = {f"{there.address}{HOOK}", f"{there.argocd.url}{ARGOCD_HOOK}"}
    checks = there.look()
    for name in (TO_SERVICE, TO_ARGOCD):
        assert (checks[name].good, checks[name].warning) == (True, True)
        assert "did not arrive" in checks[name].message
        assert "ALLOWED_HOST_LIST = external,127.0.0.1" in checks[name].mend
    assert there.left() == []


def test_one_of_both_that_arrives_is_told_beside_the_other(there: There) -> None:
    there.gitea.denied = {f"{there.argocd.url}{ARGOCD_HOOK}"}
    checks = there.look()
    assert {name: check.warning for name, check in checks.items()} == {
        "service key": False,
        TO_SERVICE: False,
        TO_ARGOCD: True,
        "argocd to gitea": False,
    }


def test_a_gitea_that_calls_itself_otherwise_is_told(
    there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = there.gitea.url.replace("127.0.0.1", "localhost")
    monkeypatch.setenv("THINKUBE_GITEA_URL", address)
    there.argocd.projects["thinkube"] = {
        **there.argocd.projects["thinkube"],
        "spec": manifest(project_plan(load_settings()))["spec"],
    }
    check = there.look()[TO_ARGOCD]
    assert check.warning
    assert "ROOT_URL" in check.mend
    assert address in check.mend


def test_a_service_with_another_key_is_told(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THINKUBE_SECRET_KEY", KEY[::-1])
    checks = there.look()
    assert not checks["service key"].good
    assert "THINKUBE_SECRET_KEY" in checks["service key"].mend
    assert TO_SERVICE not in checks
    assert not checks[TO_ARGOCD].warning


def test_a_service_on_another_database_is_told(
    there: There, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    monkeypatch.setenv("THINKUBE_DATA_DIR", str(other))
    unseen = there.look()[TO_SERVICE]
    assert (unseen.warning, "no service has run" in unseen.message) == (True, True)
    assert not other.exists() or list(other.iterdir()) == []
    Database(f"sqlite:///{other / 'catalog.sqlite'}").close()
    checks = there.look()
    assert not checks["service key"].good
    assert "THINKUBE_DATABASE_URL" in checks["service key"].mend


def test_what_is_broken_before_is_not_tried(there: There) -> None:
    checks = there.look(failed("gitea token", "is not accepted", "make one"))
    assert [(it.warning, "not tried: gitea token" in it.message) for it in checks.values()] == [
        (True, True),
        (True, True),
    ]
    assert there.gitea.delivered == []


def test_a_service_that_does_not_run_yet_is_not_tried(there: There) -> None:
    checks = there.look(warned("public address", "does not answer", "start it"), passed("a", "b"))
    assert "nobody answers" in checks[TO_SERVICE].message
    assert "start the service" in checks[TO_SERVICE].mend
    assert not checks[TO_ARGOCD].warning


def test_where_webhooks_are_switched_off_that_is_told(there: There) -> None:
    there.gitea.webhooks_disabled = True
    checks = there.look()
    assert all("DISABLE_WEBHOOKS = false" in checks[it].mend for it in (TO_SERVICE, TO_ARGOCD))
    assert there.left() == []


@pytest.mark.parametrize("read_token", ["", "canary-of-the-reader"])
def test_an_argo_cd_that_cannot_read_our_repositories_is_told(
    there: There, monkeypatch: pytest.MonkeyPatch, read_token: str
) -> None:
    monkeypatch.setenv("THINKUBE_GITEA_READ_TOKEN", read_token)
    reason = "rpc error: code = Unknown desc = failed to list refs: authentication required"
    there.argocd.unreadable = reason
    checks = there.look()
    check = checks["argocd to gitea"]
    assert (check.good, "tkt bootstrap" in check.mend) == (False, True)
    assert check.message.endswith(f"{PROBE}: failed to list refs: authentication required")
    assert not checks[TO_ARGOCD].warning
    assert there.left() == []
    assert ("POST /api/v1/repositories?upsert=true" in there.argocd.requests) is bool(read_token)


def test_one_who_is_interrupted_leaves_nothing(
    there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trials, "try_delivery", interrupted)
    with pytest.raises(KeyboardInterrupt):
        there.look()
    assert there.left() == []


def test_what_another_one_is_trying_is_left_alone(there: There) -> None:
    there.gitea.make(ORG, PROBE, DESCRIPTION)
    assert "in two minutes" in there.look()[TO_SERVICE].mend
    assert len(there.gitea.repositories) == 1


def test_a_probe_that_could_not_be_deleted_is_told(there: There) -> None:
    there.gitea.fault("500", f"DELETE .*{PROBE}$", times=10)
    checks = there.look()
    assert not checks[TO_SERVICE].warning
    assert (checks[f"gitea {PROBE}"].warning, PROBE in there.left()) == (True, True)


def test_no_check_tells_a_secret(there: There) -> None:
    told = repr(there.look())
    token = load_settings().argocd_token.get_secret_value()
    assert [it for it in (KEY, SECRET, "the-token", token) if it in told] == []


def test_an_application_that_was_left_is_taken_and_deleted(there: There) -> None:
    there.argocd.applications["thinkube-doctor"] = {
        "metadata": {"name": "thinkube-doctor"},
        "spec": {"project": "thinkube", "source": {"repoURL": f"{there.gitea.url}/old.git"}},
    }
    assert not there.look()[TO_ARGOCD].warning
    assert there.left() == []
