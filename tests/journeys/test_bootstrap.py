"""From nothing to an installation that `tkt doctor` has nothing to say of, and again and again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.administered.argocd import in_cluster
from tests.administered.installation import SECRETS, Outside, effects, faults, outside
from thinkube_catalog.adapters.secret_store import keys_from
from thinkube_catalog.domain.bootstrap import Effect
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.domain.secrets import SecretValue
from thinkube_catalog.settings import load_settings
from thinkube_catalog.wiring.doctor import examine


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    with outside(tmp_path, monkeypatch) as made:
        yield made


def test_bootstrap_makes_everything_and_the_doctor_is_content(there: Outside) -> None:
    outcomes = there.bootstrap()
    assert faults(outcomes) == ""
    checks = there.doctor()
    assert [check for check in checks if not check.good or check.warning] == []
    assert {"argocd", "cluster", "gitea", "argocd rights", "argocd webhooks"} <= {
        check.name for check in checks
    }


def test_what_is_made_has_the_least_rights(there: Outside) -> None:
    there.bootstrap()
    service, reader = there.gitea.accounts["catalog"], there.gitea.accounts["catalog-reader"]
    assert not service.is_admin
    assert not reader.is_admin
    assert set(service.tokens[0].scopes) == {
        "read:user",
        "write:organization",
        "write:repository",
    }
    assert reader.tokens[0].scopes == ("read:repository",)
    assert there.gitea.team("thinkube-deployments", "Owners").members == {"catalog"}
    readers = there.gitea.team("thinkube-deployments", "argocd")
    assert (readers.members, readers.rights["units_map"]) == (
        {"catalog-reader"},
        {"repo.code": "read"},
    )
    spec = there.argocd.projects["thinkube"]["spec"]
    assert spec["sourceRepos"] == [f"{there.gitea.url}/thinkube-deployments/*"]
    assert [each["namespace"] for each in spec["destinations"]] == ["tkt-*"]
    assert "clusterResourceWhitelist" not in spec
    assert not any("*, thinkube/*" in line for line in spec["roles"][0]["policies"][0:5])
    assert list(there.argocd.credentials) == [f"{there.gitea.url}/thinkube-deployments/"]


def test_what_was_made_is_kept_for_this_user_alone(there: Outside) -> None:
    there.file.write_text("# mine\nOTHER=1\nTHINKUBE_LOG_LEVEL=debug\n")
    there.bootstrap()
    kept = there.kept()
    assert all(kept[name] for name in SECRETS)
    assert (kept["FORGE"], kept["ENGINE"], kept["GITEA_URL"]) == (
        "gitea",
        "argocd",
        there.gitea.url,
    )
    assert there.mode() == 0o600
    assert there.file.read_text().startswith("# mine\nOTHER=1\nTHINKUBE_LOG_LEVEL=debug\n")
    assert "root-password" not in there.file.read_text()
    assert "admin-password" not in there.file.read_text()


def test_no_outcome_tells_a_secret(there: Outside) -> None:
    told = repr([*there.plan(), *there.bootstrap(), *there.bootstrap(), *there.doctor()])
    assert [secret for secret in there.secrets() if secret in told] == []


def test_a_dry_run_says_what_is_missing_and_changes_nothing(there: Outside) -> None:
    before = there.state()
    outcomes = there.plan()
    assert there.state() == before
    assert not there.file.exists()
    found = effects(outcomes)
    assert found.pop("administrator root") is Effect.LEFT
    assert found.pop("administrator admin") is Effect.LEFT
    assert found.pop("environment") is Effect.LEFT
    assert set(found.values()) == {Effect.WANTED}


def test_a_second_time_nothing_is_done(there: Outside) -> None:
    there.bootstrap()
    before, kept = there.state(), there.file.read_text()
    assert set(effects(there.bootstrap()).values()) == {Effect.LEFT}
    assert set(effects(there.plan()).values()) == {Effect.LEFT}
    assert (there.state(), there.file.read_text()) == (before, kept)


CHANGES = (
    *("POST .*admin/users$", "POST .*admin/users/catalog/orgs", "POST .*users/catalog/tokens"),
    *("POST .*orgs/thinkube-deployments/teams", "PUT .*teams/.*/members/catalog-reader"),
    *("POST .*api/v1/projects$", "POST .*roles/catalog/token", "POST .*api/v1/repocreds"),
    *("PATCH .*clusterroles/", "POST .*serviceaccounts/.*/token", "PATCH .*secrets/argocd-secret"),
    "PATCH .*configmaps/argocd-rbac-cm",
)


@pytest.mark.parametrize("call", CHANGES)
@pytest.mark.parametrize("when", ["drop before", "drop after", "500 after"])
def test_an_answer_that_is_lost_leaves_one_of_each(there: Outside, call: str, when: str) -> None:
    servers = (there.gitea, there.argocd, there.cluster)
    for server in servers:
        server.fault(when, call)
    there.bootstrap()
    assert sum(fault.fired for server in servers for fault in server.faults) == 1
    assert faults(there.bootstrap()) == ""
    assert_one_of_each(there)


@pytest.mark.parametrize("number", range(20))
def test_stopped_at_any_part_and_repeated_makes_one_of_each(
    there: Outside, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop right after something was made outside, before anything is kept of it."""
    count = 0
    for server in (there.gitea, there.argocd, there.cluster):
        original = server.due

        def due(call: str, original: object = original) -> str:
            nonlocal count
            if call.startswith("GET") or "review" in call or "session" in call:
                return ""
            count += 1
            if count == number + 1:
                return "drop after"
            if count > number + 1:
                return "drop before"  # this process is gone
            return ""

        monkeypatch.setattr(server, "due", due)
    there.bootstrap()
    assert count > number  # else there are fewer calls by now
    for server in (there.gitea, there.argocd, there.cluster):
        monkeypatch.setattr(server, "due", lambda _call: "")
    assert faults(there.bootstrap()) == ""
    assert_one_of_each(there)


def assert_one_of_each(there: Outside) -> None:
    gitea, kept = there.gitea, there.kept()
    for account, setting in (("catalog", "GITEA_TOKEN"), ("catalog-reader", "GITEA_READ_TOKEN")):
        assert [it.sha1 for it in gitea.accounts[account].tokens] == [kept[setting]]
    assert [it.name for it in gitea.organisations["thinkube-deployments"]] == ["Owners", "argocd"]
    assert len(gitea.organisations) == 2
    (token,) = there.argocd.tokens("thinkube", "catalog")
    assert there.argocd.good(kept["ARGOCD_TOKEN"])
    assert token["exp"] > token["iat"]
    (credentials,) = there.argocd.credentials.values()
    assert credentials["password"] == kept["GITEA_READ_TOKEN"]
    assert there.cluster.webhook_secret() == kept["ARGOCD_WEBHOOK_SECRET"]


def test_a_token_whose_value_was_lost_is_replaced_and_said_so(there: Outside) -> None:
    there.bootstrap()
    lost = there.kept()
    there.file.unlink()
    outcomes = there.bootstrap()
    told = {it.part: it.message for it in outcomes if it.effect is Effect.CORRECTED}
    assert "does not hold its value; it is replaced" in told["token thinkube-catalog of catalog"]
    assert "does not hold its value; it is replaced" in told["token of the role catalog"]
    assert there.kept()["GITEA_TOKEN"] != lost["GITEA_TOKEN"]
    assert not there.argocd.good(lost["ARGOCD_TOKEN"])
    assert there.kept()["ARGOCD_WEBHOOK_SECRET"] == lost["ARGOCD_WEBHOOK_SECRET"]
    assert_one_of_each(there)


def test_a_token_of_the_role_that_ends_soon_is_replaced(there: Outside) -> None:
    there.bootstrap(token_days=365)
    (token,) = there.argocd.tokens("thinkube", "catalog")
    there.argocd.tokens("thinkube", "catalog").clear()
    soon = there.argocd.issue("thinkube", "catalog", token["id"], 3 * 86400)
    there.file.write_text(there.file.read_text().replace(there.kept()["ARGOCD_TOKEN"], soon))
    warned = next(it for it in there.doctor() if it.name == "argocd token")
    assert (warned.warning, "tkt bootstrap" in warned.mend) == (True, True)
    told = {it.part: it for it in there.bootstrap()}["token of the role catalog"]
    assert (told.effect, "it ends on" in told.message) == (Effect.CORRECTED, True)
    assert_one_of_each(there)


def test_a_project_that_is_too_wide_is_told_and_corrected(there: Outside) -> None:
    there.bootstrap()
    spec = there.argocd.projects["thinkube"]["spec"]
    spec["sourceRepos"].append("*")
    spec["destinations"].append({"server": "*", "namespace": "!argocd"})
    spec["clusterResourceWhitelist"] = [{"group": "*", "kind": "*"}]
    spec["roles"][0]["policies"].append(
        "p, proj:thinkube:catalog, applications, *, thinkube/*, allow"
    )
    spec["roles"].append({"name": "people", "policies": []})
    told = {it.name: it for it in there.doctor() if it.warning}
    assert "repositories from *" in told["argocd project thinkube"].message
    assert "permits every other namespace" in told["argocd project thinkube"].message
    assert "objects of the whole cluster: */*" in told["argocd project thinkube"].message
    assert "more than it needs" in told["argocd rights"].message
    assert effects(there.bootstrap())["project thinkube and its role catalog"] is Effect.CORRECTED
    assert [it for it in there.doctor() if it.warning or not it.good] == []
    roles = there.argocd.projects["thinkube"]["spec"]["roles"]
    assert sorted(role["name"] for role in roles) == ["catalog", "people"]


def test_a_project_of_somebody_else_is_left_alone(there: Outside) -> None:
    theirs = {
        "metadata": {"name": "thinkube", "resourceVersion": "7"},
        "spec": {"sourceRepos": ["https://git.example.org/theirs/*"]},
    }
    there.argocd.projects["thinkube"] = theirs
    outcomes = there.bootstrap()
    told = {it.part: it for it in outcomes}
    assert "made by somebody else" in told["project thinkube and its role catalog"].message
    assert told["token of the role catalog"].effect is Effect.SKIPPED
    assert told["token thinkube-catalog of catalog"].effect is Effect.MADE
    assert there.argocd.projects["thinkube"]["spec"] == theirs["spec"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("THINKUBE_ARGOCD_PROJECT", "default", "allows everything"),
        ("THINKUBE_NAMESPACE_PREFIX", "argo", "Argo CD's own namespace argocd"),
    ],
)
def test_a_project_that_would_be_all_power_is_not_made(
    there: Outside, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    assert told in faults(there.bootstrap())
    assert there.argocd.projects == {}


def test_the_secret_of_webhooks_that_is_there_is_taken_over(there: Outside) -> None:
    path = "/api/v1/namespaces/argocd/secrets/argocd-secret"
    there.cluster.objects[path]["data"]["webhook.gogs.secret"] = "b3RoZXJz"
    there.bootstrap()
    assert there.cluster.webhook_secret() == "others"
    assert there.kept()["ARGOCD_WEBHOOK_SECRET"] == "others"


def test_without_a_kubeconfig_what_is_to_be_done_there_is_told(there: Outside) -> None:
    outcomes = there.bootstrap(kubeconfig=None)
    told = next(it for it in outcomes if it.effect is Effect.BY_HAND)
    assert "argocd-secret" in told.mend
    assert there.kept()["ARGOCD_WEBHOOK_SECRET"] not in told.mend
    assert there.cluster.webhook_secret() == ""
    there.bootstrap()
    assert faults(there.bootstrap(kubeconfig=None)) == ""


def test_rights_of_others_in_argo_cd_are_left_as_they_are(there: Outside) -> None:
    there.bootstrap()
    path = "/api/v1/namespaces/argocd/configmaps/argocd-rbac-cm"
    rights = there.cluster.objects[path]["data"]
    assert rights.pop("policy.csv") == "g, somebody, role:admin"
    line = "p, proj:thinkube:catalog, clusters, get, https://kubernetes.default.svc, allow\n"
    assert rights == {"policy.thinkube.csv": line}
    rights["policy.thinkube.csv"] = line.replace("https://kubernetes.default.svc", "*")
    part = "policy.thinkube.csv in argocd/argocd-rbac-cm"
    assert effects(there.bootstrap())[part] is Effect.CORRECTED
    assert rights == {"policy.thinkube.csv": line}


def test_of_a_cluster_that_is_told_by_its_name_the_role_sees_that_one(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus = {**in_cluster(), "server": "https://10.0.0.9:6443", "name": "gpus"}
    there.argocd.clusters.append(gpus)
    monkeypatch.setenv("THINKUBE_ARGOCD_CLUSTER", "gpus")
    assert faults(there.bootstrap()) == ""
    told = {it.name: it for it in there.doctor()}
    assert [it for it in told.values() if it.warning or not it.good] == []
    assert "https://10.0.0.9:6443 (gpus)" in told["argocd cluster"].message
    (place,) = there.argocd.projects["thinkube"]["spec"]["destinations"]
    assert place == {"name": "gpus", "namespace": "tkt-*"}


def test_a_cluster_that_argo_cd_does_not_know_is_told(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THINKUBE_ARGOCD_CLUSTER", "gpus")
    assert "Argo CD knows no cluster gpus" in faults(there.bootstrap())


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("Password of Gitea's root", "Gitea does not accept the name root"),
        ("Password of Argo CD's admin", "Argo CD does not accept the name admin"),
    ],
)
def test_a_wrong_password_is_told_and_nothing_is_made(
    there: Outside, title: str, told: str
) -> None:
    states = {"Gitea": there.gitea.state, "Argo CD": there.argocd.state}
    before = {name: state() for name, state in states.items()}
    wishes = there.wishes()
    wrong = there.bootstrap(
        ask=lambda asked, file: SecretValue("no") if asked == title else wishes.ask(asked, file)
    )
    assert told in faults(wrong)
    unchanged = [name for name, state in states.items() if state() == before[name]]
    assert unchanged == [name for name in states if name in title]


def test_an_account_that_administers_everything_is_not_taken(there: Outside) -> None:
    assert "administers all of Gitea" in faults(there.bootstrap(account="root"))
    assert there.gitea.accounts["root"].tokens == []


def test_a_person_of_the_organisations_name_is_in_the_way(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THINKUBE_GITEA_ORG", "root")
    assert "root is a person" in faults(there.bootstrap())


def test_the_account_joins_an_organisation_of_somebody_else(there: Outside) -> None:
    there.gitea.found("thinkube-deployments", "root")
    there.bootstrap()
    assert there.gitea.team("thinkube-deployments", "Owners").members == {"root", "catalog"}


def test_rights_that_are_too_wide_are_taken_back(there: Outside) -> None:
    there.bootstrap()
    token = there.gitea.accounts["catalog-reader"].tokens[0]
    token.scopes = ("all",)
    there.gitea.team("thinkube-deployments", "argocd").rights["units_map"] = {"repo.code": "write"}
    found = effects(there.bootstrap())
    assert found["token argocd of catalog-reader"] is Effect.CORRECTED
    assert found["catalog-reader in the team argocd of thinkube-deployments"] is (Effect.CORRECTED)
    assert_one_of_each(there)


def test_for_a_gitea_alone_nothing_else_is_asked_for(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THINKUBE_ARGOCD_URL")
    outcomes = there.bootstrap(kubeconfig=None)
    assert {it.system for it in outcomes} == {"gitea", "settings"}
    assert "catalog-reader" not in there.gitea.accounts
    assert there.argocd.requests == []


def test_accounts_that_build_and_pull_are_made_where_they_are_named(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THINKUBE_BUILD_USER", "builder")
    monkeypatch.setenv("THINKUBE_PULL_USER", "puller")
    there.bootstrap()
    (token,) = there.gitea.accounts["builder"].tokens
    assert set(token.scopes) == {"write:package", "write:repository"}
    assert there.kept()["BUILD_TOKEN"] == token.sha1
    team = there.gitea.team("thinkube-deployments", "builders")
    assert team.members == {"builder"}
    assert team.rights["units_map"] == {"repo.code": "write", "repo.packages": "write"}
    (token,) = there.gitea.accounts["puller"].tokens
    assert (token.scopes, there.kept()["PULL_TOKEN"]) == (("read:package",), token.sha1)
    team = there.gitea.team("thinkube-deployments", "pullers")
    assert (team.members, team.rights["units_map"]) == ({"puller"}, {"repo.packages": "read"})
    assert [it for it in there.doctor() if it.warning or not it.good] == []
    assert set(effects(there.bootstrap()).values()) == {Effect.LEFT}


def test_no_account_in_gitea_pulls_from_another_registry(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THINKUBE_PULL_USER", "puller")
    monkeypatch.setenv("THINKUBE_CONTAINER_REGISTRY", "registry.example.org")
    there.bootstrap()
    assert "puller" not in there.gitea.accounts


def test_that_images_are_built_and_nobody_can_pull_them_is_told(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THINKUBE_BUILD_USER", "builder")
    there.bootstrap()
    (check,) = [it for it in there.doctor() if it.warning or not it.good]
    assert (check.name, "THINKUBE_PULL_USER" in check.mend) == ("image pulls", True)


def test_with_a_database_a_key_is_made_once(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THINKUBE_DATABASE_URL", "postgresql+psycopg://catalog@127.0.0.1/catalog")
    there.bootstrap()
    key = there.kept()["SECRET_KEY"]
    assert keys_from(key)
    there.bootstrap()
    assert there.kept()["SECRET_KEY"] == key


def test_what_was_made_and_is_hidden_by_the_environment_is_told(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THINKUBE_GITEA_TOKEN", "an-old-one")
    told = next(it for it in there.bootstrap() if it.effect is Effect.BY_HAND)
    assert told.mend == "unset THINKUBE_GITEA_TOKEN"


def test_with_nothing_named_there_is_nothing_to_do(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THINKUBE_ARGOCD_URL")
    monkeypatch.delenv("THINKUBE_GITEA_URL")
    with pytest.raises(CatalogError, match="THINKUBE_GITEA_URL"):
        there.bootstrap()


def test_a_key_that_cannot_be_used_is_told_once(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.bootstrap()
    monkeypatch.setenv("THINKUBE_SECRET_KEY", "short")
    (told,) = (it for it in examine(load_settings()) if it.warning or not it.good)
    assert (told.name, told.good, "openssl rand" in told.mend) == ("sealing key", False, True)


def test_a_key_file_that_is_no_file_is_told(there: Outside) -> None:
    there.bootstrap()
    (there.folder / "data" / "secret.key").mkdir(parents=True, mode=0o700)
    (told,) = (it for it in examine(load_settings()) if it.warning or not it.good)
    assert (told.name, told.good, "cannot be read" in told.message) == ("sealing key", False, True)
