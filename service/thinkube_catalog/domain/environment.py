"""What a deployment knows about itself, and the environment that its containers get from it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from thinkube_catalog.domain.catalog import Release
from thinkube_catalog.domain.descriptor import Container, Descriptor, Variable

PULL_SECRET = "thinkube-image-pull"  # noqa: S105 (the name of a Secret)
"""The Secret by which images are pulled, in every namespace of ours where pulling asks for one."""


@dataclass(frozen=True)
class Conventions:
    """How this installation names things and which optional objects it wants.

    `routing` is `gateway` (HTTPRoute) or `ingress`. `container_registry` has no scheme and no slash
    at its end. `identity_url` is Keycloak's address, empty where there is none.
    `platform_credentials` says that the installation puts the Secrets `<app>-mlflow-credentials`
    and `<app>-storage-credentials` into each namespace. `egress_cidrs` are private address ranges
    that applications may reach beside the cluster and the public internet.
    `pull_secret` is the Secret that every namespace has for pulling images.
    `namespace_prefix` stands before a deployment's name in the name of its namespace.
    `builds` says that projects come with the workflow that builds their images, on runners with
    the label `build_runner`.
    `gpu_memory_slack` is how many percent less than asked a GPU may report: cards sold with
    80 GB report 79.6 GiB. Empty names mean that the cluster's default is meant.
    """

    domain_name: str = "localhost"
    container_registry: str = "registry.localhost"
    image_owner: str = "thinkube"
    builds: bool = False
    build_runner: str = "buildah"
    namespace_prefix: str = ""
    routing: str = "gateway"
    gateway_name: str = "thinkube-gateway"
    gateway_namespace: str = "gateway-system"
    gateway_listener: str = "https"
    ingress_class: str = ""
    service_monitors: bool = False
    network_policies: bool = True
    storage_class: str = ""
    volume_size: str = "1Gi"
    models_storage_class: str = ""
    models_volume_size: str = "100Gi"
    pull_secret: str = ""
    priority_class: str = ""
    gpu_runtime_class: str = ""
    gpu_memory_slack: int = 0
    identity_url: str = ""
    platform_credentials: bool = False
    egress_cidrs: tuple[str, ...] = ()
    monitoring_namespace: str = "monitoring"


@dataclass(frozen=True)
class ApplicationContext:
    """What goes into the objects and the environment of one deployment, secrets by name only.

    `parameters` are the answers to the template's own questions (not the standard ones);
    `bindings` the resolved dependencies as literal variables; `secrets` the environment names
    that are delivered from the store; `descriptor` the text of `thinkube.yaml`.
    """

    name: str
    title: str
    template: str
    release: Release
    parameters: Mapping[str, object] = field(default_factory=dict)
    bindings: tuple[Variable, ...] = ()
    secrets: tuple[str, ...] = ()
    descriptor: str = ""
    conventions: Conventions = field(default_factory=Conventions)

    @property
    def namespace(self) -> str:
        """The namespace that is this deployment's alone."""
        return f"{self.conventions.namespace_prefix}{self.name}"

    @property
    def secret_name(self) -> str:
        """The one Secret that holds every delivered value, by environment name."""
        return f"{self.name}-secrets"


@dataclass(frozen=True)
class Address:
    """Where people reach a deployment: `url` has no slash at its end.

    `containers` are the addresses at which other deployments reach single containers, by name.
    """

    url: str
    containers: Mapping[str, str] = field(default_factory=dict)

    def of(self, container: str) -> str:
        return self.containers.get(container, self.url)


def container_environment(
    descriptor: Descriptor,
    container: Container,
    context: ApplicationContext,
    address: Address,
) -> tuple[Variable, ...]:
    """Return the variables of one container, each name once, in order of first mention.

    A later source wins: empty platform variables that this installation lacks, `spec.env`, the
    platform's credentials, bindings, parameters, delivered secrets, `publicEnv`, the platform,
    and last the container's own `environment`. Secrets are references to a key of
    `context.secret_name`, never values.
    """
    sources = (
        _absent_platform_parts(),
        _declared(descriptor),
        _credentials(context),
        context.bindings,
        _parameters(context.parameters),
        _secrets(context),
        _public(container),
        _platform(descriptor, context, address),
        container.environment,
    )
    found: dict[str, Variable] = {}
    for variable in (each for source in sources for each in source):
        found[variable.name] = variable
    return tuple(_references_last(found.values()))


def literal_values(
    variables: Iterable[Variable],
    read: Callable[[Variable], str],
) -> dict[str, str]:
    """Return every variable's value as a process gets it.

    `read` answers for variables that refer to a Secret or a ConfigMap; `$(NAME)` is replaced in
    those that say so. Whatever `read` raises is passed on.
    """
    values: dict[str, str] = {}
    for variable in variables:
        if variable.value is None:
            values[variable.name] = read(variable)
        elif variable.references:
            values[variable.name] = _expanded(variable.value, values)
        else:
            values[variable.name] = variable.value
    return values


def _expanded(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\(([A-Za-z_]\w*)\)", lambda match: values.get(match[1], match[0]), text)


def _references_last(variables: Iterable[Variable]) -> list[Variable]:
    # Kubernetes replaces $(NAME) only by variables that stand before it.
    return sorted(variables, key=lambda each: each.references)


def _absent_platform_parts() -> tuple[Variable, ...]:
    # Published templates read these without a default, so each must exist.
    names = (*_MLFLOW, "ADMIN_PASSWORD", "SEAWEEDFS_ENDPOINT", *_STORAGE)
    return tuple(Variable(name, "") for name in names)


def _declared(descriptor: Descriptor) -> tuple[Variable, ...]:
    return tuple(each for each in descriptor.env if each.value is not None)


def _parameters(parameters: Mapping[str, object]) -> tuple[Variable, ...]:
    return tuple(
        Variable(name.upper(), _as_text(value))
        for name, value in parameters.items()
        if value is not None and value is not False and value not in ("", [], {})
    )


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)


def _secrets(context: ApplicationContext) -> tuple[Variable, ...]:
    return tuple(Variable(name, secret=context.secret_name, key=name) for name in context.secrets)


def _public(container: Container) -> tuple[Variable, ...]:
    names = ",".join(container.public_env)
    return (Variable("PUBLIC_ENV_VARS", names),) if names else ()


def _platform(
    descriptor: Descriptor, context: ApplicationContext, address: Address
) -> tuple[Variable, ...]:
    conventions = context.conventions
    knative = descriptor.deployment.type == "knative"
    values = {
        "APP_NAME": context.name,
        "APP_TITLE": context.title,
        "DOMAIN_NAME": conventions.domain_name,
        "CONTAINER_REGISTRY": conventions.container_registry,
        "KEYCLOAK_URL": conventions.identity_url,
        "KEYCLOAK_BASE_URL": conventions.identity_url,
        "KEYCLOAK_REALM": "thinkube",
        "KEYCLOAK_CLIENT_ID": context.name,
        "KEYCLOAK_CLIENT_SECRET": "",
        "FRONTEND_URL": address.url,
        "APP_URL": address.url,
        "API_BASE_URL": address.url if knative else f"{address.url}/api",
    }
    return tuple(Variable(name, value) for name, value in values.items())


_MLFLOW = (
    "MLFLOW_KEYCLOAK_TOKEN_URL",
    "MLFLOW_KEYCLOAK_CLIENT_ID",
    "MLFLOW_CLIENT_SECRET",
    "MLFLOW_AUTH_USERNAME",
    "MLFLOW_AUTH_PASSWORD",
)
_STORAGE = ("SEAWEEDFS_ACCESS_KEY", "SEAWEEDFS_SECRET_KEY")


def _credentials(context: ApplicationContext) -> tuple[Variable, ...]:
    if not context.conventions.platform_credentials:
        return ()
    mlflow, storage = f"{context.name}-mlflow-credentials", f"{context.name}-storage-credentials"
    return (
        *(Variable(name, secret=mlflow, key=name) for name in _MLFLOW),
        Variable("ADMIN_PASSWORD", secret=mlflow, key="MLFLOW_AUTH_PASSWORD"),
        Variable("SEAWEEDFS_ENDPOINT", secret=storage, key="SEAWEEDFS_ENDPOINT"),
        *(Variable(name, secret=storage, key=name) for name in _STORAGE),
    )
