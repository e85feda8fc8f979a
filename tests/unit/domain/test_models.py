"""The model catalogue: reading it, the memory that models need, and choosing among them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkube_catalog.domain.choices import choices
from thinkube_catalog.domain.models import (
    BITS_PER_WEIGHT,
    AttentionGroup,
    Model,
    ModelsInvalidError,
    memory_need,
    parse_models,
)


def an_entry(**changes: Any) -> dict[str, Any]:
    return {
        "id": "acme/tiny",
        "name": "Tiny",
        "description": "Small",
        "params_b": 8.0,
        "quantization": "BF16",
        "context_length": 131072,
        "server_type": ["vllm"],
        "task": "text-generation",
        "license": "mit",
        "gated": False,
        **changes,
    }


def read(*entries: dict[str, Any]) -> tuple[Model, ...]:
    return parse_models(json.dumps({"models": list(entries)}), "models.json").value


def test_an_entry_of_thinkube_gets_a_memory_need_from_its_weights() -> None:
    (model,) = read(an_entry())
    assert model.memory_gib == pytest.approx(15.0)
    assert model.memory_context == 32_768


def test_the_cache_of_all_tokens_or_of_the_window_is_added() -> None:
    full = AttentionGroup(layers=32, kv_heads=8, head_dim=128)
    windowed = AttentionGroup(layers=32, kv_heads=8, head_dim=128, window=1024)
    weights = Model("a", params_b=8.0, quantization="BF16", memory_context=32_768)
    plain, cached, short = (
        memory_need(Model(**{**vars(weights), "kv_cache": groups}))
        for groups in ((), (full,), (windowed,))
    )
    assert (plain, cached, short) == (15.0, 19.0, 15.1)


def test_known_weights_count_more_than_parameters() -> None:
    model = Model("a", params_b=8.0, quantization="BF16", weight_bytes=1024**3)
    assert memory_need(model) == pytest.approx(1.0)


def test_an_old_entry_without_parameters_is_counted_by_its_size() -> None:
    old = an_entry(size="~16GB")
    del old["params_b"]
    (model,) = read(old)
    assert model.memory_gib == pytest.approx(15.0)


def test_no_need_is_guessed_for_a_quantisation_that_is_not_known() -> None:
    assert memory_need(Model("a", params_b=8.0, quantization="TERNARY")) is None


@given(
    params=st.floats(0.1, 1000),
    tokens=st.integers(1, 10**6),
    bits=st.sampled_from(sorted(BITS_PER_WEIGHT)),
    layers=st.integers(1, 200),
)
def test_more_of_anything_never_needs_less(
    params: float, tokens: int, bits: str, layers: int
) -> None:
    def need(params: float, tokens: int) -> float:
        group = AttentionGroup(layers, 8, 128)
        model = Model("a", params_b=params, quantization=bits, kv_cache=(group,))
        found = memory_need(Model(**{**vars(model), "memory_context": tokens}))
        assert found is not None
        return found

    assert need(params, tokens) <= need(params * 2, tokens) <= need(params * 2, tokens * 2)


def test_entries_of_both_generations_and_drafters_are_read() -> None:
    old = an_entry(size="~16GB", reasoning_format=None, active_params_b=None)
    new = an_entry(id="ollama:7b", source="ollama", weight_bytes=5, calibration={"a": {"b": 1}})
    drafter = an_entry(id="d", role="drafter", speculative_config='{"method": "eagle"}')
    del drafter["context_length"]
    models = read(old, new, drafter)
    assert [model.id for model in models] == ["acme/tiny", "ollama:7b", "d"]
    assert models[2].speculative_config == '{"method": "eagle"}'


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ModelsInvalidError) as caught:
        read(
            an_entry(id="-rf /", params_b="big", gated=3),
            an_entry(context_length=0, kv_cache=[{"layers": 4}]),
        )
    assert [str(each) for each in caught.value.problems] == [
        (
            "models.json:1: models[0].id: '-rf /' is not a usable id (write it as the hub does: "
            "owner/name)"
        ),
        "models.json:1: models[0].params_b: params_b must be a number, not 'big'",
        "models.json:1: models[0].gated: gated must be true or false, not 3",
        "models.json:1: models[1].context_length: context_length is 0 (use at least 1)",
        (
            "models.json:1: models[1].kv_cache[0].kv_heads: kv_heads is missing (take it from the "
            "model's config.json)"
        ),
        (
            "models.json:1: models[1].kv_cache[0].head_dim: head_dim is missing (take it from the "
            "model's config.json)"
        ),
    ]


def test_the_historic_server_name_is_explained() -> None:
    text = json.dumps({"models": [an_entry(server_type=["tensorrt"])]})
    (warning,) = parse_models(text).warnings
    assert warning.mend == "use tensorrt-llm"


MODELS = (
    Model("a/one", "One", server_type=("vllm", "unsloth"), downloaded=True, license="mit"),
    Model("b/two", server_type=("vllm",), gated=True),
    Model("c/three", server_type=("text-embeddings",)),
)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, ["a/one", "b/two", "c/three"]),
        ({"server_type": "vllm"}, ["a/one", "b/two"]),
        ({"server_type": "vllm", "is_downloaded": False}, ["b/two"]),
        ({"is_downloaded": True}, ["a/one"]),
        ({"server_type": "tensorrt"}, []),
        ({"colour": "red"}, ["a/one", "b/two", "c/three"]),
        ({"server_type": ["vllm"], "is_downloaded": "yes"}, ["a/one", "b/two", "c/three"]),
    ],
)
def test_choices_are_the_models_that_pass_the_filter_in_catalogue_order(
    wanted: dict[str, object], ids: list[str]
) -> None:
    assert [choice.value for choice in choices(MODELS, wanted)] == ids


def test_a_choice_carries_what_a_person_chooses_by() -> None:
    one, two, _ = choices(MODELS, {})
    assert (one.label, one.details["license"], one.details["downloaded"]) == ("One", "mit", True)
    assert (two.label, two.details["gated"]) == ("b/two", True)
