"""What `catalog/` offers is true: it reads without a word, and its figures can be recomputed."""

from __future__ import annotations

from pathlib import Path

import pytest

from thinkube_catalog.adapters.catalogs import FileCatalogs
from thinkube_catalog.domain.catalog import Catalog
from thinkube_catalog.domain.choices import choices
from thinkube_catalog.domain.models import BITS_PER_WEIGHT, Model, memory_need, parse_models

ROOT = Path(__file__).parents[2]
MODELS = parse_models((ROOT / "catalog" / "models.json").read_text(), "catalog/models.json")
GENERATIVE = ("text-generation", "image-text-to-text")


@pytest.fixture(scope="module")
def offered() -> Catalog:
    return FileCatalogs([str(ROOT / "catalog")], fetch=Path).load()


def test_our_own_catalogue_reads_without_a_warning(offered: Catalog) -> None:
    assert [str(each) for each in offered.warnings] == []


def test_every_template_of_this_repository_is_offered_from_its_folder(offered: Catalog) -> None:
    folders = {each.name: str(each) for each in ROOT.glob("tkt-*") if each.is_dir()}
    assert {entry.name: entry.source for entry in offered.entries} == folders


def test_every_template_has_a_category_that_has_a_name(offered: Catalog) -> None:
    assert {entry.category for entry in offered.entries} <= set(offered.categories)


def test_the_components_that_templates_may_count_on_are_listed(offered: Catalog) -> None:
    assert [component.name for component in offered.components] == [
        "prometheus",
        "perses",
        "opensearch",
        "pgadmin",
        "qdrant",
        "knative",
        "weaviate",
        "chroma",
        "litellm",
        "valkey",
        "argilla",
        "clickhouse",
        "nats",
        "langfuse",
        "ollama",
        "langflow",
    ]


def test_thirty_models_and_more_are_offered_for_every_kind_of_server() -> None:
    assert len(MODELS.value) >= 30
    for server in ("vllm", "tensorrt-llm", "text-embeddings", "unsloth"):
        assert len(choices(MODELS.value, {"server_type": server})) >= 10


@pytest.mark.parametrize("model", MODELS.value, ids=lambda model: model.id)
def test_a_model_says_all_that_a_person_chooses_by(model: Model) -> None:
    assert model.description
    assert model.license
    assert model.server_type
    assert model.context_length
    assert model.quantization in BITS_PER_WEIGHT
    assert bool(model.kv_cache) == (model.task in GENERATIVE)
    assert model.active_params_b is None or 0 < model.active_params_b < model.params_b


@pytest.mark.parametrize("model", MODELS.value, ids=lambda model: model.id)
def test_a_stored_memory_need_is_the_computed_one(model: Model) -> None:
    assert model.memory_gib == memory_need(model)


@pytest.mark.parametrize("model", MODELS.value, ids=lambda model: model.id)
def test_a_model_in_8_bits_is_named_so_and_the_licence_fits_the_gate(model: Model) -> None:
    assert not model.id.endswith("FP8") or model.quantization == "FP8"
    assert model.gated == model.license.startswith(("llama", "gemma"))
