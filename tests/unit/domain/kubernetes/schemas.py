"""Every object held against a schema: Kubernetes' published ones, and ours for extensions.

The extensions' schemas are written from their projects' API references, for the parts that we
use, and refuse every other key.
"""

from __future__ import annotations

import copy
from typing import Any

import jsonschema  # type: ignore[import-untyped] # ships no types
import kubernetes_validate  # type: ignore[import-untyped] # ships no types

from tests.unit.domain.kubernetes.samples import Plain

OLDEST, NEWEST = "1.32", "1.37"


def _closed(required: str = "", **properties: Any) -> Plain:
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


def _list(items: Plain, least: int = 1, most: int = 1000) -> Plain:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


def _word(*allowed: str | bool) -> Plain:
    return {"enum": list(allowed)}


LABEL = {"type": "string", "pattern": r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
HOST = {"type": "string", "pattern": r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"}
PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = _closed("name", name=LABEL, namespace=LABEL, labels=TEXTS, annotations=TEXTS)


def _object(version: str, kind: str, spec: Plain) -> Plain:
    return _closed(
        "apiVersion kind metadata spec",
        apiVersion=_word(version),
        kind=_word(kind),
        metadata=METADATA,
        spec=spec,
    )


HTTP_ROUTE = _object(
    "gateway.networking.k8s.io/v1",
    "HTTPRoute",
    _closed(
        "parentRefs hostnames rules",
        parentRefs=_list(_closed("name", name=LABEL, namespace=LABEL, sectionName=HOST), most=32),
        hostnames=_list(HOST, most=16),
        rules=_list(
            _closed(
                "matches backendRefs",
                matches=_list(
                    _closed(
                        "path",
                        path=_closed(
                            "type value",
                            type=_word("PathPrefix", "Exact"),
                            value={"type": "string", "pattern": "^/", "maxLength": 1024},
                        ),
                    ),
                    most=64,
                ),
                backendRefs=_list(_closed("name port", name=LABEL, port=PORT), most=16),
                timeouts=_closed(
                    "request",
                    request={"type": "string", "pattern": r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"},
                ),
            ),
            most=16,
        ),
    ),
)

SERVICE_MONITOR = _object(
    "monitoring.coreos.com/v1",
    "ServiceMonitor",
    _closed(
        "selector endpoints",
        selector=_closed("matchLabels", matchLabels=TEXTS),
        endpoints=_list(
            _closed(
                "port path",
                port={"type": "string"},
                path={"type": "string", "pattern": "^/"},
                interval={"type": "string", "pattern": r"^[0-9]+(ms|s|m|h)$"},
                authorization=_closed(
                    "type credentials",
                    type=_word("Bearer"),
                    credentials=_closed("name key", name=LABEL, key={"type": "string"}),
                ),
            )
        ),
    ),
)

KNATIVE_SERVICE = _object(
    "serving.knative.dev/v1",
    "Service",
    _closed(
        "template traffic",
        template=_closed(
            "metadata spec",
            metadata=_closed("", labels=TEXTS, annotations=TEXTS),
            spec=_closed(
                "containers",
                serviceAccountName=LABEL,
                containerConcurrency={"type": "integer", "minimum": 0, "maximum": 1000},
                timeoutSeconds={"type": "integer", "minimum": 1, "maximum": 900},
                automountServiceAccountToken=_word(False),
                enableServiceLinks={"type": "boolean"},
                containers=_list({"type": "object"}, most=1),
                volumes=_list({"type": "object"}),
            ),
        ),
        traffic=_list(
            _closed("percent", latestRevision={"type": "boolean"}, percent={"type": "integer"})
        ),
    ),
)

KUSTOMIZATION = _closed(
    "apiVersion kind resources",
    apiVersion=_word("kustomize.config.k8s.io/v1beta1"),
    kind=_word("Kustomization"),
    resources=_list({"type": "string", "pattern": r"^[a-z-]+\.yaml$"}),
    images=_list(
        _closed(
            "name",
            name={"type": "string", "pattern": r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$"},
            newTag={"type": "string", "pattern": r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"},
            digest={"type": "string", "pattern": r"^sha256:[0-9a-f]{64}$"},
        )
    ),
)

_OURS = {
    "gateway.networking.k8s.io/v1": HTTP_ROUTE,
    "monitoring.coreos.com/v1": SERVICE_MONITOR,
    "serving.knative.dev/v1": KNATIVE_SERVICE,
    "kustomize.config.k8s.io/v1beta1": KUSTOMIZATION,
}


def check(made: Plain, version: str = NEWEST) -> None:
    """Raise if an object does not fit its schema exactly."""
    schema = _OURS.get(made["apiVersion"])
    if schema is None:
        kubernetes_validate.validate(made, version, strict=True)
        return
    jsonschema.validate(made, schema)
    if made["apiVersion"].startswith("serving.knative.dev/"):
        # What Knative calls a container and a volume are Kubernetes' own.
        kubernetes_validate.validate(_as_pod(made), version, strict=True)


def _as_pod(service: Plain) -> Plain:
    spec = copy.deepcopy(service["spec"]["template"]["spec"])
    for container in spec["containers"]:
        probe = container.get("readinessProbe")
        if probe:
            probe["httpGet"].setdefault("port", 8080)  # Knative knows it without being told
    pod = {key: spec[key] for key in ("containers", "volumes") if key in spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": pod}
