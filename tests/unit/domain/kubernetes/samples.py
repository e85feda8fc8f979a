"""Descriptors and contexts to make objects from: valid by default, say only what matters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import yaml

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.descriptor import (
    Container,
    Descriptor,
    Dev,
    Gpu,
    Mount,
    Provision,
    Route,
    Variable,
    Workload,
)
from thinkube_catalog.domain.environment import ApplicationContext, Conventions
from thinkube_catalog.domain.kubernetes import project_files

Plain = dict[str, Any]

RELEASE = Release("https://git.example.org/templates/tkt-rag-agent.git", "v1.2.0", "a1" * 20)


def a_context(**changes: Any) -> ApplicationContext:
    values: Plain = {
        "name": "legal-qa",
        "title": "Legal questions",
        "template": "tkt-rag-agent",
        "release": RELEASE,
        "conventions": Conventions(domain_name="example.org"),
    }
    return ApplicationContext(**{**values, **changes})


def a_container(name: str = "api", **changes: Any) -> Container:
    values: Plain = {"port": 8000, "size": "medium", "health": "/health"}
    return Container(name, **{**values, **changes})


def a_descriptor(*containers: Container, **changes: Any) -> Descriptor:
    return Descriptor(containers=containers or (a_container(),), **changes)


AGENT = a_descriptor(
    a_container(ready="/ready", volume="/data", dev=Dev("uvicorn app:app --port $PORT")),
    provides=(Provision("llm", path="/v1"),),
    env=(Variable("CHUNK_SIZE", "800"),),
)

DESCRIPTORS = {
    "rag agent": AGENT,
    "web app": a_descriptor(
        a_container("backend", health="/api/health"),
        a_container("frontend", port=80, health="/", size="small"),
        routes=(Route("/api", "backend"), Route("/", "frontend"), Route("/lost", "nobody")),
    ),
    "model server": a_descriptor(
        a_container("server", size="xlarge", gpu=Gpu(2, 80)), provides=(Provision("llm"),)
    ),
    "fine-tuning": a_descriptor(
        a_container("train", port=None, health="", job=True, gpu=Gpu(1, 24), dev=Dev("train")),
        a_container("monitor", capabilities=("large-uploads",)),
    ),
    "nightly": a_descriptor(
        a_container("sweep", port=None, health="", schedule="0 3 * * *"),
        a_container("web", mounts=(Mount("index", "/index"), Mount("logs", "/logs"))),
        a_container("worker", port=None, mounts=(Mount("index", "/index"),)),
    ),
    "replicas": a_descriptor(a_container(volume="/data"), deployment=Workload(replicas=3)),
    "idle component": a_descriptor(
        deployment=Workload(type="component", name="legal-qa", replicas=0, gateway_managed=True)
    ),
    "knative": a_descriptor(
        a_container(dev=Dev("run")), deployment=Workload(type="knative", max_scale=7)
    ),
    "knative, published": a_descriptor(deployment=Workload(type="knative")),
    "documents": Descriptor(deployment=Workload(type="none")),
    "many routes": a_descriptor(routes=tuple(Route(f"/{n}", "api") for n in range(20))),
    "bare": a_descriptor(Container("api")),
}

CONVENTIONS = {
    "gateway": Conventions(domain_name="example.org"),
    "ingress": Conventions(
        domain_name="example.org",
        routing="ingress",
        ingress_class="nginx",
        service_monitors=True,
        storage_class="fast",
        pull_secret="app-pull-secret",
        priority_class="thinkube-workload",
        gpu_runtime_class="nvidia",
        platform_credentials=True,
        egress_cidrs=("192.168.7.0/24",),
    ),
}


def objects_of(descriptor: Descriptor, context: ApplicationContext | None = None) -> list[Plain]:
    return list(_objects(descriptor, context or a_context()))


def _objects(descriptor: Descriptor, context: ApplicationContext) -> Iterator[Plain]:
    for file in project_files(descriptor, context).values():
        yield from yaml.safe_load_all(file.content)


def one_of(kind: str, descriptor: Descriptor, context: ApplicationContext | None = None) -> Plain:
    (found,) = of_kind(kind, descriptor, context)
    return found


def of_kind(
    kind: str, descriptor: Descriptor, context: ApplicationContext | None = None
) -> list[Plain]:
    return [each for each in objects_of(descriptor, context) if each["kind"] == kind]


def pod_of(descriptor: Descriptor, context: ApplicationContext | None = None) -> Plain:
    """The pod specification of the first Deployment or Job."""
    made = objects_of(descriptor, context)
    first = next(each for each in made if each["kind"] in ("Deployment", "Job"))
    return cast("Plain", first["spec"]["template"]["spec"])


def container_of(descriptor: Descriptor, context: ApplicationContext | None = None) -> Plain:
    return cast("Plain", pod_of(descriptor, context)["containers"][0])
