"""Writing values as the files they were read from, for tests that read them back."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from thinkube_catalog.domain.descriptor import Container, Descriptor, Gpu, Variable, Workload
from thinkube_catalog.domain.manifest import Parameter, TemplateManifest


def manifest_text(manifest: TemplateManifest) -> str:
    return yaml.safe_dump(manifest_content(manifest), allow_unicode=True, sort_keys=False)


def manifest_content(manifest: TemplateManifest) -> dict[str, object]:
    return {
        "apiVersion": "thinkube.io/v1",
        "kind": "TemplateManifest",
        "metadata": {
            "name": manifest.name,
            "title": manifest.title,
            "description": manifest.description,
            "version": manifest.version,
            "author": manifest.author,
            "tags": list(manifest.tags),
            "category": manifest.category,
        },
        "parameters": [_parameter(parameter) for parameter in manifest.parameters],
        "secrets": [
            {"name": each.name, "description": each.description, "required": each.required}
            for each in manifest.secrets
        ],
        "hardware": dict(manifest.hardware),
        "provides": list(manifest.provides),
        "dependencies": [
            {"type": each.type, "description": each.description, "optional": each.optional}
            for each in manifest.dependencies
        ],
    }


def _parameter(parameter: Parameter) -> dict[str, object]:
    return _filled(
        {
            "name": parameter.name,
            "type": parameter.type,
            "description": parameter.description,
            "default": parameter.default,
            "required": parameter.required,
            "choices": list(parameter.choices),
            "pattern": parameter.pattern,
            "minLength": parameter.min_length,
            "maxLength": parameter.max_length,
            "min": parameter.min,
            "max": parameter.max,
            "placeholder": parameter.placeholder,
            "group": parameter.group,
            "order": parameter.order,
            "dynamic_source": parameter.dynamic_source,
            "filter": dict(parameter.filter),
        },
        kept=("default", "required", "minLength", "maxLength", "min", "max"),
    )


def descriptor_text(descriptor: Descriptor) -> str:
    return yaml.safe_dump(descriptor_content(descriptor), allow_unicode=True, sort_keys=False)


def descriptor_content(descriptor: Descriptor) -> dict[str, object]:
    return {
        "apiVersion": "thinkube.io/v1",
        "kind": "ThinkubeDeployment",
        "metadata": {
            "name": descriptor.name,
            "version": descriptor.version,
            "description": descriptor.description,
        },
        "spec": {
            "deployment": _workload(descriptor.deployment),
            "containers": [_container(container) for container in descriptor.containers],
            "routes": [{"path": each.path, "to": each.to} for each in descriptor.routes],
            "services": [
                f"{each.type}:{each.name}" if each.name else each.type
                for each in descriptor.services
            ],
            "dependencies": [vars(each) for each in descriptor.dependencies],
            "env": [
                _filled(
                    {
                        "name": each.name,
                        "description": each.description,
                        "default": each.value,
                    },
                    kept=("default",),
                )
                for each in descriptor.env
            ],
            "provides": [_filled(dict(vars(each))) for each in descriptor.provides],
        },
    }


def _workload(workload: Workload) -> dict[str, object]:
    written = {
        "type": workload.type,
        "name": workload.name,
        "gateway_managed": workload.gateway_managed,
    }
    if workload.type != "knative":
        return _filled({**written, "replicas": workload.replicas}, kept=("replicas",))
    return {
        **written,
        "minScale": workload.min_scale,
        "maxScale": workload.max_scale,
        "containerConcurrency": workload.container_concurrency,
        "timeoutSeconds": workload.timeout_seconds,
    }


def _container(container: Container) -> dict[str, object]:
    return _filled(
        {
            "name": container.name,
            "build": container.build,
            "port": container.port,
            "size": container.size,
            "buildSize": container.build_size,
            "health": container.health,
            "ready": container.ready,
            "gpu": _gpu(container.gpu),
            "test": dict(vars(container.test)) if container.test else None,
            "migrations": dict(container.migrations),
            "environment": [_variable(variable) for variable in container.environment],
            "volume": container.volume,
            "publicEnv": list(container.public_env),
            "mounts": [f"{mount.name}:{mount.path}" for mount in container.mounts],
            "schedule": container.schedule,
            "capabilities": list(container.capabilities),
            "job": container.job,
            "dev": dict(vars(container.dev)) if container.dev else None,
            "security": container.security,
        }
    )


def _gpu(gpu: Gpu | None) -> dict[str, object] | None:
    if gpu is None:
        return None
    memory = {"memory": f"{gpu.memory_gib}Gi"} if gpu.memory_gib else {}
    return {"count": gpu.count, **memory}


def _variable(variable: Variable) -> dict[str, object]:
    if variable.value is not None:
        return {"name": variable.name, "value": variable.value}
    kind = "secretKeyRef" if variable.secret else "configMapKeyRef"
    owner = variable.secret or variable.config_map
    return {"name": variable.name, "valueFrom": {kind: {"name": owner, "key": variable.key}}}


def _filled(content: Mapping[str, object], kept: tuple[str, ...] = ()) -> dict[str, object]:
    return {
        key: value for key, value in content.items() if value or (key in kept and value is not None)
    }
