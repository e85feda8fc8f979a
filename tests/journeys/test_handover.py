"""What `tkt bootstrap --manifests` writes is what `tkt bootstrap` makes."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped] # it has no types
import pytest
import yaml

from tests.administered.installation import Outside, outside
from thinkube_catalog.adapters.kubernetes.administration import differences, path_of
from thinkube_catalog.domain.errors import CatalogError
from thinkube_catalog.wiring.handover import write_handover

SECRET_FILES = {"credentials.yaml", "webhook-secret.patch.yaml"}


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    with outside(tmp_path, monkeypatch) as made:
        yield made


def written(there: Outside) -> dict[str, str]:
    paths = write_handover(there.wishes(), there.folder / "hand-over")
    return {path.name: path.read_text() for path in paths}


def objects(text: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(text) if each]


def test_nobody_is_asked_and_nothing_is_touched(there: Outside) -> None:
    before = there.state()
    files = {"README.md", "project.yaml", "service.yaml", "cluster-right.patch.yaml"}
    assert set(written(there)) == files | SECRET_FILES
    assert there.state() == before
    assert there.gitea.requests + there.argocd.requests + there.cluster.requests == []
    assert list(there.kept()) == ["ARGOCD_WEBHOOK_SECRET"]


def test_only_this_user_reads_files_that_may_hold_secrets(there: Outside) -> None:
    files = written(there)
    folder = there.folder / "hand-over"
    modes = {name: stat.S_IMODE((folder / name).stat().st_mode) for name in files}
    assert {name for name, mode in modes.items() if mode == 0o600} == SECRET_FILES
    secret = there.kept()["ARGOCD_WEBHOOK_SECRET"]
    assert {name for name, text in files.items() if secret in text} == {"webhook-secret.patch.yaml"}
    assert "REPLACE-WITH-THINKUBE_GITEA_READ_TOKEN" in files["credentials.yaml"]


def test_the_same_is_made_as_by_bootstrap(there: Outside) -> None:
    there.bootstrap()
    files = written(there)
    (project,) = objects(files["project.yaml"])
    assert differences(there.argocd.projects["thinkube"], _without_empty(project)) == []
    for each in objects(files["service.yaml"]):
        metadata = each["metadata"]
        path = path_of(each["kind"], metadata.get("namespace", ""), metadata["name"])
        assert differences(there.cluster.objects[path], each) == []
    (right,) = objects(files["cluster-right.patch.yaml"])
    rights = there.cluster.objects[path_of("ConfigMap", "argocd", "argocd-rbac-cm")]
    assert differences(rights, right) == []
    (credentials,) = objects(files["credentials.yaml"])
    url = credentials["stringData"]["url"]
    made = there.argocd.credentials[url]
    assert {key: made[key] for key in ("url", "username", "password", "type")} == (
        credentials["stringData"]
    )


def test_the_policy_holds_the_account_to_this_installation_s_prefix(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THINKUBE_NAMESPACE_PREFIX", "apps-")
    made = objects(written(there)["service.yaml"])
    (policy,) = (each for each in made if each["kind"] == "ValidatingAdmissionPolicy")
    variables = {each["name"]: each["expression"] for each in policy["spec"]["variables"]}
    assert variables["prefix"] == '"apps-"'


def _without_empty(project: dict[str, Any]) -> dict[str, Any]:
    spec = {key: value for key, value in project["spec"].items() if value != []}
    return {"metadata": project["metadata"], "spec": spec}


def test_objects_of_kubernetes_are_valid(there: Outside) -> None:
    files = written(there)
    for name in ("service.yaml", "credentials.yaml"):
        for each in objects(files[name]):
            kubernetes_validate.validate(each, "1.32", strict=True)


def test_the_project_is_as_argo_cd_wants_it(there: Outside) -> None:
    (project,) = objects(written(there)["project.yaml"])
    assert (project["apiVersion"], project["kind"]) == ("argoproj.io/v1alpha1", "AppProject")
    assert project["metadata"]["namespace"] == "argocd"
    role = project["spec"]["roles"][0]
    for line in role["policies"]:
        fields = [part.strip() for part in line.split(",")]
        assert (len(fields), fields[:2]) == (6, ["p", f"proj:thinkube:{role['name']}"])
        assert fields[2] in {"applications", "logs", "repositories"}
        assert re.fullmatch(r"(get|create|update|delete|sync)|(action|update|delete)/.*", fields[3])
        assert fields[4] == "thinkube/*"


def test_commands_of_the_page_are_calls_that_bootstrap_makes(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    for what in ("build", "pull"):
        monkeypatch.setenv(f"THINKUBE_{what.upper()}_USER", f"{what}er")
    page = written(there)["README.md"]
    calls = re.findall(r"-X (\w+) (\S+) -H 'Content-Type: application/json' -d '(.*)'", page)
    told = {f"{method} {url.removeprefix(there.gitea.url)}" for method, url, _ in calls}
    words = [json.loads(body).get("password") for _, _, body in calls]
    assert set(words) == {None, "REPLACE-WITH-A-LONG-RANDOM-WORD"}
    assert {f"POST /api/v1/users/{what}er/tokens" for what in ("build", "pull")} <= told
    assert '{"name": "pulls", "scopes": ["read:package"]}' in page
    there.bootstrap()
    made = {re.sub(r"/teams/\d+/", "/teams/TEAM-ID/", each) for each in there.gitea.requests}
    assert told <= made


def test_a_folder_that_cannot_be_written_is_told(there: Outside) -> None:
    (there.folder / "file").write_text("")
    with pytest.raises(CatalogError, match="--manifests"):
        write_handover(there.wishes(), there.folder / "file" / "folder")


def test_a_second_time_the_files_are_replaced(there: Outside) -> None:
    first = written(there)
    assert written(there) == first


def test_for_a_gitea_alone_there_is_but_a_page(
    there: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THINKUBE_ARGOCD_URL")
    files = written(there)
    assert set(files) == {"README.md"}
    assert "kubectl" not in files["README.md"]
