"""The manifests of the service fit their schemas, each other, and what the service is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import jsonschema  # type: ignore[import-untyped] # ships no types
import pytest
import yaml

from tests.deploy.manifests import (
    ARGOCD,
    BASE,
    OVERLAY,
    Plain,
    base,
    container,
    documents,
    identity,
    overlaid,
    pod,
    the,
)
from tests.unit.domain.kubernetes.schemas import NEWEST, OLDEST, check
from thinkube_catalog.adapters.kubernetes.namespaces import OURS
from thinkube_catalog.domain.descriptor import Container
from thinkube_catalog.domain.kubernetes.security import (
    STRICT,
    container_security,
    pod_security,
)
from thinkube_catalog.domain.kubernetes.writing import plain
from thinkube_catalog.wiring.service import DRAIN_SECONDS

CLUSTER_WIDE = {
    *("Namespace", "ClusterRole", "ClusterRoleBinding"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
}
TEXT = {"type": "string", "minLength": 1}
APPLICATION = {
    "type": "object",
    "required": ["project", "source", "destination", "syncPolicy"],
    "additionalProperties": False,
    "properties": {
        "project": TEXT,
        "source": {
            "required": ["repoURL", "targetRevision", "path"],
            "additionalProperties": False,
            "properties": {"repoURL": TEXT, "targetRevision": TEXT, "path": TEXT},
        },
        "destination": {
            "required": ["server", "namespace"],
            "additionalProperties": False,
            "properties": {"server": TEXT, "namespace": TEXT},
        },
        "syncPolicy": {
            "additionalProperties": False,
            "properties": {
                "automated": {
                    "additionalProperties": False,
                    "properties": {"prune": {"const": True}, "selfHeal": {"const": True}},
                },
                "syncOptions": {"items": {"enum": ["ServerSideApply=true", "PruneLast=true"]}},
            },
        },
    },
}


def read(path: Path) -> Plain:
    (only,) = documents(path)
    return only


@pytest.mark.parametrize("folder", [BASE, OVERLAY], ids=lambda it: it.name)
def test_the_kustomization_lists_exactly_the_files_beside_it(folder: Path) -> None:
    kustomization = read(folder / "kustomization.yaml")
    listed = [*kustomization["resources"], *(it["path"] for it in kustomization.get("patches", ()))]
    here = [each for each in listed if not each.startswith("../")]
    assert sorted(here) == sorted(
        path.name for path in folder.glob("*.yaml") if path.name != "kustomization.yaml"
    )
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("made", [*base(), *overlaid()], ids=lambda it: "-".join(identity(it)))
def test_every_object_fits_its_published_schema(made: Plain, version: str) -> None:
    check(made, version)


def test_no_two_objects_are_the_same() -> None:
    names = [identity(each) for each in base()]
    assert len(set(names)) == len(names)


@pytest.mark.live
def test_kustomize_makes_the_same_of_the_overlay() -> None:
    command = ["kubectl", "kustomize", str(OVERLAY)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    built = {identity(each): each for each in yaml.safe_load_all(done.stdout)}
    assert built == {identity(each): each for each in overlaid()}


# What no manifest may say, whoever changes it


@pytest.mark.parametrize("made", overlaid(), ids=lambda it: "-".join(identity(it)))
def test_no_object_reaches_out_of_its_place(made: Plain) -> None:
    kind, namespace, _ = identity(made)
    assert kind not in {"Secret", "Application", "AppProject"}
    assert namespace == ("" if kind in CLUSTER_WIDE else "thinkube-catalog")
    text = yaml.safe_dump(made)
    for word in ("hostPath", "hostPort", "hostNetwork", "hostPID", "hostIPC", "privileged"):
        assert word not in text
    assert ":latest" not in text
    # The mark of applications' namespaces on anything here would give it into the service's hands.
    labels = made["metadata"].get("labels", {})
    assert not OURS.keys() & labels.keys()


def test_no_right_is_a_wildcard_or_a_way_to_more_rights() -> None:
    for role in (each for each in base() if "rules" in each):
        for rule in role["rules"]:
            for part in ("apiGroups", "resources", "verbs"):
                assert rule[part]
                assert not any("*" in each for each in rule[part])
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
            assert not {"roles", "clusterroles", "pods/exec", "serviceaccounts/token"} & set(
                rule["resources"]
            )


def test_rights_go_to_the_service_s_account_alone() -> None:
    for binding in (each for each in base() if each["kind"].endswith("RoleBinding")):
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "thinkube-catalog", "namespace": "thinkube-catalog"}
        ]


def test_what_runs_is_known_by_its_digest_and_the_base_alone_runs_nothing() -> None:
    assert container()["image"].endswith(":unbuilt")
    images = [it["image"] for made in overlaid() for it in pod(made).get("containers", ())]
    assert len(images) == 1
    assert re.fullmatch(r"[^@:]+@sha256:[0-9a-f]{64}", images[0])


# What the service is


def test_the_service_is_confined_as_what_it_deploys() -> None:
    strict = Container(name="service", build=".", security=STRICT)
    assert pod(the("Deployment"))["securityContext"] == plain(pod_security(strict))
    confined = dict(container()["securityContext"])
    assert confined.pop("runAsNonRoot") is True
    assert confined == plain(container_security(strict))
    labels = the("Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_only_what_is_a_volume_can_be_written() -> None:
    volumes = pod(the("Deployment"))["volumes"]
    assert all(each.keys() == {"name", "emptyDir"} for each in volumes)
    mounts = {each["name"]: each["mountPath"] for each in container()["volumeMounts"]}
    assert mounts.keys() == {each["name"] for each in volumes}
    values = {each["name"]: each.get("value") for each in container()["env"]}
    assert values["THINKUBE_DATA_DIR"] == mounts["data"]
    assert values["HOME"] == mounts["tmp"] == "/tmp"


def test_no_variable_of_a_service_link_is_taken_for_a_setting() -> None:
    assert pod(the("Deployment"))["enableServiceLinks"] is False


def test_two_replicas_are_never_both_away() -> None:
    spec = the("Deployment")["spec"]
    assert spec["replicas"] >= 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert the("PodDisruptionBudget")["spec"]["minAvailable"] >= 1


def test_there_is_time_to_stop_in_order() -> None:
    grace = pod(the("Deployment"))["terminationGracePeriodSeconds"]
    before = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    ready = container()["readinessProbe"]
    assert before >= 1
    assert grace >= before + 2 * DRAIN_SECONDS + ready["periodSeconds"] * ready["failureThreshold"]


def test_names_and_ports_lead_to_each_other() -> None:
    (port,) = container()["ports"]
    values = {each["name"]: each.get("value") for each in container()["env"]}
    assert values["THINKUBE_PORT"] == str(port["containerPort"])
    (served,) = the("Service")["spec"]["ports"]
    assert served["targetPort"] == port["name"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container()[probe]["httpGet"]["port"] == port["name"]
    (rule,) = the("HTTPRoute")["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "thinkube-catalog", "port": served["port"]}]
    (endpoint,) = the("ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["port"] == served["name"]
    credentials = endpoint["authorization"]["credentials"]
    assert credentials in [
        {key: it for key, it in each["valueFrom"]["secretKeyRef"].items() if key != "optional"}
        for each in container()["env"]
        if "secretKeyRef" in each.get("valueFrom", {})
    ]


def test_selectors_find_the_service_s_pods() -> None:
    labels = the("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        the("Deployment")["spec"]["selector"]["matchLabels"],
        the("Service")["spec"]["selector"],
        the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        *(
            each["spec"]["podSelector"].get("matchLabels", {})
            for each in base()
            if each["kind"] == "NetworkPolicy"
        ),
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)
    wanted = the("ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= the("Service")["metadata"]["labels"].items()


def test_nothing_comes_in_or_goes_out_but_what_is_named() -> None:
    policies = [each["spec"] for each in base() if each["kind"] == "NetworkPolicy"]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies
    rules = [rule for it in policies for part in ("ingress", "egress") for rule in it.get(part, ())]
    assert len(rules) >= 6
    for rule in rules:
        assert rule["ports"]  # a rule without ports, or without peers, opens everything
        for peer in rule.get("from") or rule["to"]:
            block = peer.get("ipBlock", {}).get("cidr")
            assert block or peer["namespaceSelector"]["matchLabels"]
            assert block != "0.0.0.0/0"


def test_argo_cd_may_make_these_objects_and_no_others() -> None:
    project, application = documents(ARGOCD)
    jsonschema.validate(application["spec"], APPLICATION)
    spec = project["spec"]
    assert application["spec"]["project"] == project["metadata"]["name"] != "default"
    assert application["spec"]["source"]["repoURL"] in spec["sourceRepos"]
    assert spec["destinations"] == [application["spec"]["destination"]]
    assert "*" not in yaml.safe_dump(spec)
    allowed = {(each["group"], each["kind"]) for each in spec["clusterResourceWhitelist"]}
    assert allowed == {
        (each["apiVersion"].rpartition("/")[0], each["kind"])
        for each in base()
        if each["kind"] in CLUSTER_WIDE
    }
    path = BASE.parents[1] / application["spec"]["source"]["path"]
    assert (path / "kustomization.yaml").is_file()
