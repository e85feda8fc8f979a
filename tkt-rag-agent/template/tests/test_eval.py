"""Bounds below which a change has made the agent worse."""

from pathlib import Path

import pytest

from eval.measure import measure
from eval.questions import handbook, licences
from tests.builders import ScriptedWriter, a_settings


def test_the_handbook_is_answered_without_a_miss(tmp_path: Path) -> None:
    figures = measure(handbook(), a_settings(tmp_path), None)
    assert figures.hit_at[1] == 1.0
    assert figures.right_source == 1.0
    assert figures.refused == 1.0
    assert figures.grounded >= 0.95


def test_licence_texts_are_found_by_words_alone(tmp_path: Path) -> None:
    corpus = licences()
    if corpus is None:
        pytest.skip("this machine has no licence texts")
    figures = measure(corpus, a_settings(tmp_path), None)
    assert figures.hit_at[5] >= 0.9
    assert figures.hit_at[1] >= 0.6
    assert figures.mean_reciprocal_rank >= 0.7
    assert figures.refused == 1.0
    assert figures.grounded >= 0.95


def test_invented_answers_count_as_not_grounded(tmp_path: Path) -> None:
    corpus = handbook()
    writer = ScriptedWriter(*["Purple elephants negotiate quarterly [1]."] * len(corpus.cases))
    assert measure(corpus, a_settings(tmp_path), writer).grounded < 0.1
