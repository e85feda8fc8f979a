"""Bindings: what a deployment depends on, found among what others provide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from thinkube_catalog.domain.descriptor import Dependency, Descriptor, Provision, Service, Variable
from thinkube_catalog.domain.environment import Address
from thinkube_catalog.domain.errors import Problem

ORIGINS = ("configured", "deployment", "component")
"""Where providers come from, the most wanted first."""

_PRODUCTS: Mapping[str, tuple[str, ...]] = {
    "llm": (
        *("litellm", "vllm", "tensorrt", "tensorrt-llm", "ollama", "openai", "llama-cpp"),
        *("sglang", "gateway", "model-gateway"),
    ),
    "embeddings": ("text-embeddings", "text-embeddings-inference", "embedder", "embedding"),
    "vectors": ("qdrant", "weaviate", "chroma", "milvus", "vector-store"),
    "tracing": ("langfuse",),
    "tracking": ("mlflow",),
    "search": ("opensearch", "elasticsearch"),
    "database": ("postgresql", "postgres"),
    "cache": ("valkey", "redis"),
    "queue": (),
    "storage": ("seaweedfs", "minio", "s3"),
    "workflows": ("argo-workflows",),
}
_TYPE_OF = {product: kind for kind, products in _PRODUCTS.items() for product in products}

_ALIKE = frozenset({"llm", "embeddings"})
"""Types whose products speak one protocol (OpenAI's), so that each can stand in for another."""


@dataclass(frozen=True)
class Provider:
    """Something that can be depended on: a configured endpoint, a component or a deployment.

    `type` is `llm`, `embeddings`, `vectors`, `database`, `cache`, ... or a product's name such as
    `qdrant`. `secret` is the key in `Secrets` of the API key (of a database's password, or of the
    secret key of a storage); empty when none is needed. `origin` is one of `ORIGINS`.
    """

    name: str
    type: str
    url: str
    model: str = ""
    secret: str = ""
    origin: str = "configured"


@dataclass(frozen=True)
class Bindings:
    """What was found. `variables` are literal; `secrets` maps environment names to keys.

    `problems` lists every required thing that nobody provides.
    """

    variables: tuple[Variable, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def canonical_type(word: str) -> str:
    """Return our type for a type or a product: `llm` for `vllm`; other words stay as they are."""
    return _TYPE_OF.get(word.strip().lower(), word.strip().lower())


def resolve(descriptor: Descriptor, providers: Sequence[Provider]) -> Bindings:
    """Find a provider for each service and dependency, always the same one for the same input.

    A provider of exactly the wanted name comes first, then configured ones, deployments and
    components in this order, then the better match of type, then the order given. The caller
    leaves out what the deployment itself provides.
    """
    found = _Found()
    for index, service in enumerate(descriptor.services):
        provider = _for_service(service, providers)
        if provider is None:
            found.problems.append(_missing_service(service, index))
        elif found.usable(provider, f"spec.services[{index}]"):
            found.variables.extend(_service_variables(service, provider))
            found.secrets.update(_service_secrets(service, provider))
    for index, dependency in enumerate(descriptor.dependencies):
        provider = _for_dependency(dependency, providers)
        if provider is None:
            if not dependency.optional:
                found.problems.append(_missing_dependency(dependency, index, providers))
        elif found.usable(provider, f"spec.dependencies[{index}]"):
            found.variables.extend(_dependency_variables(dependency, provider))
            found.secrets.update(_dependency_secrets(dependency, provider))
    return Bindings(tuple(found.variables), found.secrets, tuple(found.problems))


@dataclass
class _Found:
    variables: list[Variable] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def usable(self, provider: Provider, place: str) -> bool:
        problem = _url_problem(provider, place)
        if problem is not None:
            self.problems.append(problem)
        return problem is None


def _url_problem(provider: Provider, place: str) -> Problem | None:
    # The URL goes into Git, so neither it nor the sentence about it may show a password.
    try:
        parts = urlsplit(provider.url)
        whole = bool(parts.scheme and parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        whole = False
    if not whole:
        return Problem(
            f"the URL of the provider {provider.name} is not a complete URL",
            field=place,
            mend="write it with scheme and host, for example http://host:4000/v1",
        )
    if parts.password is not None:
        return Problem(
            f"the URL of the provider {provider.name} holds a password, which would enter Git",
            field=place,
            mend="store the password as a secret and name its key as the provider's secret",
        )
    return None


def provided(name: str, descriptor: Descriptor, address: Address) -> tuple[Provider, ...]:
    """List what the deployment of that name provides to others, at these addresses."""
    return tuple(
        Provider(
            name=name,
            type=canonical_type(provision.type),
            url=address.of(provider_container(descriptor, provision)) + provision.path.rstrip("/"),
            origin="deployment",
        )
        for provision in descriptor.provides
    )


def provider_container(descriptor: Descriptor, provision: Provision) -> str:
    """Name the container that gives a provision: the stated one, else the first with a port."""
    first = next((each.name for each in descriptor.containers if each.port), "")
    return provision.container or first


def _for_dependency(dependency: Dependency, providers: Sequence[Provider]) -> Provider | None:
    matches = [
        (provider.name != dependency.name, ORIGINS.index(provider.origin), score, index)
        for index, provider in enumerate(providers)
        if (score := _score(dependency.type, provider)) is not None
    ]
    return providers[min(matches)[-1]] if matches else None


def _score(wanted: str, provider: Provider) -> int | None:
    """Rank how well a provider fits the wanted type, 0 the best; None when it does not."""
    wanted = wanted.strip().lower()
    kind = canonical_type(wanted)
    if provider.type.lower() == wanted:
        return 0
    if _product(provider) == wanted:
        return 1
    if canonical_type(provider.type) == kind:
        rival = wanted != kind and _product(provider) not in ("", wanted)
        return None if rival and kind not in _ALIKE else 2
    # Thinkube's own rule: the type is part of the name of what is there.
    return 3 if wanted and wanted in provider.name.lower() else None


def _product(provider: Provider) -> str:
    """Name the product that a provider says it is, by its type or its name."""
    if provider.type.lower() in _TYPE_OF:
        return provider.type.lower()
    known = (each for each in _TYPE_OF if each in provider.name.lower())
    return max(known, key=len, default="")


def _dependency_variables(dependency: Dependency, found: Provider) -> Iterator[Variable]:
    if dependency.env:
        yield Variable(dependency.env, found.url)
    if dependency.model_env and found.model:
        yield Variable(dependency.model_env, found.model)


def _dependency_secrets(dependency: Dependency, found: Provider) -> dict[str, str]:
    wanted = bool(dependency.api_key_env and found.secret)
    return {dependency.api_key_env: found.secret} if wanted else {}


def _for_service(service: Service, providers: Sequence[Provider]) -> Provider | None:
    """Find the provider of a service; `type:name` means the one of that name and no other."""
    matches = [
        (ORIGINS.index(provider.origin), index)
        for index, provider in enumerate(providers)
        if canonical_type(provider.type) == service.type and service.name in ("", provider.name)
    ]
    return providers[min(matches)[-1]] if matches else None


def service_names(service: Service, names: Iterable[str]) -> list[str]:
    """Return a service's environment names: `DATABASE_URL`, `DATABASE_SALES_URL` if it is named."""
    if not service.name:
        return list(names)
    part = "".join(sign if sign.isalnum() else "_" for sign in service.name).upper()
    return [f"{first}_{part}_{rest}" for first, _, rest in (each.partition("_") for each in names)]


def _named(service: Service, values: Mapping[str, str]) -> list[Variable]:
    names = service_names(service, values)
    return [Variable(name, value) for name, value in zip(names, values.values(), strict=True)]


def _service_variables(service: Service, found: Provider) -> list[Variable]:
    match service.type:
        case "database":
            return _database(service, found)
        case "cache":
            return _named(service, {"CACHE_URL": found.url, "REDIS_URL": found.url})
        case "queue":
            return _named(service, {"QUEUE_URL": found.url})
        case "storage":
            return _storage(service, found)
        case _:
            urls = {"WORKFLOWS_SERVER_URL": found.url, "WORKFLOWS_UI_URL": found.url}
            return _named(service, urls)


def _database(service: Service, found: Provider) -> list[Variable]:
    parts = urlsplit(found.url)
    port = parts.port or 5432
    values = {
        "POSTGRES_USER": unquote(parts.username or ""),
        "POSTGRES_DATABASE": unquote(parts.path.lstrip("/")),
        "POSTGRES_HOST": parts.hostname or "",
        "POSTGRES_PORT": str(port),
    }
    (url_name, password) = service_names(service, ["DATABASE_URL", "POSTGRES_PASSWORD"])
    if not found.secret:
        return [*_named(service, values), Variable(url_name, found.url)]
    login = f"{parts.username or ''}:$({password})"
    url = parts._replace(netloc=f"{login}@{parts.hostname or ''}:{port}").geturl()
    return [*_named(service, values), Variable(url_name, url, references=True)]


def _storage(service: Service, found: Provider) -> list[Variable]:
    parts = urlsplit(found.url)
    host = parts.netloc.rpartition("@")[2]
    values = {
        "STORAGE_URL": parts._replace(netloc=host).geturl(),
        "SEAWEEDFS_ENDPOINT": parts._replace(netloc=host).geturl(),
        "SEAWEEDFS_ACCESS_KEY": unquote(parts.username or ""),
    }
    return _named(service, values)


_SECRET_NAMES = {"database": "POSTGRES_PASSWORD", "storage": "SEAWEEDFS_SECRET_KEY"}


def _service_secrets(service: Service, found: Provider) -> dict[str, str]:
    name = _SECRET_NAMES.get(service.type)
    if name is None or not found.secret:
        return {}
    return {service_names(service, [name])[0]: found.secret}


def _missing_service(service: Service, index: int) -> Problem:
    wanted = f"{service.type} named {service.name}" if service.name else service.type
    return Problem(
        f"the service {wanted} is needed, and nothing provides it",
        file="thinkube.yaml",
        field=f"spec.services[{index}]",
        mend=_configure(service.name or service.type, service.type),
    )


def _missing_dependency(
    dependency: Dependency, index: int, providers: Sequence[Provider]
) -> Problem:
    there = ", ".join(f"{each.name} ({each.type})" for each in providers) or "nothing"
    return Problem(
        f"{dependency.name} needs something of type {dependency.type}, and nothing provides it; "
        f"provided is: {there}",
        file="thinkube.yaml",
        field=f"spec.dependencies[{index}]",
        mend=f"deploy a template that provides {canonical_type(dependency.type)}, or "
        + _configure(dependency.name, canonical_type(dependency.type)),
    )


def _configure(name: str, kind: str) -> str:
    return (
        "add it to THINKUBE_PROVIDERS, for example "
        f'[{{"name": "{name}", "type": "{kind}", "url": "{_EXAMPLES.get(kind, "http://host:80")}"}}]'
    )


_EXAMPLES = {
    "llm": "http://host:4000/v1",
    "embeddings": "http://host:8080/v1",
    "vectors": "http://host:6333",
    "database": "postgresql://user@host:5432/name",
    "cache": "redis://host:6379/0",
    "queue": "redis://host:6379/1",
    "storage": "http://access-key@host:8333",
}
