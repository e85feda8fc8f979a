"""The variables that a container gets, and which source wins."""

from __future__ import annotations

import pytest

from tests.unit.domain.kubernetes.samples import a_container, a_context, a_descriptor
from thinkube_catalog.domain.descriptor import Container, Descriptor, Variable, Workload
from thinkube_catalog.domain.environment import (
    Address,
    ApplicationContext,
    Conventions,
    container_environment,
    literal_values,
)

HERE = Address("http://127.0.0.1:8123")


def _variables(
    descriptor: Descriptor | None = None,
    context: ApplicationContext | None = None,
    container: Container | None = None,
) -> dict[str, Variable]:
    descriptor = descriptor or a_descriptor()
    found = container_environment(
        descriptor, container or descriptor.containers[0], context or a_context(), HERE
    )
    names = [each.name for each in found]
    assert len(names) == len(set(names))
    return {each.name: each for each in found}


def _values(
    descriptor: Descriptor | None = None, context: ApplicationContext | None = None
) -> dict[str, str | None]:
    return {name: each.value for name, each in _variables(descriptor, context).items()}


def test_an_application_knows_its_name_and_where_people_reach_it() -> None:
    values = _values()
    assert values["APP_NAME"] == "legal-qa"
    assert values["APP_TITLE"] == "Legal questions"
    assert values["DOMAIN_NAME"] == "example.org"
    assert values["APP_URL"] == values["FRONTEND_URL"] == "http://127.0.0.1:8123"
    assert values["API_BASE_URL"] == "http://127.0.0.1:8123/api"


def test_a_knative_service_has_no_api_folder() -> None:
    values = _values(a_descriptor(deployment=Workload(type="knative")))
    assert values["API_BASE_URL"] == "http://127.0.0.1:8123"


def test_parameters_come_in_capitals_and_without_what_was_left_empty() -> None:
    answers = {
        "model_id": "Qwen/Qwen3-8B",
        "top_k": 5,
        "temperature": 0,
        "rerank": True,
        "stream": False,
        "note": "",
        "nothing": None,
        "tags": [],
        "languages": ["de", "en"],
    }
    values = _values(context=a_context(parameters=answers))
    given = {name: value for name, value in values.items() if name.lower() in answers}
    assert given == {
        "MODEL_ID": "Qwen/Qwen3-8B",
        "TOP_K": "5",
        "TEMPERATURE": "0",
        "RERANK": "true",
        "LANGUAGES": '["de", "en"]',
    }


def test_what_was_found_beats_a_default_and_an_answer_beats_what_was_found() -> None:
    descriptor = a_descriptor(env=(Variable("LLM_URL", "default"), Variable("PLAIN", "default")))
    bindings = (Variable("LLM_URL", "found"), Variable("MODEL", "found"))
    context = a_context(bindings=bindings, parameters={"model": "answered"})
    values = _values(descriptor, context)
    assert (values["LLM_URL"], values["MODEL"]) == ("found", "answered")
    assert values["PLAIN"] == "default"


def test_a_declared_variable_without_a_default_is_not_set() -> None:
    assert "WANTED" not in _values(a_descriptor(env=(Variable("WANTED"),)))


def test_a_delivered_secret_beats_a_default_and_an_answer_of_its_name() -> None:
    descriptor = a_descriptor(env=(Variable("HF_TOKEN", ""),))
    context = a_context(secrets=("HF_TOKEN",), parameters={"hf_token": "visible"})
    found = _variables(descriptor, context)["HF_TOKEN"]
    assert found == Variable("HF_TOKEN", secret="legal-qa-secrets", key="HF_TOKEN")


def test_the_containers_own_environment_has_the_last_word() -> None:
    own = Variable("APP_TITLE", "My own")
    descriptor = a_descriptor(a_container(environment=(own,)))
    assert _variables(descriptor)["APP_TITLE"] == own


def test_public_names_are_listed_for_the_application() -> None:
    descriptor = a_descriptor(a_container(public_env=("APP_TITLE", "APP_URL")))
    assert _values(descriptor)["PUBLIC_ENV_VARS"] == "APP_TITLE,APP_URL"
    assert "PUBLIC_ENV_VARS" not in _values()


@pytest.mark.parametrize(
    "name",
    ["MLFLOW_KEYCLOAK_TOKEN_URL", "MLFLOW_AUTH_PASSWORD", "ADMIN_PASSWORD", "SEAWEEDFS_ENDPOINT"],
)
def test_what_published_templates_read_exists_even_where_the_platform_lacks_it(name: str) -> None:
    assert _values()[name] == ""


def test_platform_credentials_come_by_reference() -> None:
    context = a_context(conventions=Conventions(platform_credentials=True))
    found = _variables(context=context)
    assert found["MLFLOW_AUTH_PASSWORD"] == Variable(
        "MLFLOW_AUTH_PASSWORD", secret="legal-qa-mlflow-credentials", key="MLFLOW_AUTH_PASSWORD"
    )
    assert found["SEAWEEDFS_SECRET_KEY"].secret == "legal-qa-storage-credentials"


def test_a_process_gets_values_with_secrets_and_references_filled_in() -> None:
    bindings = (
        Variable("DATABASE_URL", "postgresql://u:$(POSTGRES_PASSWORD)@h/d", references=True),
        Variable("PROMPT", "costs $(POSTGRES_PASSWORD)"),
    )
    context = a_context(bindings=bindings, secrets=("POSTGRES_PASSWORD",))
    found = _variables(context=context).values()
    values = literal_values(found, lambda variable: f"value of {variable.key}")
    assert values["DATABASE_URL"] == "postgresql://u:value of POSTGRES_PASSWORD@h/d"
    assert values["PROMPT"] == "costs $(POSTGRES_PASSWORD)"


def test_a_reference_to_nothing_stays_as_it_is() -> None:
    variables = [Variable("URL", "http://$(NOBODY)", references=True)]
    assert literal_values(variables, str) == {"URL": "http://$(NOBODY)"}


def test_a_container_without_an_address_of_its_own_is_reached_at_the_applications() -> None:
    address = Address("https://a.example.org", {"api": "http://api.a:8000"})
    assert address.of("api") == "http://api.a:8000"
    assert address.of("web") == "https://a.example.org"
