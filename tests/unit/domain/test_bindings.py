"""Who provides what a deployment depends on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.domain.kubernetes.samples import a_container, a_descriptor
from thinkube_catalog.domain.bindings import (
    ORIGINS,
    Bindings,
    Provider,
    canonical_type,
    provided,
    resolve,
)
from thinkube_catalog.domain.descriptor import Dependency, Provision, Service
from thinkube_catalog.domain.environment import Address


def _values(found: Bindings) -> dict[str, str | None]:
    return {each.name: each.value for each in found.variables}


def _bound(dependency: Dependency, *providers: Provider) -> str | None:
    found = resolve(a_descriptor(dependencies=(dependency,)), providers)
    return _values(found).get(dependency.env)


LLM = Dependency("model", "llm", "LLM_URL")
GATEWAY = Provider("gateway", "llm", "http://gateway:4000/v1", "qwen3-8b", "LITELLM_KEY")


@pytest.mark.parametrize(
    ("product", "kind"),
    [
        *[(each, "llm") for each in ("litellm", "vllm", "tensorrt", "ollama", "LLM")],
        ("text-embeddings", "embeddings"),
        *[(each, "vectors") for each in ("qdrant", "weaviate", "chroma")],
        ("valkey", "cache"),
        ("something-else", "something-else"),
    ],
)
def test_products_are_known_by_what_they_are(product: str, kind: str) -> None:
    assert canonical_type(product) == kind


def test_a_provider_gives_its_address_its_model_and_its_key_by_name() -> None:
    dependency = Dependency(
        "model", "litellm", "LLM_URL", api_key_env="LLM_API_KEY", model_env="LLM_MODEL"
    )
    found = resolve(a_descriptor(dependencies=(dependency,)), [GATEWAY])
    assert _values(found) == {"LLM_URL": "http://gateway:4000/v1", "LLM_MODEL": "qwen3-8b"}
    assert found.secrets == {"LLM_API_KEY": "LITELLM_KEY"}
    assert found.problems == ()


def test_a_key_that_nobody_asks_for_is_not_given() -> None:
    found = resolve(a_descriptor(dependencies=(LLM,)), [GATEWAY])
    assert found.secrets == {}


def test_exactly_the_wanted_name_comes_first() -> None:
    named = Provider("model", "vllm", "http://named", origin="component")
    assert _bound(LLM, GATEWAY, named) == "http://named"


def test_configured_providers_come_before_deployments_and_those_before_components() -> None:
    every = [Provider(f"any-{each}", "llm", f"http://{each}", origin=each) for each in ORIGINS]
    assert _bound(LLM, *reversed(every)) == "http://configured"
    assert _bound(LLM, *reversed(every[1:])) == "http://deployment"


def test_a_product_of_another_protocol_does_not_stand_in() -> None:
    wanted = Dependency("store", "qdrant", "QDRANT_URL", optional=True)
    assert _bound(wanted, Provider("weaviate", "vectors", "http://weaviate")) is None
    assert _bound(wanted, Provider("main", "vectors", "http://main")) == "http://main"
    assert _bound(wanted, Provider("qdrant", "vectors", "http://qdrant")) == "http://qdrant"


def test_any_openai_compatible_product_stands_in_for_another() -> None:
    wanted = Dependency("gateway", "litellm", "LLM_URL")
    assert _bound(wanted, Provider("server", "vllm", "http://vllm")) == "http://vllm"


def test_the_type_may_be_part_of_the_name_of_what_is_there() -> None:
    wanted = Dependency("docs", "docling", "DOCLING_URL")
    assert _bound(wanted, Provider("my-docling-2", "api", "http://d")) == "http://d"


def test_what_is_optional_may_be_missing_and_what_is_required_says_how_to_mend_it() -> None:
    optional = Dependency("vectors", "qdrant", "QDRANT_URL", optional=True)
    found = resolve(a_descriptor(dependencies=(optional, LLM)), [])
    (problem,) = found.problems
    assert str(problem) == (
        "thinkube.yaml: spec.dependencies[1]: model needs something of type llm, and nothing "
        "provides it; provided is: nothing (deploy a template that provides llm, or add it to "
        'THINKUBE_PROVIDERS, for example [{"name": "model", "type": "llm", '
        '"url": "http://host:4000/v1"}])'
    )


def test_every_missing_thing_is_listed() -> None:
    descriptor = a_descriptor(
        services=(Service("database"), Service("cache", "sessions")), dependencies=(LLM,)
    )
    found = resolve(descriptor, [])
    assert [each.field for each in found.problems] == [
        "spec.services[0]",
        "spec.services[1]",
        "spec.dependencies[0]",
    ]


def test_a_database_comes_in_parts_and_its_password_by_reference() -> None:
    provider = Provider("main", "postgresql", "postgresql://app@db:5433/legal", secret="DB")
    found = resolve(a_descriptor(services=(Service("database"),)), [provider])
    assert _values(found) == {
        "POSTGRES_USER": "app",
        "POSTGRES_DATABASE": "legal",
        "POSTGRES_HOST": "db",
        "POSTGRES_PORT": "5433",
        "DATABASE_URL": "postgresql://app:$(POSTGRES_PASSWORD)@db:5433/legal",
    }
    assert found.secrets == {"POSTGRES_PASSWORD": "DB"}
    assert [each.name for each in found.variables if each.references] == ["DATABASE_URL"]


def test_a_database_without_a_password_needs_no_secret() -> None:
    provider = Provider("main", "database", "postgresql://app@db/legal")
    found = resolve(a_descriptor(services=(Service("database"),)), [provider])
    assert _values(found)["DATABASE_URL"] == "postgresql://app@db/legal"
    assert found.secrets == {}


def test_a_named_service_is_the_one_of_that_name_under_names_of_its_own() -> None:
    providers = [
        Provider("main", "database", "postgresql://a@db/main", secret="A"),
        Provider("sales", "database", "postgresql://b@db/sales", secret="B"),
    ]
    services = (Service("database"), Service("database", "sales"))
    found = resolve(a_descriptor(services=services), providers)
    values = _values(found)
    assert values["POSTGRES_DATABASE"] == "main"
    assert values["POSTGRES_SALES_DATABASE"] == "sales"
    assert values["DATABASE_SALES_URL"] == "postgresql://b:$(POSTGRES_SALES_PASSWORD)@db:5432/sales"
    assert found.secrets == {"POSTGRES_PASSWORD": "A", "POSTGRES_SALES_PASSWORD": "B"}


def test_a_named_service_is_not_replaced_by_another() -> None:
    providers = [Provider("main", "cache", "redis://main")]
    found = resolve(a_descriptor(services=(Service("cache", "sessions"),)), providers)
    assert found.variables == ()
    assert "cache named sessions" in found.problems[0].message


def test_cache_queue_storage_and_workflows_have_thinkubes_names() -> None:
    providers = [
        Provider("c", "valkey", "redis://c:6379/0"),
        Provider("q", "queue", "redis://q:6379/1"),
        Provider("s", "storage", "http://key@s:8333", secret="S3"),
        Provider("w", "argo-workflows", "https://w"),
    ]
    services = tuple(Service(each) for each in ("cache", "queue", "storage", "workflows"))
    found = resolve(a_descriptor(services=services), providers)
    assert _values(found) == {
        "CACHE_URL": "redis://c:6379/0",
        "REDIS_URL": "redis://c:6379/0",
        "QUEUE_URL": "redis://q:6379/1",
        "STORAGE_URL": "http://s:8333",
        "SEAWEEDFS_ENDPOINT": "http://s:8333",
        "SEAWEEDFS_ACCESS_KEY": "key",
        "WORKFLOWS_SERVER_URL": "https://w",
        "WORKFLOWS_UI_URL": "https://w",
    }
    assert found.secrets == {"SEAWEEDFS_SECRET_KEY": "S3"}


def test_a_password_in_a_url_is_refused_and_not_shown() -> None:
    provider = Provider("main", "database", "postgresql://app:canary@db/legal")
    found = resolve(a_descriptor(services=(Service("database"),)), [provider])
    assert found.variables == ()
    (problem,) = found.problems
    assert "holds a password" in problem.message
    assert "canary" not in str(problem)


@pytest.mark.parametrize("url", ["gateway:4000", "", "http://", "http://host:port", "http://[::1"])
def test_an_address_that_is_not_whole_is_reported(url: str) -> None:
    found = resolve(a_descriptor(dependencies=(LLM,)), [Provider("gateway", "llm", url)])
    (problem,) = found.problems
    assert problem.message == "the URL of the provider gateway is not a complete URL"


def test_a_deployment_provides_what_its_descriptor_says_at_its_containers_address() -> None:
    descriptor = a_descriptor(
        a_container("server"),
        provides=(Provision("vllm", "server", "/v1/"), Provision("embeddings", path="/embed")),
    )
    address = Address("https://a.example.org", {"server": "http://server.a:8000"})
    assert provided("a", descriptor, address) == (
        Provider("a", "llm", "http://server.a:8000/v1", origin="deployment"),
        Provider("a", "embeddings", "http://server.a:8000/embed", origin="deployment"),
    )


providers = st.builds(
    Provider,
    name=st.sampled_from(["model", "qdrant", "vllm-1", "weaviate", "x"]),
    type=st.sampled_from(["llm", "vllm", "vectors", "qdrant", "weaviate", "api"]),
    url=st.sampled_from(["http://a", "http://b"]),
    origin=st.sampled_from(ORIGINS),
)
dependencies = st.builds(
    Dependency,
    name=st.sampled_from(["model", "qdrant"]),
    type=st.sampled_from(["llm", "qdrant", "vectors", "litellm"]),
    env=st.just("URL"),
    optional=st.booleans(),
)


@given(dependency=dependencies, there=st.lists(providers, max_size=5))
def test_a_dependency_is_bound_or_reported_or_optional(
    dependency: Dependency, there: list[Provider]
) -> None:
    found = resolve(a_descriptor(dependencies=(dependency,)), there)
    assert bool(found.variables) + bool(found.problems) <= 1
    assert found.variables or found.problems or dependency.optional


@given(dependency=dependencies, there=st.lists(providers, max_size=5))
def test_nothing_of_a_better_origin_is_passed_over(
    dependency: Dependency, there: list[Provider]
) -> None:
    there = [replace(each, url=f"http://{n}") for n, each in enumerate(there)]
    chosen = next((each for each in there if each.url == _bound(dependency, *there)), None)
    fitting = [each for each in there if _bound(dependency, each)]
    assert bool(chosen) == bool(fitting)
    if chosen:
        assert _rank(dependency, chosen) == min(_rank(dependency, each) for each in fitting)


def _rank(dependency: Dependency, provider: Provider) -> tuple[bool, int]:
    return provider.name != dependency.name, ORIGINS.index(provider.origin)
