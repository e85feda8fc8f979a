"""Who reaches a container, by which route, and what it may reach."""

from __future__ import annotations

from typing import cast

from tests.unit.domain.kubernetes.samples import (
    Plain,
    a_container,
    a_context,
    a_descriptor,
    of_kind,
    one_of,
)
from thinkube_catalog.domain.descriptor import Provision, Route, Variable, Workload
from thinkube_catalog.domain.environment import Conventions

TWO = (a_container("backend"), a_container("frontend", port=80))


def test_services_carry_the_containers_own_names() -> None:
    made = of_kind("Service", a_descriptor(*TWO))
    assert [each["metadata"]["name"] for each in made] == ["backend", "frontend"]
    assert made[0]["spec"]["ports"][0]["port"] == 8000


def test_routes_keep_the_order_of_the_file_and_leave_out_what_leads_nowhere() -> None:
    routes = (Route("/api", "backend"), Route("/x", "nobody"), Route("/", "frontend"))
    rules = one_of("HTTPRoute", a_descriptor(*TWO, routes=routes))["spec"]["rules"]
    assert [
        (each["matches"][0]["path"]["value"], each["backendRefs"][0]["name"]) for each in rules
    ] == [("/api", "backend"), ("/", "frontend")]


def test_without_routes_everything_goes_to_the_first_container_with_a_port() -> None:
    descriptor = a_descriptor(a_container("worker", port=None), *TWO)
    (rule,) = one_of("HTTPRoute", descriptor)["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "backend", "port": 8000}]


def test_more_routes_than_one_object_takes_are_spread_over_several() -> None:
    descriptor = a_descriptor(routes=tuple(Route(f"/{n}", "api") for n in range(20)))
    made = of_kind("HTTPRoute", descriptor)
    assert [len(each["spec"]["rules"]) for each in made] == [16, 4]
    assert [each["metadata"]["name"] for each in made] == ["legal-qa", "legal-qa-2"]


def test_the_route_hangs_on_the_gateway_of_the_installation() -> None:
    spec = one_of("HTTPRoute", a_descriptor())["spec"]
    assert spec["hostnames"] == ["legal-qa.example.org"]
    assert spec["parentRefs"] == [
        {"name": "thinkube-gateway", "namespace": "gateway-system", "sectionName": "https"}
    ]


def test_large_uploads_are_not_ended_by_the_gateway() -> None:
    descriptor = a_descriptor(
        a_container("files", capabilities=("large-uploads",)),
        a_container("web"),
        routes=(Route("/files", "files"), Route("/", "web")),
    )
    rules = one_of("HTTPRoute", descriptor)["spec"]["rules"]
    assert [each["timeouts"]["request"] for each in rules] == ["0s", "600s"]


def test_large_uploads_are_not_refused_by_an_ingress() -> None:
    context = a_context(conventions=Conventions(routing="ingress"))
    uploads = a_descriptor(a_container(capabilities=("large-uploads",)))
    made = one_of("Ingress", uploads, context)["metadata"]["annotations"]
    assert made["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"
    usual = one_of("Ingress", a_descriptor(), context)["metadata"]["annotations"]
    assert "nginx.ingress.kubernetes.io/proxy-body-size" not in usual


def test_metrics_are_read_where_the_installation_has_something_that_reads_them() -> None:
    assert of_kind("ServiceMonitor", a_descriptor()) == []
    context = a_context(conventions=Conventions(service_monitors=True))
    (endpoint,) = one_of("ServiceMonitor", a_descriptor(), context)["spec"]["endpoints"]
    assert endpoint == {"port": "http", "path": "/metrics", "interval": "30s"}


def _policy(context_changes: Plain | None = None, **changes: object) -> Plain:
    context = a_context(**(context_changes or {}))
    made = of_kind("NetworkPolicy", a_descriptor(**changes), context)[0]["spec"]
    return cast("Plain", made)


def _namespaces(peers: list[Plain]) -> list[str]:
    return [
        each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for each in peers
        if "namespaceSelector" in each
    ]


def test_only_the_gateway_and_the_application_itself_call_it() -> None:
    (rule,) = _policy()["ingress"]
    assert _namespaces(rule["from"]) == ["gateway-system"]
    assert {"podSelector": {}} in rule["from"]


def test_what_is_provided_can_be_called_from_other_applications_and_nothing_else() -> None:
    descriptor = a_descriptor(*TWO, provides=(Provision("llm", "backend", "/v1"),))
    _, offered = of_kind("NetworkPolicy", descriptor)
    assert offered["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "backend"
    (rule,) = offered["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": "http"}]


def test_a_provision_without_a_container_means_the_first_with_a_port() -> None:
    descriptor = a_descriptor(a_container("w", port=None), *TWO, provides=(Provision("llm"),))
    _, offered = of_kind("NetworkPolicy", descriptor)
    assert offered["metadata"]["name"] == "legal-qa-backend"


def test_applications_reach_no_pod_of_argo_cd_and_no_metadata_service() -> None:
    peers = [peer for rule in _policy()["egress"] for peer in rule.get("to", [])]
    (others,) = (
        each["namespaceSelector"]["matchExpressions"][0]
        for each in peers
        if "matchExpressions" in each.get("namespaceSelector", {})
    )
    assert others["operator"] == "NotIn"
    assert "argocd" in others["values"]
    (internet,) = (
        each["ipBlock"] for each in peers if each.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    )
    assert {"169.254.0.0/16", "10.0.0.0/8", "192.168.0.0/16"} <= set(internet["except"])


def test_every_way_out_says_where_to() -> None:
    for rule in _policy()["egress"]:
        assert rule["to"]


def test_a_provider_at_a_private_address_is_reached_at_its_port_alone() -> None:
    bindings = (
        Variable("LLM_URL", "http://10.1.2.3:4000/v1"),
        Variable("METADATA", "http://169.254.169.254/latest"),
        Variable("NAMED", "https://models.example.org/v1"),
        Variable("ODD", "http://[::1"),
    )
    rules = _policy({"bindings": bindings})["egress"][2:]
    assert rules == [
        {
            "to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}],
            "ports": [{"protocol": "TCP", "port": 4000}],
        }
    ]


def test_an_installation_can_do_without_network_policies() -> None:
    context = a_context(conventions=Conventions(network_policies=False))
    assert of_kind("NetworkPolicy", a_descriptor(), context) == []


def test_knative_has_one_service_scaled_by_its_requests() -> None:
    workload = Workload(
        type="knative", min_scale=1, max_scale=9, container_concurrency=4, timeout_seconds=60
    )
    (made,) = of_kind("Service", a_descriptor(deployment=workload))
    template = made["spec"]["template"]
    assert made["apiVersion"] == "serving.knative.dev/v1"
    assert template["metadata"]["annotations"] == {
        "autoscaling.knative.dev/min-scale": "1",
        "autoscaling.knative.dev/max-scale": "9",
    }
    assert template["spec"]["containerConcurrency"] == 4
    assert template["spec"]["timeoutSeconds"] == 60
    assert of_kind("HTTPRoute", a_descriptor(deployment=workload)) == []


def test_knative_gets_no_variable_that_it_sets_itself() -> None:
    own = a_container(environment=(Variable("PORT", "1"), Variable("MINE", "2")))
    descriptor = a_descriptor(own, deployment=Workload(type="knative"))
    (made,) = of_kind("Service", descriptor)
    names = {each["name"] for each in made["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert "PORT" not in names
    assert "MINE" in names
