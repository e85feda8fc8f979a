"""Making the Kubernetes objects of an application with three containers."""

from __future__ import annotations

from collections.abc import Callable
from timeit import repeat

import yaml
from jinja2 import Environment

from bench.rows import Row
from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.descriptor import Container, Descriptor, Dev, Gpu, Route, Variable
from thinkube_catalog.domain.environment import ApplicationContext, Conventions
from thinkube_catalog.domain.kubernetes import project_files

_ROUNDS = 20

DESCRIPTOR = Descriptor(
    containers=(
        Container("api", port=8000, size="medium", health="/health", ready="/ready", dev=Dev("x")),
        Container("web", port=80, size="small", health="/"),
        Container("model", port=8001, size="xlarge", health="/health", gpu=Gpu(1, 24)),
    ),
    routes=(Route("/api", "api"), Route("/", "web")),
    env=(Variable("CHUNK_SIZE", "800"),),
)
CONTEXT = ApplicationContext(
    name="legal-qa",
    title="Legal questions",
    template="tkt-rag-agent",
    release=Release("https://git.example.org/templates/tkt-rag-agent.git", "v1.2.0", "a1" * 20),
    parameters={"model_id": "Qwen/Qwen3-8B"},
    secrets=("HF_TOKEN",),
    conventions=Conventions(domain_name="example.org"),
)

TEXT = """\
{%- for each in containers %}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ name }}-{{ each.name }}
  labels: {app.kubernetes.io/name: {{ name }}, app.kubernetes.io/component: {{ each.name }}}
spec:
  replicas: 1
  selector:
    matchLabels: {app.kubernetes.io/name: {{ name }}, app.kubernetes.io/component: {{ each.name }}}
  template:
    metadata:
      labels: {app.kubernetes.io/name: {{ name }}, app.kubernetes.io/component: {{ each.name }}}
    spec:
      containers:
        - name: {{ each.name }}
          image: {{ registry }}/{{ name }}-{{ each.name }}:{{ tag }}
          ports: [{containerPort: {{ each.port }}}]
          env:
            {%- for key, value in env.items() %}
            - {name: {{ key }}, value: {{ value | tojson }}}
            {%- endfor %}
          {%- if each.gpu %}
          resources: {limits: {nvidia.com/gpu: {{ each.gpu.count }}}}
          {%- endif %}
          readinessProbe: {httpGet: {path: {{ each.health }}, port: {{ each.port }}}}
          livenessProbe: {httpGet: {path: {{ each.health }}, port: {{ each.port }}}}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ each.name }}
spec:
  selector: {app.kubernetes.io/name: {{ name }}, app.kubernetes.io/component: {{ each.name }}}
  ports: [{port: {{ each.port }}}]
---
{%- endfor %}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ name }}
spec:
  hostnames: [{{ name }}.{{ domain }}]
  rules:
    {%- for route in routes %}
    - matches: [{path: {type: PathPrefix, value: {{ route.path }}}}]
      backendRefs: [{name: {{ route.to }}, port: 80}]
    {%- endfor %}
"""


def measure() -> list[Row]:
    """Measure against text by Jinja, and against the same objects as plain dictionaries."""
    ours = _seconds(lambda: project_files(DESCRIPTOR, CONTEXT))
    documents = _documents()
    return [
        Row(
            "Kubernetes objects, three containers",
            ours,
            _seconds(_by_jinja),
            "a hand-written Jinja text, compiled, rendered and parsed once to see that it is YAML",
            "the text has a third of the objects: no policies, claims, limits, security, metadata",
        ),
        Row(
            "Kubernetes objects, three containers (writing alone)",
            ours,
            _seconds(lambda: yaml.safe_dump_all(documents, sort_keys=False)),
            "yaml.safe_dump_all of the same objects as ready dictionaries",
        ),
    ]


def _by_jinja() -> object:
    template = Environment(autoescape=False).from_string(TEXT)  # noqa: S701 (YAML, no HTML)
    text = template.render(
        name=CONTEXT.name,
        registry=CONTEXT.conventions.container_registry,
        domain=CONTEXT.conventions.domain_name,
        tag="v1",
        containers=DESCRIPTOR.containers,
        routes=DESCRIPTOR.routes,
        env={"CHUNK_SIZE": "800", "APP_NAME": "legal-qa", "MODEL_ID": "Qwen/Qwen3-8B"},
    )
    return list(yaml.safe_load_all(text))


def _documents() -> list[object]:
    files = project_files(DESCRIPTOR, CONTEXT)
    return [each for file in files.values() for each in yaml.safe_load_all(file.content)]


def _seconds(task: Callable[[], object]) -> float:
    """Return the best of five rounds, per run."""
    task()
    return min(repeat(task, number=_ROUNDS, repeat=5)) / _ROUNDS
