"""Objects are valid against the published schemas, harmless, and the same every time."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from tests.unit.domain.kubernetes import strategies
from tests.unit.domain.kubernetes.samples import (
    CONVENTIONS,
    DESCRIPTORS,
    Plain,
    a_context,
    objects_of,
)
from tests.unit.domain.kubernetes.schemas import NEWEST, OLDEST, check
from thinkube_catalog.domain.descriptor import Descriptor
from thinkube_catalog.domain.environment import ApplicationContext, Conventions
from thinkube_catalog.domain.kubernetes import ObjectsInvalidError, project_files, read_context

thorough = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])

KINDS = {
    *("ConfigMap", "CronJob", "Deployment", "HTTPRoute", "Ingress", "Job", "Kustomization"),
    *("LimitRange", "NetworkPolicy", "PersistentVolumeClaim", "PodDisruptionBudget"),
    *("ResourceQuota", "Service", "ServiceAccount", "ServiceMonitor"),
}


def _made(descriptor: Descriptor, context: ApplicationContext) -> list[Plain]:
    """The objects, or none where the descriptor is refused."""
    try:
        return objects_of(descriptor, context)
    except ObjectsInvalidError:
        return []


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("conventions", CONVENTIONS)
@pytest.mark.parametrize("name", DESCRIPTORS)
def test_every_object_fits_its_published_schema(name: str, conventions: str, version: str) -> None:
    context = a_context(conventions=CONVENTIONS[conventions], secrets=("HF_TOKEN",))
    for made in objects_of(DESCRIPTORS[name], context):
        check(made, version)


@thorough
@given(descriptor=strategies.descriptors(), context=strategies.contexts)
def test_whatever_is_declared_the_objects_fit_their_schemas_and_do_no_harm(
    descriptor: Descriptor, context: ApplicationContext
) -> None:
    for made in _made(descriptor, context):
        check(made)
        _harmless(made)


def _harmless(made: Plain) -> None:
    """The rules that hold for whatever a template says."""
    assert made["kind"] in KINDS  # none is cluster-wide, none grants rights, none holds a secret
    pod = _pod(made)
    assert "hostPath" not in str(made)
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        assert key not in pod
    for container in pod.get("containers", ()):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert "privileged" not in security
        assert container["image"].endswith(":unbuilt")
        assert "hostPort" not in str(container.get("ports"))
    if pod:
        assert pod["automountServiceAccountToken"] is False


def _pod(made: Plain) -> Plain:
    spec = made.get("spec", {})
    spec = spec.get("jobTemplate", {}).get("spec", spec)
    found = spec.get("template", {}).get("spec", {})
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_objects_stay_in_the_namespace_of_their_application(name: str) -> None:
    for made in objects_of(DESCRIPTORS[name]):
        if made["kind"] != "Kustomization":
            assert made["metadata"]["namespace"] == "legal-qa"


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_nothing_is_pulled_from_another_place_by_the_kustomization(name: str) -> None:
    files = project_files(DESCRIPTORS[name], a_context())
    listed = yaml.safe_load(files["k8s/kustomization.yaml"].content)["resources"]
    assert [f"k8s/{each}" for each in listed] == [
        path for path in files if path != "k8s/kustomization.yaml"
    ]


@thorough
@given(descriptor=strategies.descriptors(), context=strategies.contexts)
def test_the_files_say_everything_that_they_are_made_from(
    descriptor: Descriptor, context: ApplicationContext
) -> None:
    try:
        files = project_files(descriptor, context)
    except ObjectsInvalidError:
        return
    again = read_context(files, context.conventions)
    assert again == context
    assert project_files(descriptor, again) == files


@thorough
@given(descriptor=strategies.descriptors(), context=strategies.contexts)
def test_all_readers_of_yaml_read_the_same(
    descriptor: Descriptor, context: ApplicationContext
) -> None:
    try:
        files = project_files(descriptor, context)
    except ObjectsInvalidError:
        return
    for file in files.values():
        documents = list(yaml.safe_load_all(file.content))
        assert documents == list(yaml.load_all(file.content, Loader=yaml.CSafeLoader))
        for name, value in _environment(documents):
            assert isinstance(value, str), name


def _environment(documents: list[Plain]) -> list[tuple[str, object]]:
    return [
        (each["name"], each["value"])
        for made in documents
        for container in _pod(made).get("containers", ())
        for each in container.get("env", ())
        if "value" in each
    ]


@pytest.mark.parametrize("name", ["web app", "fine-tuning", "nightly", "knative"])
@pytest.mark.parametrize("secret", ["", "thinkube-image-pull"])
def test_every_pod_pulls_by_its_account_which_names_the_secret_there_is(
    name: str, secret: str
) -> None:
    context = a_context(conventions=Conventions(pull_secret=secret))
    made = objects_of(DESCRIPTORS[name], context)
    (account,) = [each for each in made if each["kind"] == "ServiceAccount"]
    assert account.get("imagePullSecrets", []) == ([{"name": secret}] if secret else [])
    pods = [pod for each in made if (pod := _pod(each))]
    assert pods
    assert {pod["serviceAccountName"] for pod in pods} == {account["metadata"]["name"]}
    assert not any("imagePullSecrets" in pod for pod in pods)
