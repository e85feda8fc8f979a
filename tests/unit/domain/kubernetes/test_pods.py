"""What a pod gets: devices, probes, confinement, volumes and environment."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.kubernetes.samples import (
    Plain,
    a_container,
    a_context,
    a_descriptor,
    container_of,
    objects_of,
    of_kind,
    one_of,
    pod_of,
)
from thinkube_catalog.domain.descriptor import SIZES, Container, Dev, Gpu, Mount, Variable, Workload
from thinkube_catalog.domain.environment import Conventions
from thinkube_catalog.domain.kubernetes import NAMESPACE_LABELS, start_budget
from thinkube_catalog.domain.kubernetes.pods import literal
from thinkube_catalog.domain.kubernetes.probes import weights_gib

STRICT = a_container(dev=Dev("run"))


def _gpu_memory(pod: Plain) -> str:
    affinity = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    (expression,) = affinity["nodeSelectorTerms"][0]["matchExpressions"]
    assert (expression["key"], expression["operator"]) == ("nvidia.com/gpu.memory", "Gt")
    (value,) = expression["values"]
    assert isinstance(value, str)
    return value


@pytest.mark.parametrize("size", ["", "small", "xlarge"])
@pytest.mark.parametrize("gpu", [Gpu(2), Gpu(2, 24)])
def test_the_gpus_asked_for_are_requested_whatever_else_is_stated(size: str, gpu: Gpu) -> None:
    resources = container_of(a_descriptor(a_container(size=size, gpu=gpu)))["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == "2"
    assert resources["requests"]["nvidia.com/gpu"] == "2"


def test_a_gpu_with_exactly_the_memory_asked_for_is_enough_and_a_smaller_one_is_not() -> None:
    pod = pod_of(a_descriptor(a_container(gpu=Gpu(1, 24))))
    assert int(_gpu_memory(pod)) == 24 * 1024 - 1


def test_an_installation_can_take_cards_that_report_a_little_less_than_they_are_sold_with() -> None:
    context = a_context(conventions=Conventions(gpu_memory_slack=1))
    pod = pod_of(a_descriptor(a_container(gpu=Gpu(1, 80))), context)
    sold_as_80_gb = 81559  # MiB, as the driver reports it
    assert sold_as_80_gb > int(_gpu_memory(pod))


def test_a_gpu_pod_may_stand_on_gpu_nodes_and_has_room_for_tensors() -> None:
    pod = pod_of(a_descriptor(a_container(size="xlarge", gpu=Gpu(1))))
    assert pod["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]
    assert {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}} in pod["volumes"]
    assert {"name": "shm", "mountPath": "/dev/shm"} in pod["containers"][0]["volumeMounts"]


def test_a_gpu_container_without_a_size_is_not_ended_by_the_namespace_default() -> None:
    limits = container_of(a_descriptor(a_container(size="", gpu=Gpu(1))))["resources"]["limits"]
    assert limits["memory"] == "16Gi"


def test_a_container_without_a_gpu_has_none_of_that() -> None:
    pod = pod_of(a_descriptor(a_container()))
    assert "affinity" not in pod
    assert "tolerations" not in pod


@pytest.mark.parametrize(
    ("size", "request_", "limit"),
    [
        ("small", {"memory": "128Mi", "cpu": "100m"}, {"memory": "256Mi", "cpu": "500m"}),
        ("medium", {"memory": "256Mi", "cpu": "250m"}, {"memory": "512Mi", "cpu": "1"}),
        ("large", {"memory": "512Mi", "cpu": "500m"}, {"memory": "1Gi", "cpu": "2"}),
        ("xlarge", {"memory": "4Gi", "cpu": "1"}, {"memory": "16Gi", "cpu": "4"}),
        ("vast", {"memory": "128Mi", "cpu": "100m"}, {"memory": "256Mi", "cpu": "500m"}),
        ("", {"memory": "64Mi", "cpu": "25m"}, {"memory": "256Mi", "cpu": "250m"}),
    ],
)
def test_sizes_mean_what_they_mean_in_thinkube(size: str, request_: Plain, limit: Plain) -> None:
    resources = container_of(a_descriptor(a_container(size=size)))["resources"]
    assert resources == {"requests": request_, "limits": limit}


def test_every_word_for_a_size_means_something() -> None:
    for word in SIZES:
        limits = container_of(a_descriptor(a_container(size=word)))["resources"]["limits"]
        unknown = container_of(a_descriptor(a_container(size="vast")))["resources"]["limits"]
        assert limits != unknown or word == "small"


def test_the_quota_is_never_smaller_than_what_the_containers_need() -> None:
    big = [a_container(f"c{n}", size="xlarge") for n in range(3)]
    hard = one_of("ResourceQuota", a_descriptor(*big))["spec"]["hard"]
    assert hard["limits.memory"] == "96Gi"  # three of 16 GiB, and once more while rolling out
    usual = one_of("ResourceQuota", a_descriptor())["spec"]["hard"]
    assert usual == {
        "requests.memory": "8Gi",
        "requests.cpu": "4",
        "limits.memory": "16Gi",
        "limits.cpu": "8",
    }


def test_readiness_and_liveness_ask_different_questions() -> None:
    made = container_of(a_descriptor(a_container(ready="/ready")))
    assert made["livenessProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert made["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert made["startupProbe"]["httpGet"] == {"path": "/ready", "port": "http"}


def test_a_container_with_only_a_port_is_ready_when_it_takes_connections() -> None:
    made = container_of(a_descriptor(a_container(health="")))
    assert made["readinessProbe"]["tcpSocket"] == {"port": "http"}
    assert "livenessProbe" not in made


def test_a_container_without_health_path_and_port_is_not_asked() -> None:
    made = container_of(a_descriptor(Container("worker")))
    assert not [key for key in made if key.endswith("Probe")]


def test_a_health_path_without_a_port_is_asked_where_thinkube_asks() -> None:
    made = container_of(a_descriptor(a_container(port=None)))
    assert made["livenessProbe"]["httpGet"]["port"] == 8080


@pytest.mark.parametrize(
    ("name", "gib"),
    [
        ("Qwen/Qwen3-8B", 14.9),
        ("org/Model-0.5b-instruct", 0.93),
        ("org/Model-70B-Instruct-FP8", 69.3),
        ("org/Model-32B-AWQ", 16.8),
        ("openai/gpt-oss-20b", 10.5),
        ("org/Mixtral-8x7B", 104.3),
        ("org/Qwen3-30B-A3B", 55.9),
        ("sentence/all-small-22M", 0.041),
        ("org/phi-4", 0.0),
        ("", 0.0),
    ],
)
def test_the_weight_of_a_model_is_read_out_of_its_name(name: str, gib: float) -> None:
    assert weights_gib(name) == pytest.approx(gib, rel=0.02)


def test_a_larger_model_gets_more_time_to_start() -> None:
    server = a_container(gpu=Gpu(1, 80))
    small = start_budget(server, {"model_id": "Qwen/Qwen3-0.6B"})
    large = start_budget(server, {"model_id": "meta/Llama-70B"})
    assert 600 < small < 700
    assert large > 3600
    assert start_budget(server, {}) == 600 + 80 * 25  # as much as fits the GPU
    assert start_budget(a_container(), {"model_id": "meta/Llama-70B"}) == 300


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=5))
def test_no_parameter_makes_the_start_endless(parameters: dict[str, object]) -> None:
    budget = start_budget(a_container(gpu=Gpu(1)), {**parameters, "model": "x-999999999999B"})
    assert 600 <= budget <= 4 * 3600


def test_the_cluster_waits_for_at_least_the_whole_start_budget() -> None:
    made = one_of("Deployment", a_descriptor(a_container(gpu=Gpu(4, 80))))["spec"]
    probe = made["template"]["spec"]["containers"][0]["startupProbe"]
    budget = probe["periodSeconds"] * probe["failureThreshold"]
    assert made["progressDeadlineSeconds"] > budget >= 600 + 4 * 80 * 25


def test_a_container_of_ours_is_confined_as_far_as_kubernetes_can() -> None:
    pod = pod_of(a_descriptor(STRICT))
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"name": "tmp", "mountPath": "/tmp"} in pod["containers"][0]["volumeMounts"]
    assert {"name": "HOME", "value": "/tmp"} in pod["containers"][0]["env"]


def test_a_published_container_may_start_as_root_and_still_cannot_gain_rights() -> None:
    pod = pod_of(a_descriptor(a_container()))
    assert "runAsNonRoot" not in pod["securityContext"]
    security = pod["containers"][0]["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"]["drop"] == ["ALL"]
    assert "readOnlyRootFilesystem" not in security


@pytest.mark.parametrize(
    ("container", "unprivileged"),
    [
        (a_container(), False),
        (STRICT, True),
        (a_container(security="strict"), True),
        (a_container(dev=Dev("run"), security="baseline"), False),
    ],
)
def test_a_container_can_say_how_far_it_is_confined(
    container: Container, unprivileged: bool
) -> None:
    pod = one_of("Deployment", a_descriptor(container))["spec"]["template"]["spec"]
    assert ("runAsNonRoot" in pod["securityContext"]) is unprivileged
    assert NAMESPACE_LABELS["pod-security.kubernetes.io/enforce"] == "baseline"  # lets both in


def test_two_versions_never_write_to_one_volume_or_wait_for_one_gpu() -> None:
    def strategy(container: Container, **changes: object) -> str:
        made = one_of("Deployment", a_descriptor(container, **changes))
        word = made["spec"]["strategy"]["type"]
        assert isinstance(word, str)
        return word

    assert strategy(a_container(volume="/data")) == "Recreate"
    assert strategy(a_container(mounts=(Mount("index", "/index"),))) == "Recreate"
    assert strategy(a_container(gpu=Gpu(1))) == "Recreate"
    assert strategy(a_container()) == "RollingUpdate"
    assert strategy(a_container(volume="/data"), deployment=Workload(replicas=2)) == "RollingUpdate"


def test_a_claim_is_shared_when_several_pods_need_it_and_outlives_the_application() -> None:
    descriptor = a_descriptor(
        a_container("a", mounts=(Mount("index", "/a"), Mount("own", "/own"))),
        a_container("b", mounts=(Mount("index", "/b"),)),
    )
    made = {each["metadata"]["name"]: each for each in of_kind("PersistentVolumeClaim", descriptor)}
    assert made["legal-qa-index"]["spec"]["accessModes"] == ["ReadWriteMany"]
    assert made["legal-qa-own"]["spec"]["accessModes"] == ["ReadWriteOnce"]
    for claim in made.values():
        options = claim["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]
        assert options == "Prune=false,Delete=false"


def test_gpu_containers_keep_their_models_unless_they_have_a_volume_of_their_own() -> None:
    kept = one_of("PersistentVolumeClaim", a_descriptor(a_container(gpu=Gpu(1))))
    assert kept["metadata"]["name"] == "legal-qa-api-models"
    assert kept["spec"]["resources"]["requests"]["storage"] == "100Gi"
    own = one_of("PersistentVolumeClaim", a_descriptor(a_container(gpu=Gpu(1), volume="/x")))
    assert own["metadata"]["name"] == "legal-qa-api-storage"


def test_a_job_runs_to_its_end_and_is_not_probed() -> None:
    descriptor = a_descriptor(a_container(job=True))
    job = one_of("Job", descriptor)
    made = container_of(descriptor)
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert not [key for key in made if key.endswith("Probe")]
    kinds = {each["kind"] for each in objects_of(descriptor)}
    assert not kinds & {"Deployment", "Service", "HTTPRoute"}


def test_a_schedule_becomes_a_cron_job_that_never_overlaps() -> None:
    spec = one_of("CronJob", a_descriptor(a_container(schedule="0 3 * * *")))["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("0 3 * * *", "Etc/UTC")
    assert spec["concurrencyPolicy"] == "Forbid"


def test_several_replicas_are_spread_and_drained_one_at_a_time() -> None:
    descriptor = a_descriptor(deployment=Workload(replicas=3))
    assert one_of("PodDisruptionBudget", descriptor)["spec"]["maxUnavailable"] == 1
    (spread,) = pod_of(descriptor)["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert of_kind("PodDisruptionBudget", a_descriptor()) == []


def test_a_secret_reaches_a_container_by_reference() -> None:
    env = container_of(a_descriptor(), a_context(secrets=("HF_TOKEN",)))["env"]
    assert {
        "name": "HF_TOKEN",
        "valueFrom": {"secretKeyRef": {"name": "legal-qa-secrets", "key": "HF_TOKEN"}},
    } in env


def test_a_container_can_refer_to_a_config_map() -> None:
    variable = Variable("MODE", config_map="modes", key="mode")
    env = container_of(a_descriptor(a_container(environment=(variable,))))["env"]
    assert env[-1] == {
        "name": "MODE",
        "valueFrom": {"configMapKeyRef": {"name": "modes", "key": "mode"}},
    }


def _as_kubernetes_reads(text: str) -> str:
    """Replace as the kubelet does: `$$` is one sign, `$(NAME)` a variable, the rest stays."""
    return re.sub(
        r"\$\$|\$\(([^)]*)\)",
        lambda found: "$" if found[0] == "$$" else f"<{found[1]}>",
        text,
    )


@given(st.text(alphabet="$()aB_ ", max_size=12))
def test_a_literal_value_is_never_taken_for_a_reference(text: str) -> None:
    assert _as_kubernetes_reads(literal(text)) == text


def test_a_reference_that_is_meant_is_left_alone() -> None:
    bindings = (
        Variable("DATABASE_URL", "postgresql://u:$(POSTGRES_PASSWORD)@h/d", references=True),
    )
    env = container_of(a_descriptor(), a_context(bindings=bindings, secrets=("POSTGRES_PASSWORD",)))
    names = [each["name"] for each in env["env"]]
    assert names.index("POSTGRES_PASSWORD") < names.index("DATABASE_URL")
    (url,) = (each["value"] for each in env["env"] if each["name"] == "DATABASE_URL")
    assert url == "postgresql://u:$(POSTGRES_PASSWORD)@h/d"
